//! Inits that the primary has allowed and need not be asked again: by the group for all its sessions, and the last
//! few by each session for itself, which so takes no lock that others share.

use std::{
    mem::{Discriminant, discriminant},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hsmsim_partition::api::{Checked, OperationKind};
use hsmsim_types::{Mechanism, ObjectHandle, ObjectId, Params};
use parking_lot::RwLock;

use crate::handles::Table;

/// A bound on what a group remembers; beyond it all is forgotten.
const MAX_CHECKS: usize = 4096;
/// What a session remembers.
const MAX_RECENT: usize = 4;

/// The answer to a check, and the mechanism that it was made with if every such check is of the same.
pub(crate) type Known = (Option<Arc<Mechanism>>, Checked);

/// What of a mechanism's parameters a check depends on: not the contents of an IV, which differ at every call, but
/// its length. Making one allocates nothing for those of ciphers.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Shape {
    /// All that they say.
    All(Params),
    /// Lengths, for parameters of that form.
    Lengths(Discriminant<Params>, [u64; 3]),
}

impl Shape {
    fn of(params: &Params) -> Self {
        Self::lengths(params).unwrap_or_else(|| Self::All(params.clone()))
    }

    fn is_of(&self, params: &Params) -> bool {
        match self {
            Self::All(all) => all == params,
            lengths => Self::lengths(params).as_ref() == Some(lengths),
        }
    }

    fn lengths(params: &Params) -> Option<Self> {
        let nonce = |bytes: &[u8]| bytes.len().min(64) as u64;
        let lengths = match params {
            Params::Bytes(bytes) => [bytes.len() as u64, 0, 0],
            Params::Gcm { iv, iv_bits, aad, tag_bits } => {
                [nonce(iv) << 1 | u64::from(!aad.is_empty()), *iv_bits, *tag_bits]
            }
            Params::Ccm { nonce: bytes, mac_len, .. } => [nonce(bytes), *mac_len, 0],
            Params::ChaCha20 { nonce: bytes, .. }
            | Params::ChaCha20Poly1305 { nonce: bytes, .. } => [nonce(bytes), 0, 0],
            Params::Ctr { counter_bits, .. } => [*counter_bits, 0, 0],
            _ => return None,
        };
        Some(Self::Lengths(discriminant(params), lengths))
    }
}

/// What is checked, as far as the answer depends on it; `K` names the key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct CheckOf<K> {
    kind: OperationKind,
    key: Option<K>,
    mechanism: u64,
    shape: Shape,
}

impl<K> CheckOf<K> {
    pub(crate) fn new(kind: OperationKind, key: Option<K>, mechanism: &Mechanism) -> Self {
        Self { kind, key, mechanism: mechanism.kind, shape: Shape::of(&mechanism.params) }
    }

    /// Whether it is the check of that.
    fn is_of(&self, kind: OperationKind, key: &Option<K>, mechanism: &Mechanism) -> bool
    where
        K: PartialEq,
    {
        (self.kind, self.mechanism) == (kind, mechanism.kind)
            && self.key == *key
            && self.shape.is_of(&mechanism.params)
    }

    /// The same check of a key by another name.
    pub(crate) fn of_key<L>(self, key: Option<L>) -> CheckOf<L> {
        let Self { kind, mechanism, shape, .. } = self;
        CheckOf { kind, key, mechanism, shape }
    }

    /// What is kept of a check with that mechanism.
    pub(crate) fn known(&self, mechanism: &Arc<Mechanism>, checked: Checked) -> Known {
        (matches!(self.shape, Shape::All(_)).then(|| Arc::clone(mechanism)), checked)
    }
}

/// What a group remembers.
#[derive(Default)]
pub(crate) struct Checks {
    // Lock: look-ups and changes only, never across an await.
    remembered: RwLock<Remembered>,
    /// How often all was forgotten.
    forgotten: AtomicU64,
}

#[derive(Default)]
struct Remembered {
    /// Of the primary's objects.
    generation: Option<u64>,
    known: Table<CheckOf<ObjectId>, Known>,
}

impl Checks {
    /// What a check gave, if it still holds at this generation of the primary's objects.
    pub(crate) fn find(&self, check: &CheckOf<ObjectId>, generation: Option<u64>) -> Option<Known> {
        let checks = self.remembered.read();
        (checks.generation == generation && generation.is_some())
            .then(|| checks.known.get(check).cloned())
            .flatten()
    }

    /// Remembers one.
    pub(crate) fn keep(&self, check: CheckOf<ObjectId>, generation: Option<u64>, known: Known) {
        let mut checks = self.remembered.write();
        if checks.generation != generation || checks.known.len() >= MAX_CHECKS {
            checks.known.clear();
            checks.generation = generation;
        }
        checks.known.insert(check, known);
    }

    /// Forgets all, and has the sessions forget: somebody logged in or out, or the primary changed.
    pub(crate) fn forget(&self) {
        let mut checks = self.remembered.write();
        checks.known.clear();
        self.forgotten.fetch_add(1, Ordering::AcqRel);
    }

    /// How often all was forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }
}

/// What must be the same for a session's checks to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The primary, and the number of its connection.
    pub(crate) primary: (usize, u64),
    /// The generation of its objects.
    pub(crate) objects: u64,
    /// [`Checks::forgotten`] of the group.
    pub(crate) checks: u64,
    /// How often handles were forgotten.
    pub(crate) handles: u64,
}

/// What a session remembers: handles here, so that these need not be looked up either.
#[derive(Default)]
pub(crate) struct RecentChecks {
    stamp: Option<Stamp>,
    recent: Vec<(CheckOf<ObjectHandle>, Option<ObjectId>, Known)>,
    /// Whose place the next one takes.
    next: usize,
}

impl RecentChecks {
    /// The key and the answer, if it was checked under that stamp.
    pub(crate) fn find(
        &self,
        kind: OperationKind,
        mechanism: &Mechanism,
        key: Option<ObjectHandle>,
        stamp: Stamp,
    ) -> Option<(&Option<ObjectId>, &Known)> {
        if self.stamp != Some(stamp) {
            return None;
        }
        let is_it = |check: &CheckOf<_>| check.is_of(kind, &key, mechanism);
        let (_, id, known) = self.recent.iter().find(|(check, ..)| is_it(check))?;
        Some((id, known))
    }

    /// Remembers one, in the place of the oldest.
    pub(crate) fn keep(
        &mut self,
        check: CheckOf<ObjectHandle>,
        stamp: Stamp,
        key: Option<ObjectId>,
        known: Known,
    ) {
        if self.stamp != Some(stamp) {
            self.stamp = Some(stamp);
            self.recent.clear();
            self.next = 0;
        }
        let one = (check, key, known);
        match self.recent.get_mut(self.next) {
            Some(place) => *place = one,
            None => self.recent.push(one),
        }
        self.next = (self.next + 1) % MAX_RECENT;
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_partition::output::OutputLen;
    use hsmsim_types::ck::*;

    use super::*;

    fn stamp(objects: u64) -> Stamp {
        Stamp { primary: (0, 1), objects, checks: 0, handles: 0 }
    }

    fn check(handle: u64, params: Params) -> CheckOf<ObjectHandle> {
        let mechanism = Mechanism { kind: CKM_AES_CBC, params };
        CheckOf::new(OperationKind::Encrypt, Some(ObjectHandle(handle)), &mechanism)
    }

    fn known() -> Known {
        let checked = Checked {
            output: OutputLen::Blocks(16),
            always_authenticate: false,
            changes_key: false,
            counts_key: false,
            session_key: false,
            ends_by_date: false,
        };
        (None, checked)
    }

    #[test]
    fn checks_that_differ_in_the_contents_of_an_iv_alone_are_one() {
        let iv = |byte, len| Params::Bytes(vec![byte; len]);
        assert!(check(1, iv(1, 16)) == check(1, iv(2, 16)));
        assert!(check(1, iv(1, 16)) != check(1, iv(1, 15)));
        assert!(check(1, iv(1, 16)) != check(2, iv(1, 16)));
        // A length that is given as a number is another parameter.
        assert!(check(1, iv(1, 16)) != check(1, Params::Length(16)));
        let gcm = |aad: &[u8]| {
            let (iv, aad) = (vec![0; 12], aad.to_vec());
            Params::Gcm { iv, iv_bits: 96, aad, tag_bits: 128 }
        };
        assert!(check(1, gcm(b"a")) == check(1, gcm(b"other")));
        assert!(check(1, gcm(b"a")) != check(1, gcm(b"")));
        for (params, is_it) in [(gcm(b"other"), true), (gcm(b""), false), (iv(1, 12), false)] {
            let (kind, key) = (OperationKind::Encrypt, Some(ObjectHandle(1)));
            let mechanism = Mechanism { kind: CKM_AES_CBC, params };
            assert_eq!(check(1, gcm(b"a")).is_of(kind, &key, &mechanism), is_it, "{mechanism:?}");
        }
    }

    #[test]
    fn a_session_remembers_its_last_few_checks_until_something_changes() {
        let mut recent = RecentChecks::default();
        let of = |handle| check(handle, Params::None);
        let find = |recent: &RecentChecks, handle, stamp| {
            let (mechanism, key) = (Mechanism::plain(CKM_AES_CBC), Some(ObjectHandle(handle)));
            let found = recent.find(OperationKind::Encrypt, &mechanism, key, stamp);
            found.map(|(id, _)| *id)
        };
        for handle in 1..=5 {
            recent.keep(of(handle), stamp(2), Some(ObjectId([handle as u8; 16])), known());
        }
        assert_eq!(find(&recent, 5, stamp(2)), Some(Some(ObjectId([5; 16]))));
        assert!(find(&recent, 1, stamp(2)).is_none(), "the oldest made room");
        assert!(find(&recent, 5, stamp(4)).is_none(), "the objects have changed");
        recent.keep(of(1), stamp(4), None, known());
        assert!(find(&recent, 5, stamp(4)).is_none(), "what held before does not come back");
    }
}
