//! Parameters of derivations and of what belongs to them (PKCS#11 3.1, 6.26 to 6.31, 6.42, 6.43, 6.61
//! and 6.64).
//!
//! Several of them name keys besides the one that C_DeriveKey is called with. The C boundary brings
//! their handles, the client library puts identities in their place ([`Mechanism::name_keys`]), and a
//! device knows identities alone.

use super::{Mechanism, Params};
use crate::{
    attribute::Template,
    handle::{ObjectHandle, ObjectId},
    secret::SecretBytes,
};

/// A key that the parameters of a mechanism name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyRef {
    /// As the application names it.
    Handle(ObjectHandle),
    /// As devices name it.
    Object(ObjectId),
}

/// The parameters of a derivation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KdfParams {
    /// CK_OBJECT_HANDLE, the second key of CKM_CONCATENATE_BASE_AND_KEY.
    Key(KeyRef),
    /// CK_HKDF_PARAMS.
    Hkdf {
        /// Whether the first half is done.
        extract: bool,
        /// Whether the second half is done.
        expand: bool,
        /// CKM number of the hash.
        hash: u64,
        /// The salt of the first half.
        salt: HkdfSalt,
        /// The info of the second half.
        info: Vec<u8>,
    },
    /// CK_SP800_108_KDF_PARAMS, CK_SP800_108_FEEDBACK_KDF_PARAMS.
    Sp800_108 {
        /// CKM number of the pseudorandom function.
        prf: u64,
        /// What goes into it, in this order.
        fields: Vec<PrfField>,
        /// What stands for the segment before the first: feedback mode only.
        iv: Vec<u8>,
        /// Templates of further keys, which are derived after the first.
        additional: Vec<Template>,
    },
    /// Luna's CK_KDF_PRF_PARAMS.
    LunaPrf {
        /// CK_NIST_PRF_KDF_ or CK_PRF_KDF_ number of the pseudorandom function.
        prf: u64,
        /// Label.
        label: Vec<u8>,
        /// Context.
        context: Vec<u8>,
        /// What the counter begins with.
        counter: u64,
        /// LUNA_PRF_KDF_ENCODING_ number of the layout.
        encoding: u64,
    },
    /// CK_PKCS5_PBKD2_PARAMS and CK_PKCS5_PBKD2_PARAMS2.
    Pbkdf2 {
        /// CKZ number of where the salt comes from.
        salt_source: u64,
        /// The salt.
        salt: Vec<u8>,
        /// Rounds.
        iterations: u64,
        /// CKP number of the pseudorandom function.
        prf: u64,
        /// Its own parameter, which none of them has.
        prf_data: Vec<u8>,
        /// The password.
        password: SecretBytes,
    },
    /// CK_TLS12_MASTER_KEY_DERIVE_PARAMS, CK_SSL3_MASTER_KEY_DERIVE_PARAMS.
    TlsMaster {
        /// Random numbers of both sides.
        random: TlsRandom,
        /// CKM number of the hash, where the structure names one.
        hash: Option<u64>,
        /// Whether there is a place for the version that the secret begins with.
        version: bool,
    },
    /// CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS.
    TlsExtendedMaster {
        /// CKM number of the hash.
        hash: u64,
        /// Hash of the handshake.
        session_hash: Vec<u8>,
        /// Whether there is a place for the version that the secret begins with.
        version: bool,
    },
    /// CK_TLS12_KEY_MAT_PARAMS, CK_SSL3_KEY_MAT_PARAMS.
    TlsKeyMaterial {
        /// Bits of a MAC key.
        mac_bits: u64,
        /// Bits of a cipher key.
        key_bits: u64,
        /// Bits of an initialisation vector.
        iv_bits: u64,
        /// Whether keys for export are asked for.
        export: bool,
        /// Random numbers of both sides.
        random: TlsRandom,
        /// CKM number of the hash, where the structure names one.
        hash: Option<u64>,
    },
    /// CK_TLS_KDF_PARAMS.
    TlsKdf {
        /// CKM number of the hash, or CKM_TLS_PRF.
        prf: u64,
        /// Label.
        label: Vec<u8>,
        /// Random numbers of both sides.
        random: TlsRandom,
        /// Context; none is not the same as an empty one.
        context: Option<Vec<u8>>,
    },
    /// CK_IKE_PRF_DERIVE_PARAMS.
    IkePrf {
        /// CKM number of the pseudorandom function.
        prf: u64,
        /// Whether the nonces are the key and the base key is the data.
        data_as_key: bool,
        /// The new shared secret, when rekeying.
        new_key: Option<KeyRef>,
        /// The initiator's nonce.
        initiator: Vec<u8>,
        /// The responder's nonce.
        responder: Vec<u8>,
    },
    /// CK_IKE1_PRF_DERIVE_PARAMS.
    Ike1Prf {
        /// CKM number of the pseudorandom function.
        prf: u64,
        /// The shared secret.
        secret: KeyRef,
        /// The key before this one.
        previous: Option<KeyRef>,
        /// The initiator's cookie.
        initiator: Vec<u8>,
        /// The responder's cookie.
        responder: Vec<u8>,
        /// Which key.
        number: u8,
    },
    /// CK_IKE1_EXTENDED_DERIVE_PARAMS.
    Ike1Extended {
        /// CKM number of the pseudorandom function.
        prf: u64,
        /// The shared secret.
        secret: Option<KeyRef>,
        /// Further data.
        extra: Vec<u8>,
    },
    /// CK_IKE2_PRF_PLUS_DERIVE_PARAMS.
    Ike2PrfPlus {
        /// CKM number of the pseudorandom function.
        prf: u64,
        /// A key that the seed begins with.
        seed_key: Option<KeyRef>,
        /// The seed.
        seed: Vec<u8>,
    },
}

/// The salt of HKDF (CKF_HKDF_SALT_).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HkdfSalt {
    /// None.
    Null,
    /// Bytes.
    Data(Vec<u8>),
    /// The value of a key.
    Key(KeyRef),
}

/// How CK_SP800_108_COUNTER_FORMAT and its kin write a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrfNumber {
    /// Least significant byte first.
    pub little_endian: bool,
    /// Bits.
    pub width_bits: u64,
}

/// CK_PRF_DATA_PARAM: a part of what goes into the pseudorandom function of SP 800-108.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PrfField {
    /// CK_SP800_108_ITERATION_VARIABLE; in counter mode with its format.
    IterationVariable(Option<PrfNumber>),
    /// CK_SP800_108_COUNTER.
    Counter(PrfNumber),
    /// CK_SP800_108_DKM_LENGTH: its method's number and its format.
    DkmLength(u64, PrfNumber),
    /// CK_SP800_108_BYTE_ARRAY.
    Bytes(Vec<u8>),
    /// CK_SP800_108_KEY_HANDLE.
    Key(KeyRef),
}

/// CK_SSL3_RANDOM_DATA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsRandom {
    /// The client's random number.
    pub client: Vec<u8>,
    /// The server's random number.
    pub server: Vec<u8>,
}

impl KdfParams {
    /// The keys that it names.
    fn keys_mut(&mut self) -> Vec<&mut KeyRef> {
        match self {
            Self::Key(key) | Self::Hkdf { salt: HkdfSalt::Key(key), .. } => vec![key],
            Self::Sp800_108 { fields, .. } => fields
                .iter_mut()
                .filter_map(|field| match field {
                    PrfField::Key(key) => Some(key),
                    _ => None,
                })
                .collect(),
            Self::IkePrf { new_key: key, .. }
            | Self::Ike1Extended { secret: key, .. }
            | Self::Ike2PrfPlus { seed_key: key, .. } => key.iter_mut().collect(),
            Self::Ike1Prf { secret, previous, .. } => {
                std::iter::once(secret).chain(previous.iter_mut()).collect()
            }
            Self::Hkdf { .. }
            | Self::LunaPrf { .. }
            | Self::Pbkdf2 { .. }
            | Self::TlsMaster { .. }
            | Self::TlsExtendedMaster { .. }
            | Self::TlsKeyMaterial { .. }
            | Self::TlsKdf { .. } => Vec::new(),
        }
    }
}

impl Mechanism {
    /// Puts identities in the place of handles, in all keys that the parameters name.
    ///
    /// # Errors
    /// What `find` says of a handle that is none.
    pub fn name_keys<E>(
        &mut self,
        find: impl Fn(ObjectHandle) -> Result<ObjectId, E>,
    ) -> Result<(), E> {
        if let Params::Kdf(kdf) = &mut self.params {
            for key in kdf.keys_mut() {
                if let KeyRef::Handle(handle) = *key {
                    *key = KeyRef::Object(find(handle)?);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck::*;

    #[test]
    fn every_key_that_parameters_name_gets_its_identity() {
        let key = |number| KeyRef::Handle(ObjectHandle(number));
        let named = |number| KeyRef::Object(ObjectId([number; 16]));
        let fields =
            |one, two| vec![PrfField::Key(one), PrfField::Bytes(vec![1]), PrfField::Key(two)];
        let sp800 = |fields| KdfParams::Sp800_108 {
            prf: CKM_AES_CMAC,
            fields,
            iv: vec![],
            additional: vec![],
        };
        let hkdf = |key| KdfParams::Hkdf {
            extract: true,
            expand: true,
            hash: CKM_SHA256,
            salt: HkdfSalt::Key(key),
            info: vec![],
        };
        let ike1 = |secret, previous| KdfParams::Ike1Prf {
            prf: CKM_SHA256_HMAC,
            secret,
            previous: Some(previous),
            initiator: vec![],
            responder: vec![],
            number: 0,
        };
        for (given, expected) in [
            (KdfParams::Key(key(1)), KdfParams::Key(named(1))),
            (hkdf(key(1)), hkdf(named(1))),
            (sp800(fields(key(1), key(2))), sp800(fields(named(1), named(2)))),
            (ike1(key(1), key(2)), ike1(named(1), named(2))),
        ] {
            let mut mechanism =
                Mechanism { kind: CKM_HKDF_DERIVE, params: Params::Kdf(Box::new(given)) };
            let refused = mechanism.clone().name_keys(|_| Err("no object has it"));
            assert_eq!(refused, Err("no object has it"));
            let found = mechanism.name_keys(|handle| Ok::<_, ()>(ObjectId([handle.0 as u8; 16])));
            assert_eq!(found, Ok(()));
            assert_eq!(mechanism.params, Params::Kdf(Box::new(expected)));
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let params = KdfParams::Pbkdf2 {
            salt_source: CKZ_SALT_SPECIFIED,
            salt: vec![],
            iterations: 1,
            prf: CKP_PKCS5_PBKD2_HMAC_SHA256,
            prf_data: vec![],
            password: SecretBytes::new(b"tiger".to_vec()),
        };
        assert!(format!("{params:?}").contains("SecretBytes(5 bytes)"));
    }
}
