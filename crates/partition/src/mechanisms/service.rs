//! What an operation occupies a device's engine with: from the mechanism table to the classes of
//! service times.

use hsmsim_crypto::{block::BlockAlg, ec::Curve};
use hsmsim_sim_config::ServiceClass;
use hsmsim_types::ck::*;

use super::{Entry, Scheme, derivation::Derivation};
use crate::{object::key::KeyMaterial, operation::Act};

/// What an engine does for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The kind of work.
    pub class: ServiceClass,
    /// Bits of the key where the time depends on them; 0 otherwise.
    pub size: u64,
}

impl Service {
    pub(crate) fn plain(class: ServiceClass) -> Self {
        Self { class, size: 0 }
    }
}

/// Which half of a pair works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Signing, decrypting, deriving, unwrapping.
    Private,
    /// Verifying, encrypting, wrapping.
    Public,
}

impl Side {
    pub(crate) fn of(act: Act) -> Self {
        match act {
            Act::Encrypt | Act::Verify | Act::Recover | Act::Digest => Self::Public,
            Act::Decrypt | Act::Sign => Self::Private,
        }
    }
}

/// The work of an operation with a key.
pub(crate) fn service(entry: &Entry, side: Side, key: Option<&KeyMaterial>) -> Service {
    use ServiceClass::*;
    let pair = |private, public| if side == Side::Private { private } else { public };
    // Without an arm for what is left: a new scheme shall say what it is.
    let class = match entry.scheme {
        Scheme::RsaPkcs(_)
        | Scheme::RsaRaw
        | Scheme::RsaOaep
        | Scheme::RsaPss(_)
        | Scheme::RsaX931(_)
        | Scheme::RsaAesWrap => pair(SignRsa, EncryptRsa),
        Scheme::RsaKeyPairGen | Scheme::RsaX931KeyPairGen => GenerateRsa,
        Scheme::Ecdsa(_) if is_koblitz(key) => SignEcdsaKoblitz,
        Scheme::Ecdsa(_) => pair(SignEcdsa, VerifyEcdsa),
        Scheme::Eddsa => SignEddsa,
        Scheme::Ecdh => DeriveEcdh,
        Scheme::EcdhAesWrap => WrapEcdh,
        Scheme::Ecies => pair(DecryptEcies, EncryptEcies),
        Scheme::EcKeyPairGen | Scheme::EdwardsKeyPairGen | Scheme::MontgomeryKeyPairGen => {
            GenerateEc
        }
        Scheme::Dsa(_) => pair(SignDsa, VerifyDsa),
        Scheme::DsaKeyPairGen => GenerateDsa,
        Scheme::DsaParameterGen
        | Scheme::DsaProbableParameterGen
        | Scheme::DsaProvableParameterGen => GenerateDsaParameters,
        Scheme::DhKeyPairGen | Scheme::X942DhKeyPairGen => GenerateDh,
        Scheme::DhParameterGen | Scheme::X942ParameterGen => GenerateDhParameters,
        Scheme::DhDerive | Scheme::X942Derive => DeriveDh,
        Scheme::MlDsa | Scheme::MlDsaMu | Scheme::HashMlDsa(_) => pair(SignMlDsa, VerifyMlDsa),
        Scheme::MlDsaKeyPairGen => GenerateMlDsa,
        Scheme::SlhDsa | Scheme::HashSlhDsa(_) => pair(SignSlhDsa, VerifySlhDsa),
        Scheme::SlhDsaKeyPairGen => GenerateSlhDsa,
        Scheme::MlKem => EncapsulateMlKem,
        Scheme::MlKemKeyPairGen => GenerateMlKem,
        Scheme::Hss => VerifyHss,
        Scheme::Digest(_) | Scheme::Sha512T => Digest,
        Scheme::Xof(_) => DigestXof,
        Scheme::SecretKeyGen(CKK_AES | CKK_AES_XTS) => GenerateAes,
        Scheme::SecretKeyGen(_) | Scheme::HotpKeyGen | Scheme::TlsPremasterGen => GenerateSecret,
        Scheme::Pbkdf2 => GeneratePbkdf2,
        Scheme::Mac(..) | Scheme::Sha512THmac(_) => Mac,
        Scheme::Hotp => SignHotp,
        Scheme::TlsMac => SignTlsMac,
        Scheme::AesGcm | Scheme::AesGcmOwnIv | Scheme::AesCcm | Scheme::Gmac => EncryptAesGcm,
        Scheme::ChaCha20 | Scheme::ChaCha20Poly1305 => EncryptChaCha20,
        Scheme::Block(family, _) => match family.alg() {
            BlockAlg::Aes => EncryptAesCbc,
            BlockAlg::Des => EncryptDes3,
            BlockAlg::Aria => EncryptAria,
            BlockAlg::Camellia => EncryptCamellia,
        },
        Scheme::Xts => EncryptAesXts,
        Scheme::AesKw | Scheme::AesKwp | Scheme::AesKwPkcs7 => WrapAes,
        Scheme::DigestKey(_) | Scheme::Sha512TKey | Scheme::XofKey(_) => DeriveByDigest,
        Scheme::EcbEncryptData(_) | Scheme::CbcEncryptData(_) => DeriveByEncryption,
        Scheme::Derivation(derivation) => derivation_class(derivation),
    };
    Service { class, size: size(key) }
}

fn derivation_class(derivation: Derivation) -> ServiceClass {
    use ServiceClass::*;
    match derivation {
        Derivation::Hkdf | Derivation::HkdfData => DeriveHkdf,
        Derivation::Sp800_108(_) | Derivation::LunaPrf => DeriveSp800_108,
        Derivation::TlsMaster(..)
        | Derivation::TlsExtendedMaster(_)
        | Derivation::TlsKeyMaterial(..)
        | Derivation::TlsKdf => DeriveTls,
        Derivation::IkePrf
        | Derivation::Ike1Prf
        | Derivation::Ike1Extended
        | Derivation::Ike2PrfPlus => DeriveIke,
        Derivation::BaseAndKey
        | Derivation::BaseAndData
        | Derivation::DataAndBase
        | Derivation::Xor
        | Derivation::Extract => DeriveByConcatenation,
        Derivation::PublicOfPrivate => DerivePublicKey,
    }
}

/// The work of a part of an operation that is not its last: hashing or enciphering what came.
pub(crate) fn service_of_part(entry: &Entry) -> Service {
    let whole = service(entry, Side::Public, None);
    match entry.scheme {
        Scheme::Block(..) | Scheme::Mac(..) | Scheme::Xts | Scheme::ChaCha20 | Scheme::Xof(_) => {
            whole
        }
        _ => Service::plain(ServiceClass::Digest),
    }
}

/// Curves that the published rates show to be much slower than the others of their size.
fn is_koblitz(key: Option<&KeyMaterial>) -> bool {
    let curve = match key {
        Some(KeyMaterial::EcPrivate(key)) => key.curve(),
        Some(KeyMaterial::EcPublic(key)) => key.curve(),
        _ => return false,
    };
    curve == Curve::Secp256k1
}

/// Bits of the key where they matter: not of secret and post-quantum keys, whose size is in bytes.
fn size(key: Option<&KeyMaterial>) -> u64 {
    use KeyMaterial::*;
    match key {
        Some(
            key @ (RsaPublic(_) | RsaPrivate(_) | EcPublic(_) | EcPrivate(_) | EdPublic(_)
            | EdPrivate(_) | XPublic(_) | XPrivate(_) | Ed448Public(_) | Ed448Private(_)
            | X448Public(_) | X448Private(_) | DsaPublic(_) | DsaPrivate(_) | DhPublic(_)
            | DhPrivate(_)),
        ) => key.size(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_sim_config::Profile;
    use hsmsim_types::names;

    use super::*;
    use crate::mechanisms::ALL;

    #[test]
    fn no_offered_mechanism_is_free_on_an_a790() {
        let times = Profile::shipped("a790").unwrap().service_times.unwrap();
        for entry in &ALL.0 {
            for side in [Side::Private, Side::Public] {
                for of in [service(entry, side, None), service_of_part(entry)] {
                    let time = times.service(of.class, of.size);
                    assert!(time.is_some_and(|time| time.as_micros() > 100), "{entry:?}");
                }
            }
        }
    }

    #[test]
    fn a_rate_of_its_own_reaches_every_kind_of_mechanism() {
        let class = |kind| {
            let entry = ALL.get(kind).unwrap();
            [Side::Private, Side::Public].map(|side| service(entry, side, None).class)
        };
        use ServiceClass::*;
        for (kind, expected) in [
            (CKM_ECIES, [DecryptEcies, EncryptEcies]),
            (CKM_ECDH_X_AES_KEY_WRAP, [WrapEcdh; 2]),
            (CKM_LUNA_EXTMU_ML_DSA, [SignMlDsa, VerifyMlDsa]),
            (CKM_HASH_ML_DSA_SHAKE256, [SignMlDsa, VerifyMlDsa]),
            (CKM_X9_42_DH_DERIVE, [DeriveDh; 2]),
            (CKM_X9_42_DH_KEY_PAIR_GEN, [GenerateDh; 2]),
            (CKM_DH_PKCS_PARAMETER_GEN, [GenerateDhParameters; 2]),
            (CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN, [GenerateDsaParameters; 2]),
            (CKM_HSS, [VerifyHss; 2]),
            (CKM_HOTP, [SignHotp; 2]),
            (CKM_HOTP_KEY_GEN, [GenerateSecret; 2]),
            (CKM_TLS_PRE_MASTER_KEY_GEN, [GenerateSecret; 2]),
            (CKM_AES_XTS_KEY_GEN, [GenerateAes; 2]),
            (CKM_PKCS5_PBKD2, [GeneratePbkdf2; 2]),
            (CKM_TLS12_MAC, [SignTlsMac; 2]),
            (CKM_LUNA_SHAKE_128, [DigestXof; 2]),
            (CKM_SHAKE_128_KEY_DERIVATION, [DeriveByDigest; 2]),
            (CKM_ARIA_CBC_ENCRYPT_DATA, [DeriveByEncryption; 2]),
            (CKM_EXTRACT_KEY_FROM_KEY, [DeriveByConcatenation; 2]),
            (CKM_HKDF_DATA, [DeriveHkdf; 2]),
            (CKM_NIST_PRF_KDF, [DeriveSp800_108; 2]),
            (CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, [DeriveTls; 2]),
            (CKM_IKE2_PRF_PLUS_DERIVE, [DeriveIke; 2]),
            (CKM_PUB_KEY_FROM_PRIV_KEY, [DerivePublicKey; 2]),
            (CKM_AES_XTS, [EncryptAesXts; 2]),
            (CKM_CHACHA20_POLY1305, [EncryptChaCha20; 2]),
            (CKM_ARIA_CBC, [EncryptAria; 2]),
            (CKM_CAMELLIA_CTR, [EncryptCamellia; 2]),
            (CKM_LUNA_DES3_CTR, [EncryptDes3; 2]),
            (CKM_AES_KEY_WRAP_KWP, [WrapAes; 2]),
        ] {
            assert_eq!(class(kind), expected, "{}", names::or_hex(names::mechanism, kind));
        }
    }
}
