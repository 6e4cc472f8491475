//! A statement and what a module can answer to it.

use std::ptr::null_mut;

use cryptoki_sys::*;
use serde::{Deserialize, Serialize};

use crate::{
    call,
    module::{Module, name},
};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The module does what the standard says.
    Pass,
    /// It does something else, crashes or hangs.
    Fail,
    /// It says CKR_FUNCTION_NOT_SUPPORTED, or does not list the mechanism.
    Unsupported,
}

/// Why a body ended early.
#[derive(Clone, Debug)]
pub enum Stop {
    /// What was seen instead.
    Fail(String),
    /// What is not there.
    Unsupported(String),
}

/// What a body gives.
pub type Check = Result<(), Stop>;

/// A failure with its reason.
pub fn fail<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Fail(why.into()))
}

/// Holds, or fails with the reason.
///
/// # Errors
/// The reason, if it does not hold.
pub fn hold(condition: bool, why: impl FnOnce() -> String) -> Check {
    if condition { Ok(()) } else { fail(why()) }
}

/// One of these codes, or a failure that says which came; CKR_FUNCTION_NOT_SUPPORTED where it was not
/// asked for means unsupported.
///
/// # Errors
/// Another code.
pub fn expect(rv: CK_RV, codes: &[CK_RV], what: &str) -> Check {
    if codes.contains(&rv) {
        return Ok(());
    }
    if rv == CKR_FUNCTION_NOT_SUPPORTED {
        return Err(Stop::Unsupported(what.to_owned()));
    }
    let codes: Vec<_> = codes.iter().map(|&code| name(code)).collect();
    fail(format!("{what}: {} instead of {}", name(rv), codes.join(" or ")))
}

/// CKR_OK.
///
/// # Errors
/// Another code.
pub fn ok(rv: CK_RV, what: &str) -> Check {
    expect(rv, &[CKR_OK], what)
}

/// A body.
pub type Body = Box<dyn Fn(&Bench) -> Check>;

/// A statement.
pub struct Case {
    /// `object.copy.not-copyable`.
    pub id: String,
    /// Chapter of PKCS#11 3.1, or of 3.2 where it says so.
    pub chapter: &'static str,
    /// One sentence.
    pub statement: String,
    /// Asks the module.
    pub body: Body,
}

/// What a body works with: the module, initialised, without sessions.
pub struct Bench<'a> {
    /// The module.
    pub module: &'a Module,
}

/// Bytes of an attribute.
pub type Value = Vec<u8>;
/// A template that owns its values.
#[derive(Clone, Debug, Default)]
pub struct Template(pub Vec<(CK_ATTRIBUTE_TYPE, Value)>);

impl Template {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a number.
    #[must_use]
    pub fn number(self, kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// With a CK_BBOOL.
    #[must_use]
    pub fn flag(self, kind: CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        self.bytes(kind, &[u8::from(value)])
    }

    /// With bytes; a kind that is there already is replaced.
    #[must_use]
    pub fn bytes(mut self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.retain(|known| known.0 != kind);
        self.0.push((kind, value.to_vec()));
        self
    }

    /// Without that kind.
    #[must_use]
    pub fn without(mut self, kind: CK_ATTRIBUTE_TYPE) -> Self {
        self.0.retain(|known| known.0 != kind);
        self
    }

    /// As C wants it; valid while `self` is.
    pub fn raw(&self) -> Vec<CK_ATTRIBUTE> {
        let raw = |(kind, value): &(CK_ATTRIBUTE_TYPE, Value)| CK_ATTRIBUTE {
            type_: *kind,
            pValue: value.as_ptr().cast_mut().cast(),
            ulValueLen: value.len() as CK_ULONG,
        };
        self.0.iter().map(raw).collect()
    }
}

/// A session, and what most bodies do with one.
pub struct Session<'a> {
    /// The module.
    pub module: &'a Module,
    /// The handle.
    pub handle: CK_SESSION_HANDLE,
}

impl<'a> Bench<'a> {
    /// A session with these flags beside CKF_SERIAL_SESSION.
    ///
    /// # Errors
    /// What C_OpenSession says.
    pub fn open(&self, flags: CK_FLAGS) -> Result<Session<'a>, Stop> {
        let (module, mut handle) = (self.module, 0);
        let flags = flags | CKF_SERIAL_SESSION;
        ok(
            call!(module, C_OpenSession(module.slot, flags, null_mut(), None, &mut handle)),
            "C_OpenSession",
        )?;
        Ok(Session { module, handle })
    }

    /// A read-write session.
    ///
    /// # Errors
    /// What C_OpenSession says.
    pub fn session(&self) -> Result<Session<'a>, Stop> {
        self.open(CKF_RW_SESSION)
    }

    /// A read-write session of the user.
    ///
    /// # Errors
    /// What C_OpenSession or C_Login say.
    pub fn user(&self) -> Result<Session<'a>, Stop> {
        let session = self.session()?;
        // A body may want a second session of the user, who then is logged in already.
        let codes = &[CKR_OK, CKR_USER_ALREADY_LOGGED_IN];
        expect(session.login(CKU_USER, &self.module.target.pin), codes, "C_Login")?;
        Ok(session)
    }
}

impl Session<'_> {
    /// C_Login.
    pub fn login(&self, user: CK_USER_TYPE, pin: &str) -> CK_RV {
        let mut pin = pin.as_bytes().to_vec();
        call!(self.module, C_Login(self.handle, user, pin.as_mut_ptr(), pin.len() as CK_ULONG))
    }

    /// C_CreateObject: the code and the handle.
    pub fn create(&self, template: &Template) -> (CK_RV, CK_OBJECT_HANDLE) {
        let (mut raw, mut object) = (template.raw(), 0);
        let count = raw.len() as CK_ULONG;
        let rv =
            call!(self.module, C_CreateObject(self.handle, raw.as_mut_ptr(), count, &mut object));
        (rv, object)
    }

    /// An object that has to be there.
    ///
    /// # Errors
    /// What C_CreateObject says.
    pub fn object(&self, template: &Template) -> Result<CK_OBJECT_HANDLE, Stop> {
        let (rv, object) = self.create(template);
        ok(rv, "C_CreateObject")?;
        Ok(object)
    }

    /// C_GenerateKey: the code and the handle.
    pub fn generate(
        &self,
        mechanism: &Mechanism,
        template: &Template,
    ) -> (CK_RV, CK_OBJECT_HANDLE) {
        let (mut raw, mut key) = (template.raw(), 0);
        let count = raw.len() as CK_ULONG;
        let mut mechanism = mechanism.raw();
        let rv = call!(
            self.module,
            C_GenerateKey(self.handle, &mut mechanism, raw.as_mut_ptr(), count, &mut key)
        );
        (rv, key)
    }

    /// C_GenerateKeyPair: the code and the handles, public first.
    pub fn generate_pair(
        &self,
        mechanism: &Mechanism,
        public: &Template,
        private: &Template,
    ) -> (CK_RV, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
        let (mut public, mut private) = (public.raw(), private.raw());
        let (mut one, mut other) = (0, 0);
        let mut mechanism = mechanism.raw();
        let rv = call!(
            self.module,
            C_GenerateKeyPair(
                self.handle,
                &mut mechanism,
                public.as_mut_ptr(),
                public.len() as CK_ULONG,
                private.as_mut_ptr(),
                private.len() as CK_ULONG,
                &mut one,
                &mut other,
            )
        );
        (rv, one, other)
    }

    /// C_GetAttributeValue of one attribute: the code and the value.
    pub fn get(&self, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> (CK_RV, Value) {
        let mut asked = CK_ATTRIBUTE { type_: kind, pValue: null_mut(), ulValueLen: 0 };
        let rv = call!(self.module, C_GetAttributeValue(self.handle, object, &mut asked, 1));
        if rv != CKR_OK || asked.ulValueLen == CK_UNAVAILABLE_INFORMATION {
            return (rv, Vec::new());
        }
        let mut value = vec![0; asked.ulValueLen as usize];
        asked.pValue = value.as_mut_ptr().cast();
        let rv = call!(self.module, C_GetAttributeValue(self.handle, object, &mut asked, 1));
        value.truncate(asked.ulValueLen as usize);
        (rv, value)
    }

    /// An attribute that has to be there.
    ///
    /// # Errors
    /// What C_GetAttributeValue says.
    pub fn value(&self, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> Result<Value, Stop> {
        let (rv, value) = self.get(object, kind);
        let what = hsmsim_types::names::or_hex(hsmsim_types::names::attribute, kind);
        ok(rv, &format!("C_GetAttributeValue of {what}"))?;
        Ok(value)
    }

    /// C_SetAttributeValue.
    pub fn set(&self, object: CK_OBJECT_HANDLE, template: &Template) -> CK_RV {
        let mut raw = template.raw();
        let count = raw.len() as CK_ULONG;
        call!(self.module, C_SetAttributeValue(self.handle, object, raw.as_mut_ptr(), count))
    }

    /// C_CopyObject: the code and the handle.
    pub fn copy(&self, object: CK_OBJECT_HANDLE, template: &Template) -> (CK_RV, CK_OBJECT_HANDLE) {
        let (mut raw, mut copy) = (template.raw(), 0);
        let count = raw.len() as CK_ULONG;
        let rv = call!(
            self.module,
            C_CopyObject(self.handle, object, raw.as_mut_ptr(), count, &mut copy)
        );
        (rv, copy)
    }

    /// C_DestroyObject.
    pub fn destroy(&self, object: CK_OBJECT_HANDLE) -> CK_RV {
        call!(self.module, C_DestroyObject(self.handle, object))
    }

    /// All objects that match.
    ///
    /// # Errors
    /// What the search says.
    pub fn find(&self, template: &Template) -> Result<Vec<CK_OBJECT_HANDLE>, Stop> {
        let mut raw = template.raw();
        let count = raw.len() as CK_ULONG;
        ok(
            call!(self.module, C_FindObjectsInit(self.handle, raw.as_mut_ptr(), count)),
            "C_FindObjectsInit",
        )?;
        let mut all = Vec::new();
        loop {
            let (mut some, mut found) = ([0; 16], 0);
            let rv =
                call!(self.module, C_FindObjects(self.handle, some.as_mut_ptr(), 16, &mut found));
            ok(rv, "C_FindObjects")?;
            all.extend_from_slice(&some[..found as usize]);
            if found == 0 {
                break;
            }
        }
        ok(call!(self.module, C_FindObjectsFinal(self.handle)), "C_FindObjectsFinal")?;
        Ok(all)
    }

    /// C_CloseSession.
    pub fn close(&self) -> CK_RV {
        call!(self.module, C_CloseSession(self.handle))
    }
}

/// A mechanism that owns its parameter: bytes, or a structure with the bytes it points to.
#[derive(Clone, Debug)]
pub struct Mechanism {
    /// CKM number.
    pub kind: CK_MECHANISM_TYPE,
    /// The parameter, 8-aligned; empty for none.
    words: Vec<u64>,
    len: usize,
    /// What the parameter points to; their heap addresses do not change when this moves.
    _pointed: Vec<Vec<u8>>,
}

impl Mechanism {
    /// Without a parameter.
    pub fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        Self { kind, words: Vec::new(), len: 0, _pointed: Vec::new() }
    }

    /// With bytes.
    pub fn bytes(kind: CK_MECHANISM_TYPE, bytes: &[u8]) -> Self {
        let mut words = vec![0_u64; bytes.len().div_ceil(8)];
        for (at, &byte) in bytes.iter().enumerate() {
            let mut word = words[at / 8].to_ne_bytes();
            word[at % 8] = byte;
            words[at / 8] = u64::from_ne_bytes(word);
        }
        Self { kind, words, len: bytes.len(), _pointed: Vec::new() }
    }

    /// With a structure of the standard; `pointed` is what it points to.
    pub fn structure<T: Copy>(kind: CK_MECHANISM_TYPE, value: T, pointed: Vec<Vec<u8>>) -> Self {
        let len = size_of::<T>();
        let mut words = vec![0_u64; len.div_ceil(8)];
        // SAFETY: as many bytes as both have; padding is copied as it is, never read here.
        unsafe {
            std::ptr::copy_nonoverlapping(
                (&raw const value).cast::<u8>(),
                words.as_mut_ptr().cast(),
                len,
            );
        }
        Self { kind, words, len, _pointed: pointed }
    }

    /// How long the parameter is.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// As C wants it; valid while `self` is.
    pub fn raw(&self) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: self.kind,
            pParameter: if self.len == 0 {
                null_mut()
            } else {
                self.words.as_ptr().cast_mut().cast()
            },
            ulParameterLen: self.len as CK_ULONG,
        }
    }
}
