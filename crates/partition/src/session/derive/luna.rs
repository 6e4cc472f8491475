//! Luna's CKM_NIST_PRF_KDF and CKM_PRF_KDF: SP 800-108 in counter mode with six layouts to choose from
//! (the vendor's cryptoki_v2.h; both numbers do the same here).

use hsmsim_crypto::{
    digest::HashAlg,
    kdf::{LunaPrfKdfScheme, luna_prf_kdf},
    mac::MacAlg,
};
use hsmsim_types::{KdfParams, Result, ck::*, error::fail};

use super::{Call, Made, derived, invalid};

pub(super) fn key(call: &Call<'_>) -> Result<Made> {
    let KdfParams::LunaPrf { prf, label, context, counter, encoding } = call.kdf()? else {
        return invalid("the derivation needs CK_KDF_PRF_PARAMS");
    };
    let alg = match *prf {
        CK_NIST_PRF_KDF_DES3_CMAC => MacAlg::Des3Cmac,
        CK_NIST_PRF_KDF_AES_CMAC => MacAlg::AesCmac,
        CK_PRF_KDF_ARIA_CMAC => MacAlg::AriaCmac,
        CK_NIST_PRF_KDF_HMAC_SHA1 => MacAlg::Hmac(HashAlg::Sha1),
        CK_NIST_PRF_KDF_HMAC_SHA224 => MacAlg::Hmac(HashAlg::Sha224),
        CK_NIST_PRF_KDF_HMAC_SHA256 => MacAlg::Hmac(HashAlg::Sha256),
        CK_NIST_PRF_KDF_HMAC_SHA384 => MacAlg::Hmac(HashAlg::Sha384),
        CK_NIST_PRF_KDF_HMAC_SHA512 => MacAlg::Hmac(HashAlg::Sha512),
        CK_PRF_KDF_HMAC_RIPEMD160 => MacAlg::Hmac(HashAlg::Ripemd160),
        _ => return invalid("the pseudorandom function is not known here"),
    };
    let fits = match alg {
        MacAlg::Des3Cmac => matches!(call.base.key_type, CKK_DES2 | CKK_DES3),
        MacAlg::AesCmac => call.base.key_type == CKK_AES,
        MacAlg::AriaCmac => call.base.key_type == CKK_ARIA,
        _ => true,
    };
    if !fits {
        return fail(CKR_KEY_TYPE_INCONSISTENT, "the pseudorandom function takes another key");
    }
    let scheme = match *encoding {
        LUNA_PRF_KDF_ENCODING_SCHEME_1 => LunaPrfKdfScheme::Scheme1,
        LUNA_PRF_KDF_ENCODING_SCHEME_2 => LunaPrfKdfScheme::Scheme2,
        LUNA_PRF_KDF_ENCODING_SCHEME_3 => LunaPrfKdfScheme::Scheme3,
        LUNA_PRF_KDF_ENCODING_SCHEME_4 => LunaPrfKdfScheme::Scheme4,
        LUNA_PRF_KDF_ENCODING_SCHEME_SCP03 => LunaPrfKdfScheme::Scp03,
        LUNA_PRF_KDF_ENCODING_SCHEME_HID_KD => LunaPrfKdfScheme::HidKd,
        _ => return invalid("the encoding scheme is not known here"),
    };
    let len = call.wanted()?.said()?;
    let prf = call.base_key()?.mac(alg)?;
    let value = luna_prf_kdf(&prf, scheme, label, context, *counter, len).map_err(derived)?;
    Ok(call.key(&value)?.into())
}
