//! The words of a call: attributes, mechanisms with their parameters, and refusals, laid out as C
//! wants them.

#![forbid(unsafe_code)]

use std::{
    ffi::c_void,
    fmt,
    ptr::{null, null_mut},
};

use cryptoki_sys::*;
use hsmsim_types::ReturnValue;

/// Most attributes a template here may have; templates are laid out on the stack.
const TEMPLATE_MAX: usize = 16;

/// A call that was not answered with CKR_OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the function.
    pub function: &'static str,
    /// What it returned.
    pub rv: ReturnValue,
}

impl Refusal {
    /// Whether the module says that it does not have this function or mechanism at all.
    pub fn is_lack(self) -> bool {
        matches!(self.rv.0, CKR_FUNCTION_NOT_SUPPORTED | CKR_MECHANISM_INVALID)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.function, self.rv)
    }
}

/// What a call gives.
pub type Result<T> = std::result::Result<T, Refusal>;

/// One attribute of a template; numbers and truth values as their bytes in memory.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// CKA_ number.
    pub kind: CK_ATTRIBUTE_TYPE,
    /// The value's bytes.
    pub value: &'a [u8],
}

/// A mechanism with the parameters that the cases need.
#[derive(Clone, Copy, Debug)]
pub enum Mechanism<'a> {
    /// Without parameter.
    Plain(CK_MECHANISM_TYPE),
    /// The parameter is the initialisation vector itself.
    Iv(CK_MECHANISM_TYPE, &'a [u8]),
    /// CKM_AES_CTR with a counter of 128 bits, and the first block.
    Ctr([u8; 16]),
    /// CKM_AES_GCM with a tag of 128 bits and no additional data.
    Gcm(&'a [u8]),
    /// CKM_RSA_PKCS_PSS with SHA-256 and a salt of 32 bytes.
    PssSha256,
    /// CKM_ECDH1_DERIVE without a derivation function; the other's public point.
    Ecdh(&'a [u8]),
}

impl Mechanism<'_> {
    /// Calls `call` with the C structure, which lives as long as the call.
    pub(crate) fn with<R>(&self, call: impl FnOnce(*mut CK_MECHANISM) -> R) -> R {
        fn mechanism(
            kind: CK_MECHANISM_TYPE,
            parameter: *const c_void,
            len: usize,
        ) -> CK_MECHANISM {
            CK_MECHANISM {
                mechanism: kind,
                pParameter: parameter.cast_mut(),
                ulParameterLen: ulong(len),
            }
        }
        match self {
            Self::Plain(kind) => call(&mut mechanism(*kind, null(), 0)),
            Self::Iv(kind, iv) => call(&mut mechanism(*kind, iv.as_ptr().cast(), iv.len())),
            Self::Ctr(block) => {
                let parameters = CK_AES_CTR_PARAMS { ulCounterBits: 128, cb: *block };
                call(&mut mechanism(
                    CKM_AES_CTR,
                    (&raw const parameters).cast(),
                    size_of_val(&parameters),
                ))
            }
            Self::Gcm(iv) => {
                let parameters = CK_GCM_PARAMS {
                    pIv: iv.as_ptr().cast_mut(),
                    ulIvLen: ulong(iv.len()),
                    ulIvBits: ulong(iv.len() * 8),
                    pAAD: null_mut(),
                    ulAADLen: 0,
                    ulTagBits: 128,
                };
                call(&mut mechanism(
                    CKM_AES_GCM,
                    (&raw const parameters).cast(),
                    size_of_val(&parameters),
                ))
            }
            Self::PssSha256 => {
                let parameters =
                    CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 };
                call(&mut mechanism(
                    CKM_RSA_PKCS_PSS,
                    (&raw const parameters).cast(),
                    size_of_val(&parameters),
                ))
            }
            Self::Ecdh(point) => {
                let parameters = CK_ECDH1_DERIVE_PARAMS {
                    kdf: CKD_NULL,
                    ulSharedDataLen: 0,
                    pSharedData: null_mut(),
                    ulPublicDataLen: ulong(point.len()),
                    pPublicData: point.as_ptr().cast_mut(),
                };
                call(&mut mechanism(
                    CKM_ECDH1_DERIVE,
                    (&raw const parameters).cast(),
                    size_of_val(&parameters),
                ))
            }
        }
    }
}

/// A template as C wants it, on the stack, and its length. It points into the attributes.
pub(crate) fn lay_out(template: &[Attribute<'_>]) -> ([CK_ATTRIBUTE; TEMPLATE_MAX], CK_ULONG) {
    assert!(template.len() <= TEMPLATE_MAX, "a longer template needs a larger TEMPLATE_MAX");
    let mut raw = [CK_ATTRIBUTE { type_: 0, pValue: null_mut(), ulValueLen: 0 }; TEMPLATE_MAX];
    for (raw, attribute) in raw.iter_mut().zip(template) {
        raw.type_ = attribute.kind;
        raw.pValue = attribute.value.as_ptr().cast_mut().cast();
        raw.ulValueLen = ulong(attribute.value.len());
    }
    (raw, ulong(template.len()))
}

/// A length as C counts it.
pub(crate) fn ulong(len: usize) -> CK_ULONG {
    len as CK_ULONG
}

/// A length that C gave.
pub(crate) fn length(len: CK_ULONG) -> usize {
    len as usize
}
