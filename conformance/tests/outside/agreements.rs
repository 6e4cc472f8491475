//! Agreements: token and OpenSSL come to the same secret, whichever of them made which key.

use cryptoki_sys::*;
use hsmsim_conformance::{case::Mechanism, openssl};
use hsmsim_tests::{apart::apart, test_name};

use super::{
    pairs::{Kind, Pairs},
    signatures::CURVES,
    token::{Token, each, hex, module, raw, sandbox},
};

/// What becomes of the secret.
#[derive(Clone, Copy)]
enum Kdf {
    /// Nothing.
    Null,
    /// CKD number; OpenSSL's function of the secret and the shared data, and its digest.
    Of(CK_ULONG, &'static str, &'static str),
    /// CKD_SHA1_KDF_ASN1.
    Asn1,
}

use Kdf::*;

/// Mechanism, its name, key pair, OpenSSL's options for the pair, derivation function.
type Row = (CK_MECHANISM_TYPE, &'static str, Kind, &'static str, Kdf);

macro_rules! rows {
    ($($kind:ident $pair:ident $options:literal $kdf:expr;)*) => {
        &[$(($kind, stringify!($kind), Kind::$pair, $options, $kdf)),*]
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA1_KDF, "X963KDF", "SHA1");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA224_KDF, "X963KDF", "SHA224");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA256_KDF, "X963KDF", "SHA256");
    CKM_ECDH1_DERIVE Ec "group:secp384r1" Of(CKD_SHA384_KDF, "X963KDF", "SHA384");
    CKM_ECDH1_DERIVE Ec "group:secp521r1" Of(CKD_SHA512_KDF, "X963KDF", "SHA512");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA3_224_KDF, "X963KDF", "SHA3-224");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA3_256_KDF, "X963KDF", "SHA3-256");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA3_384_KDF, "X963KDF", "SHA3-384");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA3_512_KDF, "X963KDF", "SHA3-512");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA1_KDF_SP800, "SSKDF", "SHA1");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA256_KDF_SP800, "SSKDF", "SHA256");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA512_KDF_SP800, "SSKDF", "SHA512");
    CKM_ECDH1_DERIVE Ec "group:prime256v1" Of(CKD_SHA3_256_KDF_SP800, "SSKDF", "SHA3-256");
    CKM_ECDH1_COFACTOR_DERIVE Ec "group:prime256v1" Null;
    CKM_ECDH1_COFACTOR_DERIVE Ec "group:brainpoolP256r1" Of(CKD_SHA256_KDF, "X963KDF", "SHA256");
    CKM_ECDH1_DERIVE Montgomery "X25519" Null;
    CKM_ECDH1_DERIVE Montgomery "X25519" Of(CKD_SHA256_KDF, "X963KDF", "SHA256");
    CKM_ECDH1_DERIVE Montgomery "X448" Null;
    CKM_ECDH1_DERIVE Montgomery "X448" Of(CKD_SHA512_KDF_SP800, "SSKDF", "SHA512");
    CKM_ECDH1_COFACTOR_DERIVE Montgomery "X25519" Null;

    CKM_DH_PKCS_DERIVE Dh "group:ffdhe2048" Null;
    CKM_DH_PKCS_DERIVE Dh "group:ffdhe3072" Null;
    CKM_DH_PKCS_DERIVE Dh "group:modp_2048" Null;
    CKM_X9_42_DH_DERIVE X942 "group:dh_1024_160" Null;
    CKM_X9_42_DH_DERIVE X942 "group:dh_2048_224" Null;
    CKM_X9_42_DH_DERIVE X942 "group:dh_2048_256" Of(CKD_SHA1_KDF_CONCATENATE, "X963KDF", "SHA1");
    CKM_X9_42_DH_DERIVE X942 "group:dh_2048_256" Asn1;
};

/// Every mechanism of this file.
pub(crate) fn kinds() -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    ROWS.iter().map(|row| row.0)
}

const SHARED: &[u8] = b"what both sides know";

/// OtherInfo of X9.42 for 3DES key wrap, whose counter is 1 (RFC 2631, 2.1.2).
const OTHER_INFO: &[u8] = &[
    0x30, 0x1d, 0x30, 0x13, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03,
    0x06, 0x04, 0x04, 0x00, 0x00, 0x00, 0x01, 0xa2, 0x06, 0x04, 0x04, 0x00, 0x00, 0x00, 0xc0,
];

fn mechanism(kind: CK_MECHANISM_TYPE, pair: Kind, kdf: Kdf, public: &[u8]) -> Mechanism {
    let shared = match kdf {
        Null => Vec::new(),
        Of(..) => SHARED.to_vec(),
        Asn1 => OTHER_INFO.to_vec(),
    };
    let number = match kdf {
        Null => CKD_NULL,
        Of(number, ..) => number,
        Asn1 => CKD_SHA1_KDF_ASN1,
    };
    let public = public.to_vec();
    let ((at, len), (public_at, public_len)) = (raw(&shared), raw(&public));
    let at = if shared.is_empty() { std::ptr::null_mut() } else { at };
    match pair {
        Kind::Dh => Mechanism::bytes(kind, &public),
        Kind::X942 => {
            let params = CK_X9_42_DH1_DERIVE_PARAMS {
                kdf: number,
                ulOtherInfoLen: len,
                pOtherInfo: at,
                ulPublicDataLen: public_len,
                pPublicData: public_at,
            };
            Mechanism::structure(kind, params, vec![shared, public])
        }
        _ => {
            let params = CK_ECDH1_DERIVE_PARAMS {
                kdf: number,
                ulSharedDataLen: len,
                pSharedData: at,
                ulPublicDataLen: public_len,
                pPublicData: public_at,
            };
            Mechanism::structure(kind, params, vec![shared, public])
        }
    }
}

fn agrees_both_ways(token: &Token<'_>, pairs: &Pairs<'_>, &(kind, _, pair, options, kdf): &Row) {
    // Without it the secret of Diffie-Hellman loses its leading zeros.
    let padded = if matches!(pair, Kind::Dh | Kind::X942) { "pad:1" } else { "" };
    let both = pairs.of(pair, options).map(|der| token.brought(pair, &der));
    for (one, other) in [(&both[0], &both[1]), (&both[1], &both[0])] {
        let secret = one.theirs.agree_with(&other.theirs_public, padded).expect("a secret");
        let wanted = match kdf {
            Null => secret,
            Of(_, name, digest) => {
                let options =
                    format!("digest:{digest} hexsecret:{} hexinfo:{}", hex(&secret), hex(SHARED));
                openssl::derive(name, &options, 77).expect("a key")
            }
            Asn1 => {
                let options = format!(
                    "digest:SHA1 hexsecret:{} cekalg:id-smime-alg-CMS3DESwrap",
                    hex(&secret)
                );
                openssl::derive("X942KDF-ASN1", &options, 24).expect("a key")
            }
        };
        let m = mechanism(kind, pair, kdf, &other.value);
        assert_eq!(token.derived(&m, one.private, wanted.len()), wanted);
    }
}

fn title(row: &Row) -> String {
    let kdf = match row.4 {
        Null => "",
        Of(_, name, digest) => &format!("{name} {digest}"),
        Asn1 => "ASN.1",
    };
    format!("{} {} {kdf}", row.1, row.3)
}

#[test]
fn both_come_to_the_same_secret() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        each(&module, ROWS, title, |token, row| agrees_both_ways(token, &pairs, row));
    });
}

#[test]
fn both_come_to_the_same_secret_on_every_curve_of_openssl() {
    apart(test_name!(), sandbox, |_| {
        let module = module();
        let pairs = Pairs::new(&module);
        let rows: Vec<Row> = CURVES
            .iter()
            .map(|curve| (CKM_ECDH1_DERIVE, "CKM_ECDH1_DERIVE", Kind::Ec, *curve, Null))
            .collect();
        each(&module, &rows, title, |token, row| agrees_both_ways(token, &pairs, row));
    });
}
