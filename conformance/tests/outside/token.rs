//! The module's calls, each in one part.

use std::{collections::BTreeSet, panic};

use cryptoki_sys::*;
use hsmsim_conformance::{
    call,
    case::{Bench, Mechanism, Session, Stop, Template},
    module::{Module, Target, name},
};
use hsmsim_tests::{
    Sandbox, build,
    sandbox::{LABEL, USER_PIN},
};

/// A session of the user; what a call refuses ends the test.
pub(crate) struct Token<'a>(pub(crate) Session<'a>);

pub(crate) type Out<'a> = (&'a str, CK_RV);

/// A token in memory.
pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new("instant").with("HSMSIM_STATE", "memory")
}

/// The module, with its token.
pub(crate) fn module() -> Module {
    let mut module = Module::load(Target {
        path: build::module_path(),
        label: LABEL.into(),
        pin: USER_PIN.into(),
        so_pin: None,
        reserved: None,
    })
    .expect("the module");
    module.initialise().expect("a token");
    module
}

/// Does the work of every row in a session of its own, and fails with the names of those that failed.
pub(crate) fn each<R>(
    module: &Module,
    rows: &[R],
    title: impl Fn(&R) -> String,
    work: impl Fn(&Token<'_>, &R),
) {
    let mut failed = Vec::new();
    for row in rows {
        let token = Token::open(module);
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| work(&token, row)));
        if outcome.is_err() {
            eprintln!("^ {}", title(row));
            failed.push(title(row));
        }
        token.0.close();
    }
    assert!(failed.is_empty(), "{} of {} rows: {failed:#?}", failed.len(), rows.len());
}

/// The numbers of a table, each once.
pub(crate) fn numbers(rows: impl IntoIterator<Item = CK_MECHANISM_TYPE>) -> BTreeSet<u64> {
    rows.into_iter().collect()
}

/// Data for the C functions.
pub(crate) fn raw(data: &[u8]) -> (*mut u8, CK_ULONG) {
    (data.as_ptr().cast_mut(), data.len() as CK_ULONG)
}

/// Bytes that are the same every time.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(37).wrapping_add(11)).collect()
}

/// Bytes as OpenSSL's options want them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
pub(crate) fn ok((what, rv): Out<'_>) {
    assert_eq!(name(rv), "CKR_OK", "{what}");
}

/// The second call of the convention, with room for all there can be.
fn taken(call: impl FnOnce(*mut u8, *mut CK_ULONG) -> CK_RV) -> Result<Vec<u8>, CK_RV> {
    let (mut out, mut len) = (vec![0; 65_536], 65_536);
    match call(out.as_mut_ptr(), &mut len) {
        CKR_OK => {
            out.truncate(len as usize);
            Ok(out)
        }
        rv => Err(rv),
    }
}

impl<'a> Token<'a> {
    pub(crate) fn open(module: &'a Module) -> Self {
        match (Bench { module }).user() {
            Ok(session) => Self(session),
            Err(Stop::Fail(why) | Stop::Unsupported(why)) => panic!("{why}"),
        }
    }

    #[track_caller]
    pub(crate) fn object(&self, template: &Template) -> CK_OBJECT_HANDLE {
        let (rv, object) = self.0.create(template);
        ok(("C_CreateObject", rv));
        object
    }

    /// A secret key that may do everything.
    #[track_caller]
    pub(crate) fn secret(&self, key_type: CK_ULONG, value: &[u8]) -> CK_OBJECT_HANDLE {
        let template =
            readable(CKO_SECRET_KEY, key_type).flag(CKA_TOKEN, false).bytes(CKA_VALUE, value);
        let uses = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP];
        let template = uses.into_iter().fold(template, |t, used| t.flag(used, true));
        self.object(&template.flag(CKA_DERIVE, true))
    }

    #[track_caller]
    pub(crate) fn value(&self, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> Vec<u8> {
        let (rv, value) = self.0.get(object, kind);
        ok(("C_GetAttributeValue", rv));
        value
    }

    #[track_caller]
    pub(crate) fn digest(&self, m: &Mechanism, data: &[u8]) -> Vec<u8> {
        let s = &self.0;
        let (at, len) = raw(data);
        ok(("C_DigestInit", call!(s.module, C_DigestInit(s.handle, &mut m.raw()))));
        let out = taken(|out, room| call!(s.module, C_Digest(s.handle, at, len, out, room)));
        out.unwrap_or_else(|rv| panic!("C_Digest: {}", name(rv)))
    }

    #[track_caller]
    pub(crate) fn sign(&self, m: &Mechanism, key: CK_OBJECT_HANDLE, data: &[u8]) -> Vec<u8> {
        let s = &self.0;
        let (at, len) = raw(data);
        ok(("C_SignInit", call!(s.module, C_SignInit(s.handle, &mut m.raw(), key))));
        let out = taken(|out, room| call!(s.module, C_Sign(s.handle, at, len, out, room)));
        out.unwrap_or_else(|rv| panic!("C_Sign: {}", name(rv)))
    }

    #[track_caller]
    pub(crate) fn verifies(
        &self,
        m: &Mechanism,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> bool {
        let s = &self.0;
        let ((at, len), (signature, size)) = (raw(data), raw(signature));
        ok(("C_VerifyInit", call!(s.module, C_VerifyInit(s.handle, &mut m.raw(), key))));
        match call!(s.module, C_Verify(s.handle, at, len, signature, size)) {
            CKR_OK => true,
            CKR_SIGNATURE_INVALID | CKR_SIGNATURE_LEN_RANGE => false,
            rv => panic!("C_Verify: {}", name(rv)),
        }
    }

    #[track_caller]
    pub(crate) fn encrypt(&self, m: &Mechanism, key: CK_OBJECT_HANDLE, data: &[u8]) -> Vec<u8> {
        let s = &self.0;
        let (at, len) = raw(data);
        ok(("C_EncryptInit", call!(s.module, C_EncryptInit(s.handle, &mut m.raw(), key))));
        let out = taken(|out, room| call!(s.module, C_Encrypt(s.handle, at, len, out, room)));
        out.unwrap_or_else(|rv| panic!("C_Encrypt: {}", name(rv)))
    }

    #[track_caller]
    pub(crate) fn decrypt(&self, m: &Mechanism, key: CK_OBJECT_HANDLE, data: &[u8]) -> Vec<u8> {
        let s = &self.0;
        let (at, len) = raw(data);
        ok(("C_DecryptInit", call!(s.module, C_DecryptInit(s.handle, &mut m.raw(), key))));
        let out = taken(|out, room| call!(s.module, C_Decrypt(s.handle, at, len, out, room)));
        out.unwrap_or_else(|rv| panic!("C_Decrypt: {}", name(rv)))
    }

    #[track_caller]
    pub(crate) fn wrap(
        &self,
        m: &Mechanism,
        by: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Vec<u8> {
        let s = &self.0;
        let out = taken(|out, room| {
            call!(s.module, C_WrapKey(s.handle, &mut m.raw(), by, key, out, room))
        });
        out.unwrap_or_else(|rv| panic!("C_WrapKey: {}", name(rv)))
    }

    #[track_caller]
    pub(crate) fn unwrap(
        &self,
        m: &Mechanism,
        by: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        template: &Template,
    ) -> CK_OBJECT_HANDLE {
        let (rv, key) = self.0.unwrap(m, by, wrapped, template);
        ok(("C_UnwrapKey", rv));
        key
    }

    /// A readable object, derived.
    #[track_caller]
    pub(crate) fn derive(
        &self,
        m: &Mechanism,
        base: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> CK_OBJECT_HANDLE {
        let (rv, key) = self.0.derive(m, base, template);
        ok(("C_DeriveKey", rv));
        key
    }

    /// A derivation that leaves its keys in its parameter, and gives no handle.
    #[track_caller]
    pub(crate) fn derive_without_a_key(
        &self,
        m: &Mechanism,
        base: CK_OBJECT_HANDLE,
        template: &Template,
    ) {
        let s = &self.0;
        let mut list = template.raw();
        let (first, count) = (list.as_mut_ptr(), list.len() as CK_ULONG);
        let none = std::ptr::null_mut();
        let rv = call!(s.module, C_DeriveKey(s.handle, &mut m.raw(), base, first, count, none));
        ok(("C_DeriveKey", rv));
    }

    /// A key of HOTP with a count of 0.
    #[track_caller]
    pub(crate) fn hotp(&self, value: &[u8]) -> CK_OBJECT_HANDLE {
        let template = readable(CKO_OTP_KEY, CKK_HOTP)
            .flag(CKA_TOKEN, false)
            .flag(CKA_SIGN, true)
            .number(CKA_OTP_FORMAT, CK_OTP_FORMAT_DECIMAL)
            .number(CKA_OTP_LENGTH, 6)
            .bytes(CKA_OTP_COUNTER, &[0; 8])
            .bytes(CKA_VALUE, value);
        self.object(&template)
    }

    /// The next one-time password of a key.
    #[track_caller]
    pub(crate) fn one_time(&self, key: CK_OBJECT_HANDLE) -> String {
        let out = self.sign(&Mechanism::plain(CKM_HOTP), key, &[]);
        // SAFETY: the signature is this structure, and what it points to stands behind it in the same
        // place (6.45.5), which has not moved since C_Sign wrote it.
        unsafe {
            let info = out.as_ptr().cast::<CK_OTP_SIGNATURE_INFO>().read_unaligned();
            (0..info.ulCount as usize)
                .map(|at| info.pParams.add(at).read_unaligned())
                .find(|param| param.type_ == CK_OTP_VALUE)
                .map(|param| {
                    let value = param.pValue.cast::<u8>();
                    let len = param.ulValueLen as usize;
                    String::from_utf8_lossy(std::slice::from_raw_parts(value, len)).into_owned()
                })
                .expect("a password")
        }
    }

    /// The value of a secret of that length, derived.
    #[track_caller]
    pub(crate) fn derived(&self, m: &Mechanism, base: CK_OBJECT_HANDLE, len: usize) -> Vec<u8> {
        let template = readable(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let key = self.derive(m, base, &template.number(CKA_VALUE_LEN, len as CK_ULONG));
        self.value(key, CKA_VALUE)
    }

    /// A ciphertext for a public key, and the value of the secret in it.
    #[track_caller]
    pub(crate) fn encapsulated(
        &self,
        m: &Mechanism,
        public: CK_OBJECT_HANDLE,
    ) -> (Vec<u8>, Vec<u8>) {
        let template = readable(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let (rv, ciphertext, key) = self.0.encapsulate(m, public, &template);
        ok(("C_EncapsulateKey", rv));
        (ciphertext, self.value(key, CKA_VALUE))
    }

    /// The value of the secret in a ciphertext.
    #[track_caller]
    pub(crate) fn decapsulated(
        &self,
        m: &Mechanism,
        private: CK_OBJECT_HANDLE,
        ciphertext: &[u8],
    ) -> Vec<u8> {
        let template = readable(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let (rv, key) = self.0.decapsulate(m, private, ciphertext, &template);
        ok(("C_DecapsulateKey", rv));
        self.value(key, CKA_VALUE)
    }

    /// The value of a secret of that length, generated.
    #[track_caller]
    pub(crate) fn generated(&self, m: &Mechanism, len: usize) -> Vec<u8> {
        let template = readable(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let (rv, key) = self.0.generate(m, &template.number(CKA_VALUE_LEN, len as CK_ULONG));
        ok(("C_GenerateKey", rv));
        self.value(key, CKA_VALUE)
    }
}

/// A key whose value can be read.
pub(crate) fn readable(class: CK_ULONG, key_type: CK_ULONG) -> Template {
    Template::new()
        .number(CKA_CLASS, class)
        .number(CKA_KEY_TYPE, key_type)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true)
}
