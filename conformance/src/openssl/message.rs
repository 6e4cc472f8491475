//! Signatures over a message that the algorithm itself hashes: EdDSA, ML-DSA, SLH-DSA.

use std::ptr::null_mut;

use super::{Handle, Key, functions, options::set};

/// The longest: SLH-DSA with 256 bits, fast (FIPS 205, table 2).
const SIGNATURE_MAX: usize = 49_856;

impl Key {
    /// Whether a signature over a message holds. Options are those of the algorithm:
    /// `hexcontext-string:0102`, `message-encoding:0`, `mu:1`.
    pub fn verifies_message(
        &self,
        options: &str,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let f = functions()?;
        let mut options_at: Handle = null_mut();
        // SAFETY: a context of this call's own, which owns the one of the options; lengths are those of
        // the slices.
        unsafe {
            let c = (f.EVP_MD_CTX_new)();
            let (at, none) = (&mut options_at, null_mut());
            let good = (f.EVP_DigestVerifyInit)(c, at, none, none, self.0) == 1
                && set(f, options_at, options);
            let (at, len) = (signature.as_ptr(), signature.len());
            let holds =
                good && (f.EVP_DigestVerify)(c, at, len, message.as_ptr(), message.len()) == 1;
            (f.EVP_MD_CTX_free)(c);
            good.then_some(holds)
        }
    }

    /// A signature over a message, with the algorithm's options: `deterministic:1`.
    pub fn sign_message(&self, options: &str, message: &[u8]) -> Option<Vec<u8>> {
        let f = functions()?;
        let mut options_at: Handle = null_mut();
        let (mut out, mut len) = (vec![0; SIGNATURE_MAX], SIGNATURE_MAX);
        // SAFETY: as above; no signature is longer than the output.
        let good = unsafe {
            let c = (f.EVP_MD_CTX_new)();
            let (at, none) = (&mut options_at, null_mut());
            let good = (f.EVP_DigestSignInit)(c, at, none, none, self.0) == 1
                && set(f, options_at, options);
            let (at, size) = (message.as_ptr(), message.len());
            let good = good && (f.EVP_DigestSign)(c, out.as_mut_ptr(), &mut len, at, size) == 1;
            (f.EVP_MD_CTX_free)(c);
            good
        };
        out.truncate(len);
        good.then_some(out)
    }
}
