//! The named curves over prime fields, and the ways `CKA_EC_PARAMS` names them.

use super::parameters::{PARAMETERS, Parameters};
use crate::asn1::der;
use crate::ffi::bn::Bn;
use crate::{Error, Result};

/// Content of `1.2.840.10045.1.1`, prime-field (ANSI X9.62).
const PRIME_FIELD: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01];

/// A named curve of prime order.
///
/// P-224, P-256, P-384, P-521 and secp256k1 have code of their own in the library; all others use
/// its arithmetic for any prime curve, which is slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-192, secp192r1, prime192v1 (FIPS 186-4, SEC 2 version 1).
    P192,
    /// NIST P-224, secp224r1 (SP 800-186, SEC 2).
    P224,
    /// NIST P-256, secp256r1, prime256v1 (SP 800-186, SEC 2).
    P256,
    /// NIST P-384, secp384r1 (SP 800-186, SEC 2).
    P384,
    /// NIST P-521, secp521r1 (SP 800-186, SEC 2).
    P521,
    /// secp160k1 (SEC 2 version 1).
    Secp160k1,
    /// secp160r1 (SEC 2 version 1).
    Secp160r1,
    /// secp160r2 (SEC 2 version 1).
    Secp160r2,
    /// secp192k1 (SEC 2).
    Secp192k1,
    /// secp224k1 (SEC 2).
    Secp224k1,
    /// secp256k1 (SEC 2).
    Secp256k1,
    /// prime192v2 (ANSI X9.62).
    Prime192v2,
    /// prime192v3 (ANSI X9.62).
    Prime192v3,
    /// prime239v1 (ANSI X9.62).
    Prime239v1,
    /// prime239v2 (ANSI X9.62).
    Prime239v2,
    /// prime239v3 (ANSI X9.62).
    Prime239v3,
    /// brainpoolP160r1 (RFC 5639).
    BrainpoolP160r1,
    /// brainpoolP160t1 (RFC 5639).
    BrainpoolP160t1,
    /// brainpoolP192r1 (RFC 5639).
    BrainpoolP192r1,
    /// brainpoolP192t1 (RFC 5639).
    BrainpoolP192t1,
    /// brainpoolP224r1 (RFC 5639).
    BrainpoolP224r1,
    /// brainpoolP224t1 (RFC 5639).
    BrainpoolP224t1,
    /// brainpoolP256r1 (RFC 5639).
    BrainpoolP256r1,
    /// brainpoolP256t1 (RFC 5639).
    BrainpoolP256t1,
    /// brainpoolP320r1 (RFC 5639).
    BrainpoolP320r1,
    /// brainpoolP320t1 (RFC 5639).
    BrainpoolP320t1,
    /// brainpoolP384r1 (RFC 5639).
    BrainpoolP384r1,
    /// brainpoolP384t1 (RFC 5639).
    BrainpoolP384t1,
    /// brainpoolP512r1 (RFC 5639).
    BrainpoolP512r1,
    /// brainpoolP512t1 (RFC 5639).
    BrainpoolP512t1,
    /// FRP256v1 (ANSSI).
    Frp256v1,
}

impl Curve {
    /// Every curve of this module.
    pub const ALL: [Curve; 31] = [
        Curve::P192,
        Curve::P224,
        Curve::P256,
        Curve::P384,
        Curve::P521,
        Curve::Secp160k1,
        Curve::Secp160r1,
        Curve::Secp160r2,
        Curve::Secp192k1,
        Curve::Secp224k1,
        Curve::Secp256k1,
        Curve::Prime192v2,
        Curve::Prime192v3,
        Curve::Prime239v1,
        Curve::Prime239v2,
        Curve::Prime239v3,
        Curve::BrainpoolP160r1,
        Curve::BrainpoolP160t1,
        Curve::BrainpoolP192r1,
        Curve::BrainpoolP192t1,
        Curve::BrainpoolP224r1,
        Curve::BrainpoolP224t1,
        Curve::BrainpoolP256r1,
        Curve::BrainpoolP256t1,
        Curve::BrainpoolP320r1,
        Curve::BrainpoolP320t1,
        Curve::BrainpoolP384r1,
        Curve::BrainpoolP384t1,
        Curve::BrainpoolP512r1,
        Curve::BrainpoolP512t1,
        Curve::Frp256v1,
    ];

    /// Reads `CKA_EC_PARAMS`: the DER of the curve's OID, of its name as a `PrintableString`
    /// (PKCS#11 v3.1, 6.3.3), or of explicit `ECParameters` that are those of a curve of this module.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another curve, and for implicit parameters;
    /// [`Error::InvalidParameter`] if it is none of these.
    pub fn from_params(params: &[u8]) -> Result<Self> {
        let mut reader = der::Reader::new(params);
        let (tag, content) = reader.any().map_err(|_| Error::InvalidParameter)?;
        reader.end().map_err(|_| Error::InvalidParameter)?;
        match tag {
            der::OBJECT_IDENTIFIER | der::PRINTABLE_STRING | der::SEQUENCE | der::NULL => {
                Self::from_element(tag, content).ok_or(Error::Unsupported)
            }
            _ => Err(Error::InvalidParameter),
        }
    }

    /// The curve that the parsed element names.
    pub(crate) fn from_element(tag: u8, content: &[u8]) -> Option<Self> {
        match tag {
            der::OBJECT_IDENTIFIER => Self::ALL.into_iter().find(|curve| curve.oid() == content),
            der::PRINTABLE_STRING => Self::ALL.into_iter().find(|curve| {
                curve.parameters().names.iter().any(|name| name.as_bytes() == content)
            }),
            der::SEQUENCE => Self::from_explicit(content).ok().flatten(),
            _ => None,
        }
    }

    /// The curve with these `ECParameters` (SEC 1, C.2), of which none may be missing but the seed that
    /// a curve was made from, which is not compared.
    fn from_explicit(content: &[u8]) -> Result<Option<Self>> {
        let mut fields = der::Reader::new(content);
        if !matches!(fields.unsigned()?, [1..=3]) {
            return Ok(None);
        }
        let mut field = der::Reader::new(fields.expect(der::SEQUENCE)?);
        if field.expect(der::OBJECT_IDENTIFIER)? != PRIME_FIELD {
            return Ok(None);
        }
        let p = field.unsigned()?;
        field.end()?;
        let mut coefficients = der::Reader::new(fields.expect(der::SEQUENCE)?);
        let a = coefficients.expect(der::OCTET_STRING)?;
        let b = coefficients.expect(der::OCTET_STRING)?;
        let base = fields.expect(der::OCTET_STRING)?;
        let n = fields.unsigned()?;
        if fields.unsigned()? != [1] {
            return Ok(None);
        }
        Ok(Self::ALL.into_iter().find(|curve| {
            let known = curve.parameters();
            let same = |given: &[u8], digits| without_zeros(given) == number_bytes(digits);
            same(p, known.p)
                && same(a, known.a)
                && same(b, known.b)
                && same(n, known.n)
                && curve.is_generator(base)
        }))
    }

    /// Whether these bytes are the generator, compressed or not.
    fn is_generator(self, point: &[u8]) -> bool {
        let known = self.parameters();
        let (x, y) = (number_bytes(known.gx), number_bytes(known.gy));
        let odd = y.last().is_some_and(|last| last & 1 == 1);
        match point.split_first() {
            Some((form @ (2 | 3), rest)) if rest.len() == self.field_len() => {
                without_zeros(rest) == x && (*form == 3) == odd
            }
            Some((4, rest)) if rest.len() == 2 * self.field_len() => {
                let (given_x, given_y) = rest.split_at(self.field_len());
                without_zeros(given_x) == x && without_zeros(given_y) == y
            }
            _ => false,
        }
    }

    /// `CKA_EC_PARAMS` of this curve: the DER of its OID.
    pub fn params_der(self) -> Vec<u8> {
        der::tlv(der::OBJECT_IDENTIFIER, self.oid()).to_vec()
    }

    /// Content of the OID's DER.
    pub(crate) fn oid(self) -> &'static [u8] {
        self.parameters().oid
    }

    const fn parameters(self) -> &'static Parameters {
        // The table has the order of the variants.
        &PARAMETERS[self as usize]
    }

    /// Size of the field in bits, as in `ulMinKeySize` of `CK_MECHANISM_INFO`.
    pub const fn field_bits(self) -> u32 {
        self.parameters().field_bits
    }

    /// Length of a coordinate in bytes.
    pub const fn field_len(self) -> usize {
        self.field_bits().div_ceil(8) as usize
    }

    /// Length of a scalar in bytes: of the private key, and of each half of a signature. The curves
    /// of SEC 2 with 160 bits, and secp224k1, have an order one bit longer than the field.
    pub const fn order_len(self) -> usize {
        self.parameters().order_bits.div_ceil(8) as usize
    }

    /// Length of a signature in bytes.
    pub const fn signature_len(self) -> usize {
        2 * self.order_len()
    }

    /// The numbers p, a, b, the generator's x and y, and n.
    pub(crate) fn numbers(self) -> [Bn; 6] {
        let Parameters { p, a, b, gx, gy, n, .. } = self.parameters();
        [p, a, b, gx, gy, n].map(|digits| Bn::from_bytes(&number_bytes(digits)))
    }
}

/// The number of hex digits, big endian without leading zeros.
fn number_bytes(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes: Vec<u8> = pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    without_zeros(&bytes).to_vec()
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    &bytes[start..]
}
