//! A module with a token that is ready to be used.
//!
//! | contender | token |
//! |---|---|
//! | hsmsim | the group of topology `instant`, in a state directory of its own |
//! | SoftHSM2 | initialised here, in a token directory of its own |
//! | of `HSMSIM_BENCH_MODULES` | the one that is named, else the first blank one is initialised |
//!
//! A token that existed before is left as it was: whatever the cases make there is destroyed.

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SLOT_ID, CKU_SO, CKU_USER};

use crate::{
    cases::crowd,
    raw::{Module, Session, TokenSlot, set_environment},
    report::{HSMSIM, SOFTHSM2},
    words::{Attribute, Mechanism, Refusal, Result},
};

/// Handles of a public key and a private key.
type Pair = (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE);

/// Names further modules: `name=path` or `name=path:label:pin`, several divided by semicolons.
pub const MODULES_VARIABLE: &str = "HSMSIM_BENCH_MODULES";

const LABEL: &str = "hsmsim-bench";
const SO_PIN: &str = "87654321";
/// The PIN of whoever uses a token that was made here.
pub(crate) const USER_PIN: &str = "12345678";

/// Where Debian and others put SoftHSM2.
const SOFTHSM2_PATHS: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// SoftHSM2's module, if it is installed.
pub fn softhsm2() -> Option<PathBuf> {
    SOFTHSM2_PATHS.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Which token of a module is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The first that is initialised; it lives in a directory that is deleted afterwards.
    FirstReady,
    /// The first that is blank; it is initialised.
    FirstBlank,
    /// The one with this label and PIN; it is left as it was.
    Named {
        /// The token's label.
        label: String,
        /// Its user PIN.
        pin: String,
    },
}

/// A module that is to take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the table.
    pub name: String,
    /// The shared object.
    pub path: PathBuf,
    /// The token to use.
    pub choice: Choice,
}

impl Entry {
    /// hsmsim's own module.
    pub fn hsmsim(path: PathBuf) -> Self {
        Self { name: HSMSIM.to_owned(), path, choice: Choice::FirstReady }
    }

    /// SoftHSM2's module.
    pub fn softhsm2(path: PathBuf) -> Self {
        Self { name: SOFTHSM2.to_owned(), path, choice: Choice::FirstBlank }
    }

    /// The modules of [`MODULES_VARIABLE`]'s value.
    ///
    /// # Errors
    /// A sentence about the entry that cannot be read.
    pub fn parse_list(value: &str) -> std::result::Result<Vec<Self>, String> {
        let entries = value.split(';').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(Self::parse).collect()
    }

    fn parse(entry: &str) -> std::result::Result<Self, String> {
        let form = || format!("{MODULES_VARIABLE}: expected name=path or name=path:label:pin");
        let (name, rest) = entry.split_once('=').ok_or_else(form)?;
        let mut parts = rest.splitn(3, ':');
        let path = parts.next().filter(|path| !path.is_empty()).ok_or_else(form)?;
        let choice = match (parts.next(), parts.next()) {
            (None, _) => Choice::FirstBlank,
            (Some(label), Some(pin)) => {
                Choice::Named { label: label.to_owned(), pin: pin.to_owned() }
            }
            (Some(_), None) => return Err(form()),
        };
        Ok(Self { name: name.to_owned(), path: path.into(), choice })
    }
}

/// Points hsmsim and SoftHSM2 at empty directories under `directory`. To be called before any
/// module is loaded and any thread is made.
///
/// # Errors
/// A sentence about the file that cannot be written.
pub fn prepare_environment(directory: &Path) -> std::result::Result<(), String> {
    let state = directory.join("hsmsim");
    let tokens = directory.join("softhsm2");
    let configuration = directory.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    std::fs::create_dir(&tokens)
        .and_then(|()| std::fs::write(&configuration, text))
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    set_environment(&[
        ("HSMSIM_STATE", Some(&state)),
        ("HSMSIM_CONFIG", Some(Path::new("instant"))),
        ("HSMSIM_LOG", None),
        ("HSMSIM_RECORD", None),
        ("HSMSIM_TIME_SCALE", None),
        ("SOFTHSM2_CONF", Some(&configuration)),
    ]);
    Ok(())
}

/// A module that takes part, with its token.
#[derive(Debug)]
pub struct Contender {
    /// Its name in the table.
    pub name: String,
    /// Its token.
    pub token: Token,
}

impl Contender {
    /// Loads the module, initialises it, chooses the token and logs in.
    ///
    /// # Errors
    /// A sentence that says what refused.
    pub fn enter(entry: Entry) -> std::result::Result<Self, String> {
        let module = Module::load(&entry.path)?;
        let token = Token::open(module, &entry)
            .map_err(|error| format!("{}: {error}", entry.path.display()))?;
        Ok(Self { name: entry.name, token })
    }
}

/// Opens sessions with a token.
#[derive(Clone, Copy, Debug)]
pub struct Opener {
    module: &'static Module,
    slot: CK_SLOT_ID,
}

impl Opener {
    /// A session of its own; logged in, as all sessions of an application are at once.
    ///
    /// # Errors
    /// What the module answers.
    pub fn open_session(&self) -> Result<Session> {
        self.module.open_session(self.slot)
    }
}

/// How another process comes to the same token.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The shared object.
    pub path: PathBuf,
    /// The token's label.
    pub label: String,
    /// Its user PIN.
    pub pin: String,
}

/// A token that is logged in to.
#[derive(Debug)]
pub struct Token {
    opener: Opener,
    credentials: Credentials,
    /// Keeps the login alive, and makes and destroys the objects of the cases.
    session: Session,
    /// Objects of the case that runs, to be destroyed after it.
    owed: Mutex<Vec<CK_OBJECT_HANDLE>>,
    /// Pairs that several cases use, by their bits.
    pairs: Mutex<HashMap<usize, Pair>>,
    /// Objects among which one is found.
    crowd: Vec<CK_OBJECT_HANDLE>,
    /// Whether the token lives on, so that the crowd and the pairs must not.
    lives_on: bool,
}

impl Token {
    fn open(module: &'static Module, entry: &Entry) -> std::result::Result<Self, String> {
        let told = |refusal: Refusal| refusal.to_string();
        module.initialize().map_err(told)?;
        let slots = module.token_slots().map_err(told)?;
        let (slot, label, pin) = match &entry.choice {
            Choice::FirstReady => {
                let ready = slots.iter().find(|slot| slot.initialized);
                let ready = ready.ok_or("no token is initialised")?;
                (ready.slot, &*ready.label, USER_PIN)
            }
            Choice::FirstBlank => (initialize_blank(module, &slots)?, LABEL, USER_PIN),
            Choice::Named { label, pin } => {
                let named = slots.iter().find(|slot| slot.label == *label);
                let named = named.ok_or_else(|| format!("no token has the label {label:?}"))?;
                (named.slot, &**label, &**pin)
            }
        };
        let session = module.open_session(slot).map_err(told)?;
        session.login(CKU_USER, pin).map_err(told)?;
        let path = entry.path.clone();
        Ok(Self {
            opener: Opener { module, slot },
            credentials: Credentials { path, label: label.to_owned(), pin: pin.to_owned() },
            session,
            owed: Mutex::default(),
            pairs: Mutex::default(),
            crowd: Vec::new(),
            lives_on: matches!(entry.choice, Choice::Named { .. }),
        })
    }

    /// Opens sessions with this token.
    pub fn opener(&self) -> Opener {
        self.opener
    }

    /// How another process comes to this token.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// A session of its own.
    ///
    /// # Errors
    /// What the module answers; so in all functions below.
    pub fn open_session(&self) -> Result<Session> {
        self.opener.open_session()
    }

    /// Makes a secret key for this case.
    pub fn generate_key(
        &self,
        mechanism: &Mechanism<'_>,
        template: &[Attribute<'_>],
    ) -> Result<CK_OBJECT_HANDLE> {
        let key = self.session.generate_key(mechanism, template)?;
        self.owe(&[key]);
        Ok(key)
    }

    /// Makes a key pair for this case; gives the public key and the private key.
    pub fn generate_key_pair(
        &self,
        mechanism: &Mechanism<'_>,
        public: &[Attribute<'_>],
        private: &[Attribute<'_>],
    ) -> Result<Pair> {
        let pair = self.session.generate_key_pair(mechanism, public, private)?;
        self.owe(&[pair.0, pair.1]);
        Ok(pair)
    }

    /// Makes an object for this case.
    pub fn create(&self, template: &[Attribute<'_>]) -> Result<CK_OBJECT_HANDLE> {
        let object = self.session.create(template)?;
        self.owe(&[object]);
        Ok(object)
    }

    /// The pair of so many bits that several cases share; `generate` makes it for the first of them.
    ///
    /// # Panics
    /// If another case panicked while it made one.
    pub fn kept_pair(
        &self,
        bits: usize,
        generate: impl FnOnce(&Session) -> Result<Pair>,
    ) -> Result<Pair> {
        let mut pairs = self.pairs.lock().expect("no holder panics");
        if let Some(pair) = pairs.get(&bits) {
            return Ok(*pair);
        }
        let pair = generate(&self.session)?;
        pairs.insert(bits, pair);
        Ok(pair)
    }

    /// These objects are destroyed after the case.
    ///
    /// # Panics
    /// If another case panicked while it did the same.
    pub fn owe(&self, objects: &[CK_OBJECT_HANDLE]) {
        self.owed.lock().expect("no holder panics").extend_from_slice(objects);
    }

    /// Destroys what the case left.
    ///
    /// # Panics
    /// If a case panicked while it made objects.
    pub fn clean(&mut self) -> Result<()> {
        let owed = std::mem::take(self.owed.get_mut().expect("no holder panics"));
        owed.into_iter().try_for_each(|object| self.session.destroy(object))
    }

    /// Fills the token until there are so many objects of the crowd, or gives up when `patience` is
    /// over. Gives how many there are now.
    pub fn fill(&mut self, count: usize, patience: Duration) -> Result<usize> {
        let start = Instant::now();
        while self.crowd.len() < count && start.elapsed() < patience {
            self.crowd.push(crowd::add(&self.session, self.crowd.len())?);
        }
        Ok(self.crowd.len())
    }

    /// Objects of the crowd that there are.
    pub fn crowd(&self) -> usize {
        self.crowd.len()
    }

    /// Leaves the token as it was, if it lives on, and finalises the module.
    ///
    /// # Panics
    /// If a case panicked while it made objects.
    pub fn leave(mut self) -> Result<()> {
        self.clean()?;
        if self.lives_on {
            let pairs = std::mem::take(self.pairs.get_mut().expect("no holder panics"));
            let pairs = pairs.into_values().flat_map(<[CK_OBJECT_HANDLE; 2]>::from);
            pairs
                .chain(std::mem::take(&mut self.crowd))
                .try_for_each(|object| self.session.destroy(object))?;
        }
        self.session.close()?;
        self.opener.module.finalize()
    }
}

fn initialize_blank(
    module: &'static Module,
    slots: &[TokenSlot],
) -> std::result::Result<CK_SLOT_ID, String> {
    let told = |refusal| format!("{refusal}");
    let blank = slots.iter().find(|slot| !slot.initialized).ok_or("no token is blank")?;
    module.init_token(blank.slot, SO_PIN, LABEL).map_err(told)?;
    // SoftHSM2 gives the token another slot number now.
    let slots = module.token_slots().map_err(told)?;
    let made = slots.iter().find(|slot| slot.label == LABEL && !slot.initialized);
    let slot = made.ok_or("the token is gone after C_InitToken")?.slot;
    let session = module.open_session(slot).map_err(told)?;
    session.login(CKU_SO, SO_PIN).map_err(told)?;
    session.init_pin(USER_PIN).map_err(told)?;
    session.logout().map_err(told)?;
    Ok(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_with_or_without_a_token() {
        let entries = Entry::parse_list("a=/lib/a.so; b=/lib/b.so:my token:1:2;").expect("entries");
        let named = Choice::Named { label: "my token".into(), pin: "1:2".into() };
        assert_eq!(
            entries,
            [
                Entry { name: "a".into(), path: "/lib/a.so".into(), choice: Choice::FirstBlank },
                Entry { name: "b".into(), path: "/lib/b.so".into(), choice: named },
            ]
        );
        for wrong in ["/lib/a.so", "a=", "a=/lib/a.so:label"] {
            Entry::parse_list(wrong).expect_err(wrong);
        }
    }
}
