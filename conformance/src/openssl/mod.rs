//! The system's libcrypto (3.x), loaded when first needed: what a module computes is compared with a
//! library that had no part in it. A module that is built on OpenSSL itself brings its own copy or
//! another version; the suite then checks its use, not the primitive. A program that wants a newer one
//! than the system's says so first ([`bring`]).

use std::{
    ffi::{CStr, CString, OsStr, c_char, c_int, c_long, c_uchar, c_uint, c_void},
    path::Path,
    ptr::{null, null_mut},
    sync::OnceLock,
};

use libloading::Library;

mod capsule;
mod message;
mod options;
mod pair;

pub use options::{derive, digest_with, keyed};
pub use pair::{Generated, prime_curves};

type Handle = *mut c_void;

/// An ECDSA or DSA signature, r and s side by side, as the DER that OpenSSL reads.
pub fn signature_der(signature: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let first = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len() - 1);
        let bytes = &bytes[first..];
        let zero: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
        [&[2, (bytes.len() + zero.len()) as u8], zero, bytes].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let both = [number(r), number(s)].concat();
    let len: &[u8] = if both.len() < 0x80 { &[] } else { &[0x81] };
    [&[0x30], len, &[both.len() as u8], &both[..]].concat()
}

macro_rules! functions {
    ($($name:ident($($type:ty),*) -> $result:ty;)*) => {
        #[allow(non_snake_case)]
        struct Functions {
            $($name: unsafe extern "C" fn($($type),*) -> $result,)*
        }

        impl Functions {
            fn load(file: &OsStr) -> Option<Self> {
                // SAFETY: libcrypto's initialisers are harmless; the symbols have these types (its
                // manual pages), and the library is never closed.
                unsafe {
                    let library = Library::new(file).ok()?;
                    let functions = Self {
                        $($name: *library.get(concat!(stringify!($name), "\0").as_bytes()).ok()?,)*
                    };
                    std::mem::forget(library);
                    Some(functions)
                }
            }
        }
    };
}

functions! {
    OSSL_PROVIDER_load(Handle, *const c_char) -> Handle;
    EVP_MD_fetch(Handle, *const c_char, *const c_char) -> Handle;
    EVP_Digest(*const c_void, usize, *mut c_uchar, *mut u32, Handle, Handle) -> c_int;
    EVP_Q_mac(Handle, *const c_char, *const c_char, *const c_char, *const c_void, *const c_void, usize,
        *const c_uchar, usize, *mut c_uchar, usize, *mut usize) -> *mut c_uchar;
    EVP_CIPHER_fetch(Handle, *const c_char, *const c_char) -> Handle;
    EVP_CIPHER_CTX_new() -> Handle;
    EVP_CIPHER_CTX_free(Handle) -> ();
    EVP_CIPHER_CTX_ctrl(Handle, c_int, c_int, *mut c_void) -> c_int;
    EVP_CIPHER_CTX_set_padding(Handle, c_int) -> c_int;
    EVP_CIPHER_CTX_set_flags(Handle, c_int) -> ();
    EVP_CipherInit_ex(Handle, Handle, Handle, *const c_uchar, *const c_uchar, c_int) -> c_int;
    EVP_CipherUpdate(Handle, *mut c_uchar, *mut c_int, *const c_uchar, c_int) -> c_int;
    EVP_CipherFinal_ex(Handle, *mut c_uchar, *mut c_int) -> c_int;
    d2i_PUBKEY(*mut Handle, *mut *const c_uchar, c_long) -> Handle;
    d2i_AutoPrivateKey(*mut Handle, *mut *const c_uchar, c_long) -> Handle;
    EVP_PKEY_free(Handle) -> ();
    EVP_PKEY_CTX_new(Handle, Handle) -> Handle;
    EVP_PKEY_CTX_free(Handle) -> ();
    EVP_PKEY_CTX_ctrl_str(Handle, *const c_char, *const c_char) -> c_int;
    EVP_PKEY_verify_init(Handle) -> c_int;
    EVP_PKEY_verify(Handle, *const c_uchar, usize, *const c_uchar, usize) -> c_int;
    EVP_PKEY_encrypt_init(Handle) -> c_int;
    EVP_PKEY_encrypt(Handle, *mut c_uchar, *mut usize, *const c_uchar, usize) -> c_int;
    EVP_PKEY_decrypt_init(Handle) -> c_int;
    EVP_PKEY_decrypt(Handle, *mut c_uchar, *mut usize, *const c_uchar, usize) -> c_int;
    EVP_PKEY_derive_init(Handle) -> c_int;
    EVP_PKEY_derive_set_peer(Handle, Handle) -> c_int;
    EVP_PKEY_derive(Handle, *mut c_uchar, *mut usize) -> c_int;
    EVP_MD_CTX_new() -> Handle;
    EVP_MD_CTX_free(Handle) -> ();
    EVP_DigestVerifyInit(Handle, *mut Handle, Handle, Handle, Handle) -> c_int;
    EVP_DigestVerify(Handle, *const c_uchar, usize, *const c_uchar, usize) -> c_int;
    EVP_DigestInit_ex2(Handle, Handle, *const Param) -> c_int;
    EVP_DigestUpdate(Handle, *const c_void, usize) -> c_int;
    EVP_DigestFinalXOF(Handle, *mut c_uchar, usize) -> c_int;
    EVP_DigestFinal_ex(Handle, *mut c_uchar, *mut c_uint) -> c_int;
    EVP_MD_settable_ctx_params(Handle) -> *const Param;
    EVP_DigestSignInit(Handle, *mut Handle, Handle, Handle, Handle) -> c_int;
    EVP_DigestSign(Handle, *mut c_uchar, *mut usize, *const c_uchar, usize) -> c_int;
    EVP_PKEY_sign_init(Handle) -> c_int;
    EVP_PKEY_sign(Handle, *mut c_uchar, *mut usize, *const c_uchar, usize) -> c_int;
    EVP_PKEY_encapsulate_init(Handle, *const Param) -> c_int;
    EVP_PKEY_encapsulate(Handle, *mut c_uchar, *mut usize, *mut c_uchar, *mut usize) -> c_int;
    EVP_PKEY_decapsulate_init(Handle, *const Param) -> c_int;
    EVP_PKEY_decapsulate(Handle, *mut c_uchar, *mut usize, *const c_uchar, usize) -> c_int;
    EVP_PKEY_CTX_new_from_name(Handle, *const c_char, *const c_char) -> Handle;
    EVP_PKEY_keygen_init(Handle) -> c_int;
    EVP_PKEY_paramgen_init(Handle) -> c_int;
    EVP_PKEY_CTX_settable_params(Handle) -> *const Param;
    EVP_PKEY_CTX_set_params(Handle, *const Param) -> c_int;
    EVP_PKEY_generate(Handle, *mut Handle) -> c_int;
    i2d_PUBKEY(Handle, *mut *mut c_uchar) -> c_int;
    EVP_PKEY2PKCS8(Handle) -> Handle;
    i2d_PKCS8_PRIV_KEY_INFO(Handle, *mut *mut c_uchar) -> c_int;
    PKCS8_PRIV_KEY_INFO_free(Handle) -> ();
    EC_get_builtin_curves(*mut BuiltinCurve, usize) -> usize;
    OBJ_nid2sn(c_int) -> *const c_char;
    EVP_KDF_fetch(Handle, *const c_char, *const c_char) -> Handle;
    EVP_KDF_settable_ctx_params(Handle) -> *const Param;
    EVP_KDF_CTX_new(Handle) -> Handle;
    EVP_KDF_CTX_free(Handle) -> ();
    EVP_KDF_derive(Handle, *mut c_uchar, usize, *const Param) -> c_int;
    EVP_MAC_fetch(Handle, *const c_char, *const c_char) -> Handle;
    EVP_MAC_settable_ctx_params(Handle) -> *const Param;
    EVP_MAC_CTX_new(Handle) -> Handle;
    EVP_MAC_CTX_free(Handle) -> ();
    EVP_MAC_init(Handle, *const c_uchar, usize, *const Param) -> c_int;
    EVP_MAC_update(Handle, *const c_uchar, usize) -> c_int;
    EVP_MAC_final(Handle, *mut c_uchar, *mut usize, usize) -> c_int;
    OSSL_PARAM_allocate_from_text(*mut Param, *const Param, *const c_char, *const c_char, usize,
        *mut c_int) -> c_int;
    CRYPTO_free(*mut c_void, *const c_char, c_int) -> ();
}

/// OSSL_PARAM.
#[repr(C)]
#[derive(Clone, Copy)]
struct Param {
    key: *const c_char,
    kind: c_uint,
    data: *mut c_void,
    size: usize,
    returned: usize,
}

/// EC_builtin_curve.
#[repr(C)]
#[derive(Clone, Copy)]
struct BuiltinCurve {
    nid: c_int,
    comment: *const c_char,
}

static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();

fn functions() -> Option<&'static Functions> {
    FUNCTIONS.get_or_init(|| with_providers("libcrypto.so.3".as_ref())).as_ref()
}

/// Loads this file in the place of the system's libcrypto. `false` if it is none, or one is in use
/// already.
pub fn bring(libcrypto: &Path) -> bool {
    let mut brought = false;
    let functions = FUNCTIONS.get_or_init(|| {
        brought = true;
        with_providers(libcrypto.as_os_str())
    });
    brought && functions.is_some()
}

fn with_providers(libcrypto: &OsStr) -> Option<Functions> {
    let functions = Functions::load(libcrypto)?;
    for provider in [c"default", c"legacy"] {
        // SAFETY: a name; the legacy provider may be missing, its algorithms are then too.
        unsafe { (functions.OSSL_PROVIDER_load)(null_mut(), provider.as_ptr()) };
    }
    Some(functions)
}

fn text(name: &str) -> CString {
    CString::new(name).unwrap_or_default()
}

/// A digest; `None` if this libcrypto has not got it.
pub fn digest(name: &str, data: &[u8]) -> Option<Vec<u8>> {
    let f = functions()?;
    let name = text(name);
    let (mut out, mut len) = (vec![0; 64], 0);
    // SAFETY: 64 bytes are the longest digest that has a fixed length.
    unsafe {
        let md = (f.EVP_MD_fetch)(null_mut(), name.as_ptr(), null());
        if md.is_null() {
            return None;
        }
        let (data, size) = (data.as_ptr().cast(), data.len());
        if (f.EVP_Digest)(data, size, out.as_mut_ptr(), &mut len, md, null_mut()) != 1 {
            return None;
        }
    }
    out.truncate(len as usize);
    Some(out)
}

/// As many bytes as wanted of a digest that has no end (SHAKE128, SHAKE256).
pub fn expand(name: &str, data: &[u8], len: usize) -> Option<Vec<u8>> {
    let f = functions()?;
    let name = text(name);
    let mut out = vec![0; len];
    // SAFETY: a context of this call's own; lengths are those of the slices.
    let good = unsafe {
        let md = (f.EVP_MD_fetch)(null_mut(), name.as_ptr(), null());
        if md.is_null() {
            return None;
        }
        let c = (f.EVP_MD_CTX_new)();
        let good = (f.EVP_DigestInit_ex2)(c, md, null()) == 1
            && (f.EVP_DigestUpdate)(c, data.as_ptr().cast(), data.len()) == 1
            && (f.EVP_DigestFinalXOF)(c, out.as_mut_ptr(), len) == 1;
        (f.EVP_MD_CTX_free)(c);
        good
    };
    good.then_some(out)
}

/// A MAC: `HMAC` over a digest, `CMAC` over a CBC cipher, `POLY1305` over nothing.
pub fn mac(name: &str, under: &str, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let f = functions()?;
    let (name, sub) = (text(name), text(under));
    let sub = if under.is_empty() { null() } else { sub.as_ptr() };
    let (mut out, mut len) = (vec![0; 64], 0);
    // SAFETY: the lengths are those of the slices.
    let made = unsafe {
        (f.EVP_Q_mac)(
            null_mut(),
            name.as_ptr(),
            null(),
            sub,
            null(),
            key.as_ptr().cast(),
            key.len(),
            data.as_ptr(),
            data.len(),
            out.as_mut_ptr(),
            out.len(),
            &mut len,
        )
    };
    if made.is_null() {
        return None;
    }
    out.truncate(len);
    Some(out)
}

/// A cipher's use: key, vector, associated data and length of the tag where it is one with a tag.
#[derive(Clone, Copy, Debug)]
pub struct Cipher<'a> {
    /// OpenSSL's name.
    pub name: &'a str,
    /// The key.
    pub key: &'a [u8],
    /// Vector, counter block or nonce.
    pub iv: &'a [u8],
    /// Whether PKCS#7 fills the last block.
    pub padded: bool,
    /// Associated data and length of the tag.
    pub tag: Option<(&'a [u8], usize)>,
}

const SET_IV_LEN: c_int = 0x9;
const GET_TAG: c_int = 0x10;
const SET_TAG: c_int = 0x11;
/// EVP_CIPHER_CTX_FLAG_WRAP_ALLOW.
const WRAP_ALLOW: c_int = 1;

/// Encrypts; a tag follows the ciphertext.
pub fn encrypt(cipher: Cipher<'_>, data: &[u8]) -> Option<Vec<u8>> {
    crypt(cipher, data, true)
}

/// Decrypts; `None` also for a tag or a padding that is wrong.
pub fn decrypt(cipher: Cipher<'_>, data: &[u8]) -> Option<Vec<u8>> {
    crypt(cipher, data, false)
}

fn crypt(cipher: Cipher<'_>, data: &[u8], encrypts: bool) -> Option<Vec<u8>> {
    let f = functions()?;
    let name = text(cipher.name);
    let ccm = cipher.name.ends_with("CCM");
    let tag_len = cipher.tag.map_or(0, |(_, len)| len);
    // Behind a ciphertext stands the tag.
    let (data, given) = if encrypts {
        (data, &[][..])
    } else {
        data.split_at_checked(data.len().checked_sub(tag_len)?)?
    };
    let direction = c_int::from(encrypts);
    let mut out = vec![0; data.len() + 64];
    // SAFETY: the output has room for the input, a block and a tag; lengths are those of the slices.
    unsafe {
        let alg = (f.EVP_CIPHER_fetch)(null_mut(), name.as_ptr(), null());
        if alg.is_null() {
            return None;
        }
        let c = (f.EVP_CIPHER_CTX_new)();
        (f.EVP_CIPHER_CTX_set_flags)(c, WRAP_ALLOW);
        let mut good = (f.EVP_CipherInit_ex)(c, alg, null_mut(), null(), null(), direction) == 1;
        if let Some((_, tag)) = cipher.tag {
            good &=
                (f.EVP_CIPHER_CTX_ctrl)(c, SET_IV_LEN, cipher.iv.len() as c_int, null_mut()) == 1;
            if !encrypts || ccm {
                let at = if encrypts { null_mut() } else { given.as_ptr().cast_mut().cast() };
                good &= (f.EVP_CIPHER_CTX_ctrl)(c, SET_TAG, tag as c_int, at) == 1;
            }
        }
        let iv = if cipher.iv.is_empty() { null() } else { cipher.iv.as_ptr() };
        let key = cipher.key.as_ptr();
        good &= (f.EVP_CipherInit_ex)(c, null_mut(), null_mut(), key, iv, direction) == 1;
        good &= (f.EVP_CIPHER_CTX_set_padding)(c, c_int::from(cipher.padded)) == 1;
        let (mut len, mut last) = (0, 0);
        if ccm {
            good &= (f.EVP_CipherUpdate)(c, null_mut(), &mut len, null(), data.len() as c_int) == 1;
        }
        if let Some((aad, _)) = cipher.tag.filter(|tag| !tag.0.is_empty()) {
            good &= (f.EVP_CipherUpdate)(c, null_mut(), &mut len, aad.as_ptr(), aad.len() as c_int)
                == 1;
        }
        len = 0;
        good &=
            (f.EVP_CipherUpdate)(c, out.as_mut_ptr(), &mut len, data.as_ptr(), data.len() as c_int)
                == 1;
        // CCM has checked its tag by now, and refuses to be asked again.
        if encrypts || !ccm {
            good &= (f.EVP_CipherFinal_ex)(c, out.as_mut_ptr().add(len as usize), &mut last) == 1;
        }
        let mut whole = (len + last) as usize;
        if let Some((_, tag)) = cipher.tag.filter(|_| encrypts) {
            let at = out.as_mut_ptr().add(whole).cast();
            good &= (f.EVP_CIPHER_CTX_ctrl)(c, GET_TAG, tag as c_int, at) == 1;
            whole += tag;
        }
        (f.EVP_CIPHER_CTX_free)(c);
        out.truncate(whole);
        good.then_some(out)
    }
}

/// A key of OpenSSL's.
pub struct Key(Handle);

impl Drop for Key {
    fn drop(&mut self) {
        if let Some(f) = functions() {
            // SAFETY: ours alone.
            unsafe { (f.EVP_PKEY_free)(self.0) };
        }
    }
}

/// Options of a key's use, in the words of EVP_PKEY_CTX_ctrl_str: `rsa_padding_mode` `pss`.
pub type Options<'a> = &'a [(&'a CStr, &'a CStr)];

impl Key {
    /// From a SubjectPublicKeyInfo.
    pub fn public(der: &[u8]) -> Option<Self> {
        let f = functions()?;
        let mut at = der.as_ptr();
        // SAFETY: as many bytes as the slice has.
        let key = unsafe { (f.d2i_PUBKEY)(null_mut(), &mut at, der.len() as c_long) };
        (!key.is_null()).then_some(Self(key))
    }

    /// From PKCS#8.
    pub fn private(der: &[u8]) -> Option<Self> {
        let f = functions()?;
        let mut at = der.as_ptr();
        // SAFETY: as many bytes as the slice has.
        let key = unsafe { (f.d2i_AutoPrivateKey)(null_mut(), &mut at, der.len() as c_long) };
        (!key.is_null()).then_some(Self(key))
    }

    /// Whether the signature over a digest (or over what is signed without one) holds.
    pub fn verifies(&self, options: Options<'_>, digest: &[u8], signature: &[u8]) -> Option<bool> {
        let f = functions()?;
        // SAFETY: a context of this key, freed before the end; lengths are those of the slices.
        unsafe {
            let c = (f.EVP_PKEY_CTX_new)(self.0, null_mut());
            let good = (f.EVP_PKEY_verify_init)(c) == 1 && set(f, c, options);
            let (at, len) = (signature.as_ptr(), signature.len());
            let holds = (f.EVP_PKEY_verify)(c, at, len, digest.as_ptr(), digest.len());
            (f.EVP_PKEY_CTX_free)(c);
            good.then_some(holds == 1)
        }
    }

    /// A signature over a digest (or over what is signed without one).
    pub fn sign(&self, options: Options<'_>, digest: &[u8]) -> Option<Vec<u8>> {
        let f = functions()?;
        self.crypt(f, f.EVP_PKEY_sign_init, f.EVP_PKEY_sign, options, digest)
    }

    /// Encrypts with a public key.
    pub fn encrypt(&self, options: Options<'_>, data: &[u8]) -> Option<Vec<u8>> {
        let f = functions()?;
        self.crypt(f, f.EVP_PKEY_encrypt_init, f.EVP_PKEY_encrypt, options, data)
    }

    /// Decrypts with a private key.
    pub fn decrypt(&self, options: Options<'_>, data: &[u8]) -> Option<Vec<u8>> {
        let f = functions()?;
        self.crypt(f, f.EVP_PKEY_decrypt_init, f.EVP_PKEY_decrypt, options, data)
    }

    fn crypt(
        &self,
        f: &Functions,
        init: unsafe extern "C" fn(Handle) -> c_int,
        work: unsafe extern "C" fn(
            Handle,
            *mut c_uchar,
            *mut usize,
            *const c_uchar,
            usize,
        ) -> c_int,
        options: Options<'_>,
        data: &[u8],
    ) -> Option<Vec<u8>> {
        let (mut out, mut len) = (vec![0; 2048], 2048);
        // SAFETY: as above; no RSA key of the suite is longer than the output.
        let good = unsafe {
            let c = (f.EVP_PKEY_CTX_new)(self.0, null_mut());
            let good = init(c) == 1
                && set(f, c, options)
                && work(c, out.as_mut_ptr(), &mut len, data.as_ptr(), data.len()) == 1;
            (f.EVP_PKEY_CTX_free)(c);
            good
        };
        out.truncate(len);
        good.then_some(out)
    }

    /// The secret of this private key and another's public key.
    pub fn agree(&self, peer: &Self) -> Option<Vec<u8>> {
        self.agree_with(peer, "")
    }

    /// The same with options, such as `pad:1` for all bytes of a secret of Diffie-Hellman.
    pub fn agree_with(&self, peer: &Self, options: &str) -> Option<Vec<u8>> {
        let f = functions()?;
        let (mut out, mut len) = (vec![0; 1024], 1024);
        // SAFETY: as above; a secret is as long as a prime of Diffie-Hellman, at most.
        let good = unsafe {
            let c = (f.EVP_PKEY_CTX_new)(self.0, null_mut());
            let good = (f.EVP_PKEY_derive_init)(c) == 1
                && options::set(f, c, options)
                && (f.EVP_PKEY_derive_set_peer)(c, peer.0) == 1
                && (f.EVP_PKEY_derive)(c, out.as_mut_ptr(), &mut len) == 1;
            (f.EVP_PKEY_CTX_free)(c);
            good
        };
        out.truncate(len);
        good.then_some(out)
    }
}

unsafe fn set(f: &Functions, context: Handle, options: Options<'_>) -> bool {
    // SAFETY: texts that end with 0; the caller gives a context.
    options.iter().all(|(name, value)| unsafe {
        (f.EVP_PKEY_CTX_ctrl_str)(context, name.as_ptr(), value.as_ptr()) == 1
    })
}
