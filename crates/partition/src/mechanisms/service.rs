//! What an operation occupies a device's engine with: from the mechanism table to the classes of
//! service times.

use hsmsim_crypto::{block::BlockAlg, ec::Curve};
use hsmsim_sim_config::ServiceClass;
use hsmsim_types::ck::*;

use super::{Entry, Family, Scheme};
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
        Scheme::Ecdh | Scheme::EcdhAesWrap => DeriveEcdh,
        Scheme::EcKeyPairGen | Scheme::EdwardsKeyPairGen | Scheme::MontgomeryKeyPairGen => {
            GenerateEc
        }
        Scheme::Dsa(_) => pair(SignDsa, VerifyDsa),
        Scheme::DsaKeyPairGen | Scheme::DhKeyPairGen | Scheme::X942DhKeyPairGen => GenerateDsa,
        Scheme::DhDerive => DeriveDh,
        Scheme::MlDsa | Scheme::HashMlDsa(_) => pair(SignMlDsa, VerifyMlDsa),
        Scheme::MlDsaKeyPairGen => GenerateMlDsa,
        Scheme::SlhDsa | Scheme::HashSlhDsa(_) => pair(SignSlhDsa, VerifySlhDsa),
        Scheme::SlhDsaKeyPairGen => GenerateSlhDsa,
        Scheme::MlKem => EncapsulateMlKem,
        Scheme::MlKemKeyPairGen => GenerateMlKem,
        Scheme::Hss => VerifyHss,
        Scheme::Digest(_) | Scheme::Sha512T => Digest,
        Scheme::SecretKeyGen(_) => GenerateAes,
        Scheme::Mac(..) | Scheme::Sha512THmac(_) => Mac,
        Scheme::AesGcm
        | Scheme::AesGcmOwnIv
        | Scheme::AesCcm
        | Scheme::Gmac
        | Scheme::ChaCha20
        | Scheme::ChaCha20Poly1305 => EncryptAesGcm,
        Scheme::Block(family, _) if is_des(family) => EncryptDes3,
        // What is left derives, makes parameters, or is a symmetric cipher.
        _ if entry.info.flags & CKF_DERIVE != 0 => DeriveSecret,
        _ if entry.info.flags & CKF_GENERATE != 0 => GenerateDsaParameters,
        _ => EncryptAesCbc,
    };
    Service { class, size: size(key) }
}

/// The work of a part of an operation that is not its last: hashing or enciphering what came.
pub(crate) fn service_of_part(entry: &Entry) -> Service {
    let whole = service(entry, Side::Public, None);
    match entry.scheme {
        Scheme::Block(..) | Scheme::Mac(..) | Scheme::Xts | Scheme::ChaCha20 => whole,
        _ => Service::plain(ServiceClass::Digest),
    }
}

fn is_des(family: Family) -> bool {
    family.alg() == BlockAlg::Des
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
}
