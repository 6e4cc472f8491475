//! The pseudorandom function of TLS 1.0 to 1.2 and what is derived with it (RFC 5246, 5, 6.3, 7.4.9
//! and 8.1; RFC 2246, 5; RFC 7627; RFC 5705).

use zeroize::Zeroizing;

use crate::block::xor;
use crate::digest::HashAlg;
use crate::mac::{MacAlg, MacKey};
use crate::{Error, Result};

/// Bytes of a master secret.
pub const MASTER_SECRET_LEN: usize = 48;

/// Which pseudorandom function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPrf {
    /// That of TLS 1.0 and 1.1, with MD5 and SHA-1; PKCS#11 calls it `CKM_TLS_PRF`.
    Tls10,
    /// That of TLS 1.2 with this hash function.
    Tls12(HashAlg),
}

/// `len` bytes from a secret, a label and a seed, which is given in parts.
///
/// # Errors
/// [`Error::Internal`], never in practice.
pub fn tls_prf(
    prf: TlsPrf,
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    match prf {
        TlsPrf::Tls12(hash) => expand(hash, secret, label, seed, len),
        TlsPrf::Tls10 => {
            // Of a secret with an odd length both halves have the middle byte.
            let half = secret.len().div_ceil(2);
            let (first, second) = (&secret[..half], &secret[secret.len() - half..]);
            let mut out = expand(HashAlg::Md5, first, label, seed, len)?;
            xor(&mut out, &expand(HashAlg::Sha1, second, label, seed, len)?);
            Ok(out)
        }
    }
}

/// The master secret. `CKM_TLS12_MASTER_KEY_DERIVE` and its `_DH` form, `CKM_TLS_MASTER_KEY_DERIVE`.
///
/// # Errors
/// As [`tls_prf`].
pub fn tls_master_secret(
    prf: TlsPrf,
    premaster: &[u8],
    client_random: &[u8],
    server_random: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let seed = [client_random, server_random];
    tls_prf(prf, premaster, b"master secret", &seed, MASTER_SECRET_LEN)
}

/// The master secret of RFC 7627. `CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE` and its `_DH` form.
///
/// # Errors
/// As [`tls_prf`].
pub fn tls_extended_master_secret(
    prf: TlsPrf,
    premaster: &[u8],
    session_hash: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    tls_prf(prf, premaster, b"extended master secret", &[session_hash], MASTER_SECRET_LEN)
}

/// What a connection works with.
#[derive(Debug)]
pub struct TlsKeyBlock {
    /// The client's MAC key.
    pub client_mac: Zeroizing<Vec<u8>>,
    /// The server's MAC key.
    pub server_mac: Zeroizing<Vec<u8>>,
    /// The client's cipher key.
    pub client_key: Zeroizing<Vec<u8>>,
    /// The server's cipher key.
    pub server_key: Zeroizing<Vec<u8>>,
    /// The client's IV.
    pub client_iv: Vec<u8>,
    /// The server's IV.
    pub server_iv: Vec<u8>,
}

/// Keys and IVs of a connection, of these lengths in bytes. `CKM_TLS12_KEY_AND_MAC_DERIVE`,
/// `CKM_TLS12_KEY_SAFE_DERIVE` (with no IVs), `CKM_TLS_KEY_AND_MAC_DERIVE`.
///
/// # Errors
/// As [`tls_prf`].
pub fn tls_key_block(
    prf: TlsPrf,
    master: &[u8],
    client_random: &[u8],
    server_random: &[u8],
    (mac_len, key_len, iv_len): (usize, usize, usize),
) -> Result<TlsKeyBlock> {
    // Here, other than above, the server's random number comes first.
    let (seed, len) = ([server_random, client_random], 2 * (mac_len + key_len + iv_len));
    let block = tls_prf(prf, master, b"key expansion", &seed, len)?;
    let mut rest = &block[..];
    let mut next = |len| {
        let (part, following) = rest.split_at(len);
        rest = following;
        Zeroizing::new(part.to_vec())
    };
    Ok(TlsKeyBlock {
        client_mac: next(mac_len),
        server_mac: next(mac_len),
        client_key: next(key_len),
        server_key: next(key_len),
        client_iv: next(iv_len).to_vec(),
        server_iv: next(iv_len).to_vec(),
    })
}

/// Whose "finished" message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsSide {
    /// 1 in `CK_TLS_MAC_PARAMS`.
    Server,
    /// 2 in `CK_TLS_MAC_PARAMS`.
    Client,
}

/// What a "finished" message proves, over the hash of the handshake. `CKM_TLS_MAC`, `CKM_TLS12_MAC`.
///
/// # Errors
/// [`Error::InvalidParameter`] for less than 12 bytes, or another length in TLS 1.0 and 1.1.
pub fn tls_verify_data(
    prf: TlsPrf,
    master: &[u8],
    side: TlsSide,
    handshake_hash: &[u8],
    len: usize,
) -> Result<Vec<u8>> {
    if len < 12 || prf == TlsPrf::Tls10 && len != 12 {
        return Err(Error::InvalidParameter);
    }
    let label: &[u8] = match side {
        TlsSide::Server => b"server finished",
        TlsSide::Client => b"client finished",
    };
    Ok(tls_prf(prf, master, label, &[handshake_hash], len)?.to_vec())
}

/// Keying material for other protocols (RFC 5705). No context is not the same as an empty one.
/// `CKM_TLS_KDF`, `CKM_TLS12_KDF`.
///
/// # Errors
/// [`Error::InvalidParameter`] for a context of 2^16 bytes or more.
pub fn tls_export(
    prf: TlsPrf,
    master: &[u8],
    label: &[u8],
    client_random: &[u8],
    server_random: &[u8],
    context: Option<&[u8]>,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let Some(context) = context else {
        return tls_prf(prf, master, label, &[client_random, server_random], len);
    };
    let context_len = u16::try_from(context.len()).map_err(|_| Error::InvalidParameter)?;
    let seed = [client_random, server_random, &context_len.to_be_bytes(), context];
    tls_prf(prf, master, label, &seed, len)
}

/// `P_hash` (RFC 5246, 5).
fn expand(
    hash: HashAlg,
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    len: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let key = MacKey::new(MacAlg::Hmac(hash), secret)?;
    let seed = [&[label], seed].concat().concat();
    let mut chained = Zeroizing::new(key.sign(&seed));
    let mut out = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(hash.output_len())));
    while out.len() < len {
        let mut mac = key.start();
        mac.update(&chained);
        mac.update(&seed);
        out.extend_from_slice(&Zeroizing::new(mac.finish()));
        chained = Zeroizing::new(key.sign(&chained));
    }
    out.truncate(len);
    Ok(out)
}
