//! The numbers: every constant and C structure of PKCS#11 2.40 to 3.2 (from `cryptoki-sys`), and
//! those of Luna's extension header that applications meet.
//!
//! Source of the vendor numbers: public code that is compiled against the vendor's client
//! (pycryptoki, the OpenSSL engine's header, luna-samples).

pub use cryptoki_sys::*;

macro_rules! vendor {
    ($type:ty; $($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $($(#[$doc])* #[allow(missing_docs)] pub const $name: $type = $value;)*
    };
}

vendor! { CK_USER_TYPE;
    /// Luna's Crypto User, also called Limited User: may use keys, may not make or change them.
    CKU_LIMITED_USER = 0x8000_0001;
    /// The number an older header gave the Crypto User.
    CKU_LIMITED_USER_OLD = 0x0800_0001;
    /// Luna's Auditor; exists on the admin partition only.
    CKU_AUDIT = 0x8000_0002;
    /// Luna's Limited Crypto Officer of newer firmware.
    CKU_LIMITED_CRYPTO_OFFICER = 0x8000_0003;
}

vendor! { CK_RV;
    CKR_RC_ERROR = 0x8000_0004;
    CKR_USER_LOCKED_OUT = 0x8000_0007;
    CKR_CLONING_PARAMETER_MISSING = 0x8000_0009;
    CKR_USER_NOT_AUTHORIZED = 0x8000_001A;
    CKR_MAX_OBJECT_COUNT_EXCEEDED = 0x8000_001B;
    CKR_SO_LOGIN_FAILURE_THRESHOLD = 0x8000_001C;
    CKR_UNABLE_TO_CONNECT = 0x8000_001F;
    CKR_PARTITION_DISABLED = 0x8000_0020;
    CKR_TIMEOUT = 0x8000_0024;
    CKR_HSM_STORAGE_FULL = 0x8000_002A;
    CKR_DEVICE_TIMEOUT = 0x8000_002B;
    CKR_CONTAINER_OBJECT_STORAGE_FULL = 0x8000_002C;
    CKR_OPERATION_NOT_ALLOWED = 0x8000_0030;
    CKR_LICENSE_CAPACITY_EXCEEDED = 0x8000_0031;
    CKR_LOG_FULL = 0x8000_0035;
    CKR_AUDIT_LOGIN_FAILURE_THRESHOLD = 0x8000_003C;
    CKR_AGAIN = 0x8000_0041;
    CKR_CHALLENGE_INCORRECT = 0x8000_0067;
    CKR_HSM_TAMPERED = 0x8000_0076;
    CKR_HSM_RESTART_REQUIRED = 0x8000_008D;
    CKR_FAILED_TO_CLONE_AN_OBJECT = 0x8000_0106;
    CKR_OBJECT_READ_ONLY = 0x8000_0114;
    CKR_KEY_NOT_ACTIVE = 0x8000_0136;
    CKR_BUSY = 0x8000_1604;
}

vendor! { CK_MECHANISM_TYPE;
    CKM_LUNA_DES3_CTR = 0x8000_0116;
    CKM_LUNA_AES_CFB8 = 0x8000_0118;
    CKM_LUNA_AES_CFB128 = 0x8000_0119;
    CKM_LUNA_AES_OFB = 0x8000_011A;
    CKM_LUNA_AES_GCM = 0x8000_011C;
    CKM_LUNA_ECDSA_SHA224 = 0x8000_0122;
    CKM_LUNA_ECDSA_SHA256 = 0x8000_0123;
    CKM_LUNA_ECDSA_SHA384 = 0x8000_0124;
    CKM_LUNA_ECDSA_SHA512 = 0x8000_0125;
    CKM_LUNA_AES_GMAC = 0x8000_0126;
    CKM_LUNA_DSA_SHA224 = 0x8000_0140;
    CKM_LUNA_DSA_SHA256 = 0x8000_0141;
    CKM_RSA_FIPS_186_3_AUX_PRIME_KEY_PAIR_GEN = 0x8000_0142;
    CKM_RSA_FIPS_186_3_PRIME_KEY_PAIR_GEN = 0x8000_0143;
    CKM_LUNA_AES_KW = 0x8000_0170;
    CKM_LUNA_AES_KWP = 0x8000_0171;
    /// ML-DSA over a message representative that the caller computed.
    CKM_LUNA_EXTMU_ML_DSA = 0x8000_0175;
    CKM_ECIES = 0x8000_0A00;
    CKM_NIST_PRF_KDF = 0x8000_0A02;
    CKM_PRF_KDF = 0x8000_0A03;
    CKM_LUNA_AES_XTS = 0x8000_0A04;
    CKM_LUNA_EC_EDWARDS_KEY_PAIR_GEN = 0x8000_0C01;
    CKM_LUNA_EDDSA_NACL = 0x8000_0C02;
    CKM_LUNA_EDDSA = 0x8000_0C03;
    CKM_LUNA_EC_MONTGOMERY_KEY_PAIR_GEN = 0x8000_0D01;
    CKM_LUNA_SHAKE_128 = 0x8000_0F00;
    CKM_LUNA_SHAKE_256 = 0x8000_0F01;
}

vendor! { CK_ULONG;
    CK_NIST_PRF_KDF_DES3_CMAC = 1;
    CK_NIST_PRF_KDF_AES_CMAC = 2;
    CK_PRF_KDF_ARIA_CMAC = 3;
    CK_PRF_KDF_SEED_CMAC = 4;
    CK_NIST_PRF_KDF_HMAC_SHA1 = 5;
    CK_NIST_PRF_KDF_HMAC_SHA224 = 6;
    CK_NIST_PRF_KDF_HMAC_SHA256 = 7;
    CK_NIST_PRF_KDF_HMAC_SHA384 = 8;
    CK_NIST_PRF_KDF_HMAC_SHA512 = 9;
    CK_PRF_KDF_HMAC_RIPEMD160 = 10;
    LUNA_PRF_KDF_ENCODING_SCHEME_1 = 0;
    LUNA_PRF_KDF_ENCODING_SCHEME_2 = 1;
    LUNA_PRF_KDF_ENCODING_SCHEME_3 = 2;
    LUNA_PRF_KDF_ENCODING_SCHEME_4 = 3;
    LUNA_PRF_KDF_ENCODING_SCHEME_SCP03 = 4;
    LUNA_PRF_KDF_ENCODING_SCHEME_HID_KD = 5;
}

/// Luna's parameters of CKM_NIST_PRF_KDF and CKM_PRF_KDF (the vendor's cryptoki_v2.h).
#[allow(non_camel_case_types, non_snake_case)]
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CK_KDF_PRF_PARAMS {
    /// CK_NIST_PRF_KDF_ or CK_PRF_KDF_ number.
    pub prfType: CK_ULONG,
    /// The label.
    pub pLabel: *mut CK_BYTE,
    /// Its length in bytes.
    pub ulLabelLen: CK_ULONG,
    /// The context.
    pub pContext: *mut CK_BYTE,
    /// Its length in bytes.
    pub ulContextLen: CK_ULONG,
    /// What the counter begins with.
    pub ulCounter: CK_ULONG,
    /// LUNA_PRF_KDF_ENCODING_ number.
    pub ulEncodingScheme: CK_ULONG,
}

vendor! { CK_ULONG;
    CKDHP_STANDARD = 1;
    /// Of older headers: not implemented.
    CKDHP_MODIFIED = 2;
    CKDHP_ECDH1 = 3;
    CKES_XOR = 1;
    CKES_DES3_CBC_PAD = 2;
    CKES_AES_CBC_PAD = 3;
    CKES_DES3_CBC = 4;
    CKES_AES_CBC = 5;
    CKES_AES_CTR = 6;
    CKES_AES_GCM = 7;
    CKES_AES_KW = 8;
    CKES_AES_KWP = 9;
    CKMS_HMAC_SHA1 = 1;
    CKMS_SHA1 = 2;
    CKMS_HMAC_SHA224 = 3;
    CKMS_SHA224 = 4;
    CKMS_HMAC_SHA256 = 5;
    CKMS_SHA256 = 6;
    CKMS_HMAC_SHA384 = 7;
    CKMS_SHA384 = 8;
    CKMS_HMAC_SHA512 = 9;
    CKMS_SHA512 = 10;
    CKMS_HMAC_RIPEMD160 = 11;
    CKMS_RIPEMD160 = 12;
}

/// Luna's parameters of CKM_ECIES (the vendor's cryptoki_v2.h; SDK guide, "ECIES general").
#[allow(non_camel_case_types, non_snake_case)]
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CK_ECIES_PARAMS {
    /// CKDHP number of how the secret is agreed on.
    pub dhPrimitive: CK_ULONG,
    /// CKD number of the key derivation function.
    pub kdf: CK_ULONG,
    /// Bytes of the first shared data.
    pub ulSharedDataLen1: CK_ULONG,
    /// Shared data of the key derivation.
    pub pSharedData1: *mut CK_BYTE,
    /// CKES number of the encryption.
    pub encScheme: CK_ULONG,
    /// Bits of the encryption key; 0 with CKES_XOR.
    pub ulEncKeyLenInBits: CK_ULONG,
    /// CKMS number of the MAC.
    pub macScheme: CK_ULONG,
    /// Bits of the MAC key.
    pub ulMacKeyLenInBits: CK_ULONG,
    /// Bits of the MAC.
    pub ulMacLenInBits: CK_ULONG,
    /// Bytes of the second shared data.
    pub ulSharedDataLen2: CK_ULONG,
    /// Shared data of the MAC.
    pub pSharedData2: *mut CK_BYTE,
}

vendor! { CK_ATTRIBUTE_TYPE;
    CKA_CCM_PRIVATE = 0x8000_0001;
    CKA_FINGERPRINT_SHA1 = 0x8000_0002;
    /// Luna's object unique identifier, the same on every member that holds the object.
    CKA_OUID = 0x8000_0005;
    CKA_EKM_UID = 0x8000_0008;
    CKA_USAGE_COUNT = 0x8000_0101;
    CKA_USAGE_LIMIT = 0x8000_0200;
    CKA_GENERIC_1 = 0x8000_1000;
    CKA_GENERIC_2 = 0x8000_1001;
    CKA_GENERIC_3 = 0x8000_1002;
    CKA_FINGERPRINT_SHA256 = 0x8000_1003;
}
