//! Memory that calls point into.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::decode::Choices;

/// Bytes of the region; lengths that go with its pointers are at most half of it.
const SIZE: usize = 1 << 15;
/// Longest length of a piece.
const PIECE: usize = 600;

/// A region, and the arrays that live as long as one call.
pub(super) struct Arena {
    region: Vec<u64>,
    kept: Vec<Vec<u64>>,
    templates: Vec<Vec<CK_ATTRIBUTE>>,
}

/// Attributes that templates are made of.
const KINDS: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_ID,
    CKA_VALUE,
    CKA_VALUE_LEN,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_MODULUS,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_TRUSTED,
    CKA_LOCAL,
    CKA_CERTIFICATE_TYPE,
    CKA_SUBJECT,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_ALLOWED_MECHANISMS,
    CKA_START_DATE,
    CKA_APPLICATION,
    CKA_OBJECT_ID,
    CKA_UNIQUE_ID,
    CKA_CHECK_VALUE,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_WRAP_WITH_TRUSTED,
    0x8000_0001,
    0x7FFF_FF02,
];
const CLASSES: &[CK_ULONG] = &[
    CKO_SECRET_KEY,
    CKO_DATA,
    CKO_PUBLIC_KEY,
    CKO_PRIVATE_KEY,
    CKO_CERTIFICATE,
    CKO_DOMAIN_PARAMETERS,
    CKO_PROFILE,
    99,
];
const KEY_TYPES: &[CK_ULONG] = &[
    CKK_AES,
    CKK_GENERIC_SECRET,
    CKK_RSA,
    CKK_EC,
    CKK_DES3,
    CKK_EC_EDWARDS,
    CKK_EC_MONTGOMERY,
    CKK_CHACHA20,
    CKK_SHA256_HMAC,
    CKK_DH,
    99,
];
/// P-256 and Ed25519, in DER.
const CURVES: &[&[u8]] = &[
    &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7],
    &[6, 3, 0x2B, 0x65, 0x70],
    &[6, 3, 0x2B, 0x65, 0x6E],
];

impl Arena {
    pub(super) fn new() -> Self {
        Self {
            region: vec![0x0123_4567_89AB_CDEF; SIZE / 8],
            kept: Vec::new(),
            templates: Vec::new(),
        }
    }

    /// Ends what lived as long as one call, and writes new bytes into the region's beginning.
    pub(super) fn renew(&mut self, c: &mut Choices<'_>) {
        self.kept.clear();
        self.templates.clear();
        let word = u64::from_ne_bytes([0; 8].map(|_: u8| c.byte()));
        let at = c.below(SIZE / 8);
        self.region[at] = word;
    }

    /// A place with `PIECE` bytes and more behind it.
    pub(super) fn place(&mut self, c: &mut Choices<'_>) -> *mut u8 {
        let at = c.below(SIZE - PIECE - 1);
        // SAFETY: inside of the region.
        unsafe { self.region.as_mut_ptr().cast::<u8>().add(at) }
    }

    /// A length that is true of every place, or beyond all reason.
    pub(super) fn len(&mut self, c: &mut Choices<'_>) -> CK_ULONG {
        match c.byte() % 16 {
            0 => 0,
            1 => 1,
            2 => CK_ULONG::MAX,
            3 => 1 << 40,
            4..10 => c.of(&[8, 12, 16, 20, 24, 28, 32, 48, 64, 128, 256]),
            _ => c.below(PIECE) as CK_ULONG,
        }
    }

    /// A length that is true of every place.
    pub(super) fn true_len(&mut self, c: &mut Choices<'_>) -> CK_ULONG {
        match c.byte() % 4 {
            0 => c.below(PIECE) as CK_ULONG,
            _ => c.of(&[0, 8, 12, 16, 20, 24, 32, 48, 64, 128, 256]),
        }
    }

    /// Data: a pointer and a length.
    pub(super) fn data(&mut self, c: &mut Choices<'_>) -> (*mut u8, CK_ULONG) {
        let len = self.len(c);
        (if c.rarely(8) { std::ptr::null_mut() } else { self.place(c) }, len)
    }

    /// A place for a number, with a number in it; rarely NULL.
    pub(super) fn number(&mut self, c: &mut Choices<'_>, value: CK_ULONG) -> *mut CK_ULONG {
        if c.rarely(16) { std::ptr::null_mut() } else { self.keep(vec![value]) }
    }

    /// A place for what comes out, and its length.
    pub(super) fn out(&mut self, c: &mut Choices<'_>) -> (*mut u8, *mut CK_ULONG) {
        let len = self.true_len(c);
        let place = if c.rarely(4) { std::ptr::null_mut() } else { self.place(c) };
        (place, self.number(c, len))
    }

    fn keep(&mut self, words: Vec<u64>) -> *mut u64 {
        self.kept.push(words);
        self.kept.last_mut().map_or(std::ptr::null_mut(), |words| words.as_mut_ptr())
    }

    fn keep_bytes(&mut self, bytes: &[u8]) -> *mut u8 {
        let mut words = vec![0_u64; bytes.len().div_ceil(8).max(1)];
        for (at, &byte) in bytes.iter().enumerate() {
            words[at / 8] |= u64::from(byte) << (8 * (at % 8));
        }
        self.keep(words).cast()
    }

    /// A template: rows, and how many there are, which rarely is not true of NULL.
    pub(super) fn template(&mut self, c: &mut Choices<'_>) -> (*mut CK_ATTRIBUTE, CK_ULONG) {
        match c.byte() % 32 {
            0 => return (std::ptr::null_mut(), c.of(&[0, 1, CK_ULONG::MAX])),
            1 => return (self.place(c).cast(), c.of(&[0, 1 << 40, CK_ULONG::MAX])),
            _ => {}
        }
        let count = c.below(9);
        let mut rows: Vec<CK_ATTRIBUTE> = (0..count).map(|_| self.attribute(c)).collect();
        // Most templates should come so far that there is something to do.
        if c.mostly() {
            rows.extend(self.sensible(c));
        }
        let len = rows.len() as CK_ULONG;
        self.templates.push(rows);
        let pointer =
            self.templates.last_mut().map_or(std::ptr::null_mut(), |rows| rows.as_mut_ptr());
        (pointer, len)
    }

    fn fixed(&mut self, kind: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> CK_ATTRIBUTE {
        let value = self.keep_bytes(bytes).cast();
        CK_ATTRIBUTE { type_: kind, pValue: value, ulValueLen: bytes.len() as CK_ULONG }
    }

    fn sensible(&mut self, c: &mut Choices<'_>) -> Vec<CK_ATTRIBUTE> {
        match c.byte() % 6 {
            0 => vec![self.fixed(CKA_VALUE_LEN, &16_u64.to_ne_bytes())],
            1 => vec![self.fixed(CKA_EC_PARAMS, CURVES[c.below(3)])],
            2 => vec![self.fixed(CKA_MODULUS_BITS, &1024_u64.to_ne_bytes())],
            3 => {
                vec![self.fixed(CKA_CLASS, &CKO_DATA.to_ne_bytes()), self.fixed(CKA_PRIVATE, &[0])]
            }
            kind => {
                let key_type = if kind == 4 { CKK_AES } else { CKK_GENERIC_SECRET };
                let mut rows = vec![
                    self.fixed(CKA_CLASS, &CKO_SECRET_KEY.to_ne_bytes()),
                    self.fixed(CKA_KEY_TYPE, &key_type.to_ne_bytes()),
                    self.fixed(CKA_VALUE, &[7; 16]),
                ];
                for used in [
                    CKA_ENCRYPT,
                    CKA_DECRYPT,
                    CKA_SIGN,
                    CKA_VERIFY,
                    CKA_WRAP,
                    CKA_UNWRAP,
                    CKA_DERIVE,
                ] {
                    rows.push(self.fixed(used, &[1]));
                }
                rows
            }
        }
    }

    fn attribute(&mut self, c: &mut Choices<'_>) -> CK_ATTRIBUTE {
        let kind = c.of(KINDS);
        match (c.byte() % 8, kind) {
            (0, _) => {
                CK_ATTRIBUTE { type_: kind, pValue: std::ptr::null_mut(), ulValueLen: self.len(c) }
            }
            (1, _) => {
                let len = self.len(c);
                // An attribute of attributes would be followed through its own pointers.
                let len = if kind & CKF_ARRAY_ATTRIBUTE != 0 { 0 } else { len };
                CK_ATTRIBUTE { type_: kind, pValue: self.place(c).cast(), ulValueLen: len }
            }
            (_, CKA_CLASS) => {
                let value = c.of(CLASSES);
                self.fixed(kind, &value.to_ne_bytes())
            }
            (_, CKA_KEY_TYPE) => {
                let value = c.of(KEY_TYPES);
                self.fixed(kind, &value.to_ne_bytes())
            }
            (_, CKA_EC_PARAMS) => {
                let value = c.below(CURVES.len());
                self.fixed(kind, CURVES[value])
            }
            (_, CKA_VALUE_LEN) => {
                let value = c.of(&[16, 24, 32, 0, 5, 64, 1 << 40]);
                self.fixed(kind, &u64::to_ne_bytes(value))
            }
            (_, CKA_MODULUS_BITS) => {
                let value = c.of(&[1024, 512, 1025, 0, 1 << 40]);
                self.fixed(kind, &u64::to_ne_bytes(value))
            }
            (_, CKA_PUBLIC_EXPONENT) => self.fixed(kind, &[1, 0, 1]),
            // A token object is destroyed at the end like any other, but rarely made.
            (_, CKA_TOKEN) => {
                let value = u8::from(c.rarely(8));
                self.fixed(kind, &[value])
            }
            (
                _,
                CKA_VALUE | CKA_LABEL | CKA_ID | CKA_MODULUS | CKA_EC_POINT | CKA_SUBJECT
                | CKA_ISSUER,
            ) => {
                let (place, len) = (self.place(c), self.true_len(c));
                CK_ATTRIBUTE { type_: kind, pValue: place.cast(), ulValueLen: len }
            }
            _ => {
                let value = c.byte() & 1;
                self.fixed(kind, &[value])
            }
        }
    }

    /// A mechanism; rarely NULL.
    pub(super) fn mechanism(
        &mut self,
        c: &mut Choices<'_>,
        kinds: &[CK_MECHANISM_TYPE],
    ) -> *mut CK_MECHANISM {
        if c.rarely(32) {
            return std::ptr::null_mut();
        }
        let kind = if kinds.is_empty() || c.rarely(32) { 0x8FFF_FFF1 } else { c.of(kinds) };
        let layout = layout(kind);
        let mut words = Vec::new();
        for field in layout.bytes() {
            words.push(match field {
                b'p' => {
                    if c.rarely(8) {
                        0
                    } else {
                        self.place(c) as u64
                    }
                }
                b'n' => self.len(c),
                b'i' => u64::from(c.byte() % 8) * 32,
                b'h' => c.of(&[CKM_SHA256, CKM_SHA_1, CKM_SHA512, CKM_AES_CBC, 0]),
                b'g' => c.of(&[CKG_MGF1_SHA256, CKG_MGF1_SHA1, 0, 99]),
                _ => u64::from(c.byte()),
            });
        }
        // `eddsa` begins with a CK_BBOOL in a word of its own, so the layouts are words throughout.
        let whole = words.len() * 8;
        let (pointer, len) = if layout.is_empty() {
            match c.byte() % 4 {
                0 => (std::ptr::null_mut(), self.len(c)),
                1 => (std::ptr::null_mut(), 0),
                // No structure, so no pointers; zeros alone, since the module may know of one.
                _ => (self.keep(vec![0; PIECE / 8]), c.of(&[0, 1, 8, 12, 16, 24, 40, 48, 64, 100])),
            }
        } else {
            let cut = if c.rarely(6) { c.below(whole) } else { whole };
            (self.keep(words), cut as CK_ULONG)
        };
        let raw = CK_MECHANISM {
            mechanism: kind,
            pParameter: pointer.cast::<c_void>(),
            ulParameterLen: len,
        };
        let mut words = vec![0_u64; size_of::<CK_MECHANISM>() / 8];
        // SAFETY: a mechanism is three words.
        unsafe { words.as_mut_ptr().cast::<CK_MECHANISM>().write(raw) };
        self.keep(words).cast()
    }

    /// A parameter of a message: of GCM, of CCM or of ChaCha20-Poly1305, or none.
    pub(super) fn message(&mut self, c: &mut Choices<'_>) -> (*mut c_void, CK_ULONG) {
        let mut gcm = || {
            vec![self.place(c) as u64, 12, 0, u64::from(c.byte() % 5), self.place(c) as u64, 128]
        };
        let words = gcm();
        let whole = (words.len() * 8) as CK_ULONG;
        match c.byte() % 8 {
            0 => (std::ptr::null_mut(), 0),
            1 => (std::ptr::null_mut(), whole),
            2 => (self.keep(words).cast(), c.below(whole as usize) as CK_ULONG),
            _ => (self.keep(words).cast(), whole),
        }
    }
}

/// The words of a mechanism's structure: `p` a pointer and `n` its length, `i` a number of bits, `h` a
/// hash, `g` a mask generation, `w` anything; empty for bytes, none, and what is not known here.
fn layout(kind: CK_MECHANISM_TYPE) -> &'static str {
    match kind {
        CKM_RSA_PKCS_OAEP => "hgwpn",
        CKM_RSA_PKCS_PSS
        | CKM_SHA1_RSA_PKCS_PSS
        | CKM_SHA256_RSA_PKCS_PSS
        | CKM_SHA384_RSA_PKCS_PSS
        | CKM_SHA512_RSA_PKCS_PSS => "hgw",
        CKM_AES_CTR | CKM_CAMELLIA_CTR => "iww",
        CKM_AES_GCM => "pnipni",
        CKM_AES_CCM => "npnpnw",
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => "wnpnp",
        CKM_EDDSA => "wnp",
        CKM_CHACHA20 => "pipi",
        CKM_CHACHA20_POLY1305 => "pnpn",
        CKM_AES_ECB_ENCRYPT_DATA | CKM_DES3_ECB_ENCRYPT_DATA | CKM_CAMELLIA_ECB_ENCRYPT_DATA => {
            "pn"
        }
        CKM_AES_CBC_ENCRYPT_DATA | CKM_CAMELLIA_CBC_ENCRYPT_DATA => "wwpn",
        CKM_DES3_CBC_ENCRYPT_DATA => "wpn",
        CKM_AES_CMAC_GENERAL
        | CKM_SHA256_HMAC_GENERAL
        | CKM_SHA_1_HMAC_GENERAL
        | CKM_AES_MAC_GENERAL => "w",
        CKM_AES_CBC | CKM_AES_CBC_PAD | CKM_AES_OFB | CKM_AES_CFB8 | CKM_AES_CFB128
        | CKM_AES_CFB1 | CKM_AES_CTS | CKM_AES_XTS | CKM_CAMELLIA_CBC => "ww",
        CKM_DES3_CBC | CKM_DES3_CBC_PAD | CKM_DES_CBC => "w",
        _ => "",
    }
}
