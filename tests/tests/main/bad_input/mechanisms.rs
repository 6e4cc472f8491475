//! Mechanisms that are not there, that do not fit, and whose parameters are cut off.

use std::ptr::null_mut;

use cryptoki_sys::*;
use hsmsim_tests::{
    Sandbox,
    apart::apart,
    raw::{Raw, attribute, mechanism, mechanism_with},
    test_name,
};

use super::{aes, rsa_pair, table, well};

fn instant() -> Sandbox {
    Sandbox::new("instant")
}

/// The same mechanism with this many bytes of its parameters.
fn cut(whole: CK_MECHANISM, len: usize) -> CK_MECHANISM {
    CK_MECHANISM { ulParameterLen: len as CK_ULONG, ..whole }
}

/// The same mechanism with the length of its parameters and no pointer.
fn hollow(whole: CK_MECHANISM) -> CK_MECHANISM {
    CK_MECHANISM { pParameter: null_mut(), ..whole }
}

#[test]
fn truncated_parameters_are_refused() {
    apart(test_name!(), instant, |sandbox| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (public, private) = rsa_pair(&library, s);
        let key = aes(&library, s);

        let oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: null_mut(),
            ulSourceDataLen: 0,
        };
        let pss = CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 };
        let mut iv = [0_u8; 16];
        let gcm = CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let ctr = CK_AES_CTR_PARAMS { ulCounterBits: 128, cb: [0; 16] };
        let encrypting = [
            (public, mechanism_with(CKM_RSA_PKCS_OAEP, &oaep)),
            (key, mechanism_with(CKM_AES_CBC, &iv)),
            (key, mechanism_with(CKM_AES_CBC_PAD, &iv)),
            (key, mechanism_with(CKM_AES_CTR, &ctr)),
            (key, mechanism_with(CKM_AES_GCM, &gcm)),
        ];
        for (key, whole) in encrypting {
            let len = whole.ulParameterLen as usize;
            println!("mechanism {:#x}, {len} bytes", { whole.mechanism });
            let mut initialised = whole;
            well!(library; C_EncryptInit(s, &mut initialised, key));
            well!(library; C_SessionCancel(s, CKF_ENCRYPT));
            for wrong in [cut(whole, 0), cut(whole, 1), cut(whole, len - 1), hollow(whole)] {
                let mut wrong = wrong;
                table!(library;
                    C_EncryptInit(s, &mut wrong, key) => CKR_MECHANISM_PARAM_INVALID;
                );
            }
        }
        let whole = mechanism_with(CKM_SHA256_RSA_PKCS_PSS, &pss);
        let len = size_of_val(&pss);
        for wrong in [cut(whole, 0), cut(whole, 1), cut(whole, len - 1), hollow(whole)] {
            let mut wrong = wrong;
            table!(library;
                C_SignInit(s, &mut wrong, private) => CKR_MECHANISM_PARAM_INVALID;
            );
        }
        let log = sandbox.log();
        assert!(log.contains("CKM_AES_GCM") && log.contains("CKM_RSA_PKCS_OAEP"), "{log}");
    });
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (public, private) = rsa_pair(&library, s);
        let key = aes(&library, s);
        let mut iv = [0_u8; 16];
        let gcm = CK_GCM_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        for wrong in [
            CK_GCM_PARAMS { ulTagBits: 200, ..gcm },
            CK_GCM_PARAMS { ulTagBits: 127, ..gcm },
            CK_GCM_PARAMS { pIv: null_mut(), ..gcm },
            CK_GCM_PARAMS { ulIvLen: 0, ..gcm },
            CK_GCM_PARAMS { ulIvLen: CK_ULONG::MAX, ..gcm },
            CK_GCM_PARAMS { ulAADLen: 5, ..gcm },
        ] {
            let mut wrong = mechanism_with(CKM_AES_GCM, &wrong);
            table!(library;
                C_EncryptInit(s, &mut wrong, key) => CKR_MECHANISM_PARAM_INVALID;
            );
        }
        let pss = CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 };
        for wrong in [
            CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_AES_CBC, ..pss },
            CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA384, ..pss },
            CK_RSA_PKCS_PSS_PARAMS { mgf: 4711, ..pss },
            CK_RSA_PKCS_PSS_PARAMS { sLen: CK_ULONG::MAX, ..pss },
        ] {
            let mut wrong = mechanism_with(CKM_SHA256_RSA_PKCS_PSS, &wrong);
            table!(library;
                C_SignInit(s, &mut wrong, private) => CKR_MECHANISM_PARAM_INVALID;
            );
        }
        // A salt that this key has no room for; a longer key would.
        let long = CK_RSA_PKCS_PSS_PARAMS { sLen: 256, ..pss };
        let mut long = mechanism_with(CKM_SHA256_RSA_PKCS_PSS, &long);
        let (mut out, mut len) = ([0_u8; 256], 256);
        table!(library;
            C_SignInit(s, &mut long, private) => CKR_OK;
            C_Sign(s, out.as_mut_ptr(), 4, out.as_mut_ptr(), &mut len)
                => CKR_MECHANISM_PARAM_INVALID;
        );
        for counter_bits in [0, 129, CK_ULONG::MAX] {
            let ctr = CK_AES_CTR_PARAMS { ulCounterBits: counter_bits, cb: [0; 16] };
            let mut wrong = mechanism_with(CKM_AES_CTR, &ctr);
            table!(library;
                C_EncryptInit(s, &mut wrong, key) => CKR_MECHANISM_PARAM_INVALID;
            );
        }
        // Parameters where none are taken.
        let mut plain = mechanism_with(CKM_SHA256_RSA_PKCS, &iv);
        let mut ecb = mechanism_with(CKM_AES_ECB, &iv);
        table!(library;
            C_SignInit(s, &mut plain, private) => CKR_MECHANISM_PARAM_INVALID;
            C_VerifyInit(s, &mut plain, public) => CKR_MECHANISM_PARAM_INVALID;
            C_EncryptInit(s, &mut ecb, key) => CKR_MECHANISM_PARAM_INVALID;
        );
    });
}

#[test]
fn mechanisms_that_do_not_fit_are_refused() {
    apart(test_name!(), instant, |_| {
        let library = Raw::library();
        let s = library.session();
        library.login(s);
        let (public, private) = rsa_pair(&library, s);
        let key = aes(&library, s);
        let mut unknown = mechanism(0x0fff_ffff);
        let mut sha = mechanism(CKM_SHA256);
        let mut sign = mechanism(CKM_SHA256_RSA_PKCS);
        let mut ecdsa = mechanism(CKM_ECDSA);
        let mut ecb = mechanism(CKM_AES_ECB);
        let mut aes_gen = mechanism(CKM_AES_KEY_GEN);
        let mut info = CK_MECHANISM_INFO { ulMinKeySize: 0, ulMaxKeySize: 0, flags: 0 };
        let (mut object, slot) = (0, library.slot());
        table!(library;
            C_GetMechanismInfo(slot, 0x0fff_ffff, &mut info) => CKR_MECHANISM_INVALID;
            C_DigestInit(s, &mut unknown) => CKR_MECHANISM_INVALID;
            C_SignInit(s, &mut unknown, private) => CKR_MECHANISM_INVALID;
            C_GenerateKey(s, &mut unknown, null_mut(), 0, &mut object) => CKR_MECHANISM_INVALID;

            // Of another kind than the function.
            C_SignInit(s, &mut sha, private) => CKR_MECHANISM_INVALID;
            C_DigestInit(s, &mut sign) => CKR_MECHANISM_INVALID;
            C_EncryptInit(s, &mut sign, public) => CKR_MECHANISM_INVALID;
            C_GenerateKey(s, &mut ecb, null_mut(), 0, &mut object) => CKR_MECHANISM_INVALID;
            C_GenerateKeyPair(s, &mut aes_gen, null_mut(), 0, null_mut(), 0, &mut object,
                &mut object) => CKR_MECHANISM_INVALID;

            // Of another type than the key.
            C_SignInit(s, &mut ecdsa, private) => CKR_KEY_TYPE_INCONSISTENT;
            C_SignInit(s, &mut sign, key) => CKR_KEY_TYPE_INCONSISTENT;
            C_EncryptInit(s, &mut ecb, public) => CKR_KEY_TYPE_INCONSISTENT;

            // The wrong half of the pair.
            C_SignInit(s, &mut sign, public) => CKR_KEY_FUNCTION_NOT_PERMITTED;
            C_VerifyInit(s, &mut sign, private) => CKR_KEY_FUNCTION_NOT_PERMITTED;
        );
        // A key that may not do it.
        let len: CK_ULONG = 16;
        let template = [attribute(CKA_VALUE_LEN, &len), attribute(CKA_ENCRYPT, &super::NO)];
        let template = template.as_ptr().cast_mut();
        let mut mute = 0;
        table!(library;
            C_GenerateKey(s, &mut aes_gen, template, 2, &mut mute) => CKR_OK;
            C_EncryptInit(s, &mut ecb, mute) => CKR_KEY_FUNCTION_NOT_PERMITTED;
        );
    });
}
