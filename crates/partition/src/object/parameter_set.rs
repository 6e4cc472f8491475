//! CKA_PARAMETER_SET of the post-quantum keys (PKCS#11 3.2, 6.67 to 6.69): the standard's numbers and the primitives'
//! names.

use hsmsim_crypto::{ml_dsa, ml_kem, slh_dsa};
use hsmsim_types::{Result, ck::*, error::fail};

macro_rules! sets {
    ($($(#[$doc:meta])* $of:ident / $number:ident: $set:path { $($ckp:ident = $variant:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// CKR_ATTRIBUTE_VALUE_INVALID.
        pub(crate) fn $of(number: u64) -> Result<$set> {
            use $set as Set;
            Ok(match number {
                $($ckp => Set::$variant,)*
                _ => return fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PARAMETER_SET: no such set"),
            })
        }

        /// The number of a set.
        pub(crate) fn $number(set: $set) -> u64 {
            use $set as Set;
            match set {
                $(Set::$variant => $ckp,)*
            }
        }
    )*};
}

sets! {
    /// A set of ML-KEM.
    ml_kem_set / ml_kem_number: ml_kem::ParameterSet {
        CKP_ML_KEM_512 = MlKem512,
        CKP_ML_KEM_768 = MlKem768,
        CKP_ML_KEM_1024 = MlKem1024,
    }
    /// A set of ML-DSA.
    ml_dsa_set / ml_dsa_number: ml_dsa::ParameterSet {
        CKP_ML_DSA_44 = MlDsa44,
        CKP_ML_DSA_65 = MlDsa65,
        CKP_ML_DSA_87 = MlDsa87,
    }
    /// A set of SLH-DSA.
    slh_dsa_set / slh_dsa_number: slh_dsa::ParameterSet {
        CKP_SLH_DSA_SHA2_128S = Sha2_128s,
        CKP_SLH_DSA_SHAKE_128S = Shake128s,
        CKP_SLH_DSA_SHA2_128F = Sha2_128f,
        CKP_SLH_DSA_SHAKE_128F = Shake128f,
        CKP_SLH_DSA_SHA2_192S = Sha2_192s,
        CKP_SLH_DSA_SHAKE_192S = Shake192s,
        CKP_SLH_DSA_SHA2_192F = Sha2_192f,
        CKP_SLH_DSA_SHAKE_192F = Shake192f,
        CKP_SLH_DSA_SHA2_256S = Sha2_256s,
        CKP_SLH_DSA_SHAKE_256S = Shake256s,
        CKP_SLH_DSA_SHA2_256F = Sha2_256f,
        CKP_SLH_DSA_SHAKE_256F = Shake256f,
    }
}
