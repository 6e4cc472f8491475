//! The keys that the application works with. Their identities outlive C_Finalize, their handles do not.

use cryptoki_sys::*;

use crate::module::{Attribute, Code, Module, Result};

/// DER of the named curve P-256.
const P256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// A key.
pub(super) struct Key {
    pub(super) handle: CK_OBJECT_HANDLE,
    /// CKA_UNIQUE_ID.
    id: Vec<u8>,
}

impl Key {
    fn of(module: &Module, session: CK_SESSION_HANDLE, handle: CK_OBJECT_HANDLE) -> Result<Self> {
        Ok(Self { handle, id: module.attribute(session, handle, CKA_UNIQUE_ID)? })
    }

    fn find_again(&mut self, module: &Module, session: CK_SESSION_HANDLE) -> Result<()> {
        let found = module.find_all(session, CKA_UNIQUE_ID, &self.id)?;
        self.handle = *found.first().ok_or(Code(CKR_KEY_HANDLE_INVALID))?;
        Ok(())
    }
}

/// The keys, and what is public of them.
pub(super) struct Keys {
    pub(super) rsa: Key,
    pub(super) ec: Key,
    pub(super) ec_public: Key,
    pub(super) aes: Key,
    pub(super) modulus: Vec<u8>,
    pub(super) exponent: Vec<u8>,
    pub(super) point: Vec<u8>,
}

impl Keys {
    pub(super) fn make(
        module: &Module,
        session: CK_SESSION_HANDLE,
        label: impl Fn() -> Vec<u8>,
    ) -> Result<Self> {
        let (rsa_public, rsa) = make_rsa(module, session, &label())?;
        let (ec_public, ec) = make_ec(module, session, &label())?;
        let aes = module.generate(
            session,
            CKM_AES_KEY_GEN,
            &[
                Attribute::Bool(CKA_TOKEN, true),
                Attribute::Ulong(CKA_VALUE_LEN, 32),
                Attribute::Bool(CKA_ENCRYPT, true),
                Attribute::Bool(CKA_DECRYPT, true),
            ],
        )?;
        let point = module.attribute(session, ec_public, CKA_EC_POINT)?;
        Ok(Self {
            rsa: Key::of(module, session, rsa)?,
            ec: Key::of(module, session, ec)?,
            ec_public: Key::of(module, session, ec_public)?,
            aes: Key::of(module, session, aes)?,
            modulus: module.attribute(session, rsa_public, CKA_MODULUS)?,
            exponent: module.attribute(session, rsa_public, CKA_PUBLIC_EXPONENT)?,
            // A DER OCTET STRING of 65 bytes around the point.
            point: point.strip_prefix(&[0x04, 0x41]).map_or(point.clone(), <[u8]>::to_vec),
        })
    }

    /// The handles of a library that was initialised anew.
    pub(super) fn find_again(&mut self, module: &Module, session: CK_SESSION_HANDLE) -> Result<()> {
        for key in [&mut self.rsa, &mut self.ec, &mut self.ec_public, &mut self.aes] {
            key.find_again(module, session)?;
        }
        Ok(())
    }
}

/// A token key pair, RSA-2048: public, private.
pub(super) fn make_rsa(
    module: &Module,
    session: CK_SESSION_HANDLE,
    label: &[u8],
) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    module.generate_pair(
        session,
        CKM_RSA_PKCS_KEY_PAIR_GEN,
        &[
            Attribute::Bool(CKA_TOKEN, true),
            Attribute::Bytes(CKA_LABEL, label),
            Attribute::Ulong(CKA_MODULUS_BITS, 2048),
            Attribute::Bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
            Attribute::Bool(CKA_VERIFY, true),
        ],
        &private(label),
    )
}

/// A token key pair, P-256: public, private.
pub(super) fn make_ec(
    module: &Module,
    session: CK_SESSION_HANDLE,
    label: &[u8],
) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    module.generate_pair(
        session,
        CKM_EC_KEY_PAIR_GEN,
        &[
            Attribute::Bool(CKA_TOKEN, true),
            Attribute::Bytes(CKA_LABEL, label),
            Attribute::Bytes(CKA_EC_PARAMS, &P256),
            Attribute::Bool(CKA_VERIFY, true),
        ],
        &private(label),
    )
}

/// The private half of a pair that signs.
fn private(label: &[u8]) -> [Attribute<'_>; 3] {
    [
        Attribute::Bool(CKA_TOKEN, true),
        Attribute::Bytes(CKA_LABEL, label),
        Attribute::Bool(CKA_SIGN, true),
    ]
}
