//! How long operations take inside a device: rates by name, and what stands in for a rate that a
//! profile does not give, so that no operation is free.

use std::time::Duration;

/// What an engine does in one operation, as far as its time goes. The size that goes with it is in
/// bits: of the modulus, of the curve's field, of the prime; 0 where there is only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the keys of the profile file")]
pub enum ServiceClass {
    SignRsa,
    EncryptRsa,
    GenerateRsa,
    SignEcdsa,
    SignEcdsaKoblitz,
    VerifyEcdsa,
    DeriveEcdh,
    WrapEcdh,
    EncryptEcies,
    DecryptEcies,
    GenerateEc,
    GenerateEcKoblitz,
    SignEddsa,
    SignDsa,
    VerifyDsa,
    DeriveDh,
    GenerateDh,
    GenerateDhParameters,
    GenerateDsa,
    GenerateDsaParameters,
    SignMlDsa,
    VerifyMlDsa,
    GenerateMlDsa,
    SignSlhDsa,
    VerifySlhDsa,
    GenerateSlhDsa,
    EncapsulateMlKem,
    GenerateMlKem,
    VerifyHss,
    EncryptAesCbc,
    EncryptAesGcm,
    EncryptAesXts,
    EncryptChaCha20,
    EncryptAria,
    EncryptCamellia,
    EncryptDes3,
    WrapAes,
    Mac,
    SignHotp,
    SignTlsMac,
    Digest,
    DigestXof,
    GenerateAes,
    GenerateSecret,
    GeneratePbkdf2,
    DeriveSecret,
    DeriveByDigest,
    DeriveByEncryption,
    DeriveByConcatenation,
    DeriveHkdf,
    DeriveSp800_108,
    DeriveTls,
    DeriveIke,
    DerivePublicKey,
    Random,
}

use ServiceClass::*;

/// A class: the power of the size with which its time grows, and the class whose rate stands in where
/// a profile gives none of its own. Chains end with a class that stands in for itself.
const CLASSES: [(ServiceClass, i32, ServiceClass); 55] = [
    (SignRsa, 3, SignEcdsa),
    (EncryptRsa, 2, SignRsa),
    (GenerateRsa, 4, SignRsa),
    (SignEcdsa, 3, EncryptAesCbc),
    (SignEcdsaKoblitz, 3, SignEcdsa),
    (VerifyEcdsa, 3, SignEcdsa),
    (DeriveEcdh, 3, SignEcdsa),
    (WrapEcdh, 3, DeriveEcdh),
    (EncryptEcies, 3, DeriveEcdh),
    (DecryptEcies, 3, EncryptEcies),
    // The published rates of P-256 and P-384 are the same.
    (GenerateEc, 0, SignEcdsa),
    (GenerateEcKoblitz, 3, GenerateEc),
    (SignEddsa, 3, SignEcdsa),
    (SignDsa, 3, SignRsa),
    (VerifyDsa, 3, SignDsa),
    (DeriveDh, 3, SignRsa),
    (GenerateDh, 3, GenerateDsa),
    (GenerateDhParameters, 4, GenerateDsaParameters),
    (GenerateDsa, 3, SignDsa),
    (GenerateDsaParameters, 4, GenerateRsa),
    (SignMlDsa, 0, SignEcdsa),
    (VerifyMlDsa, 0, SignMlDsa),
    (GenerateMlDsa, 0, GenerateEc),
    (SignSlhDsa, 0, SignMlDsa),
    (VerifySlhDsa, 0, VerifyMlDsa),
    (GenerateSlhDsa, 0, GenerateMlDsa),
    (EncapsulateMlKem, 0, SignEcdsa),
    (GenerateMlKem, 0, GenerateEc),
    (VerifyHss, 0, VerifyEcdsa),
    (EncryptAesCbc, 0, EncryptAesCbc),
    (EncryptAesGcm, 0, EncryptAesCbc),
    (EncryptAesXts, 0, EncryptAesCbc),
    (EncryptChaCha20, 0, EncryptAesGcm),
    (EncryptAria, 0, EncryptAesCbc),
    (EncryptCamellia, 0, EncryptAesCbc),
    (EncryptDes3, 0, EncryptAesCbc),
    (WrapAes, 0, EncryptAesCbc),
    (Mac, 0, EncryptAesCbc),
    (SignHotp, 0, Mac),
    (SignTlsMac, 0, Mac),
    (Digest, 0, EncryptAesCbc),
    (DigestXof, 0, Digest),
    (GenerateAes, 0, EncryptAesCbc),
    (GenerateSecret, 0, GenerateAes),
    (GeneratePbkdf2, 0, DeriveSecret),
    (DeriveSecret, 0, GenerateSecret),
    (DeriveByDigest, 0, DeriveSecret),
    (DeriveByEncryption, 0, DeriveSecret),
    (DeriveByConcatenation, 0, DeriveSecret),
    (DeriveHkdf, 0, DeriveSecret),
    (DeriveSp800_108, 0, DeriveSecret),
    (DeriveTls, 0, DeriveSecret),
    (DeriveIke, 0, DeriveSecret),
    (DerivePublicKey, 0, DeriveSecret),
    (Random, 0, Digest),
];

/// The keys of `[service_times.per_second]`, with class and size.
const RATES: [(&str, ServiceClass, u32); 91] = [
    ("sign_rsa_1024", SignRsa, 1024),
    ("sign_rsa_2048", SignRsa, 2048),
    ("sign_rsa_3072", SignRsa, 3072),
    ("sign_rsa_4096", SignRsa, 4096),
    ("sign_rsa_8192", SignRsa, 8192),
    ("encrypt_rsa_1024", EncryptRsa, 1024),
    ("encrypt_rsa_2048", EncryptRsa, 2048),
    ("encrypt_rsa_3072", EncryptRsa, 3072),
    ("encrypt_rsa_4096", EncryptRsa, 4096),
    ("encrypt_rsa_8192", EncryptRsa, 8192),
    ("generate_rsa_1024", GenerateRsa, 1024),
    ("generate_rsa_2048", GenerateRsa, 2048),
    ("generate_rsa_3072", GenerateRsa, 3072),
    ("generate_rsa_4096", GenerateRsa, 4096),
    ("generate_rsa_8192", GenerateRsa, 8192),
    ("sign_ecdsa_p192", SignEcdsa, 192),
    ("sign_ecdsa_p224", SignEcdsa, 224),
    ("sign_ecdsa_p256", SignEcdsa, 256),
    ("sign_ecdsa_p384", SignEcdsa, 384),
    ("sign_ecdsa_p521", SignEcdsa, 521),
    ("sign_ecdsa_secp256k1", SignEcdsaKoblitz, 256),
    ("verify_ecdsa_p256", VerifyEcdsa, 256),
    ("verify_ecdsa_p384", VerifyEcdsa, 384),
    ("verify_ecdsa_p521", VerifyEcdsa, 521),
    ("derive_ecdh_p256", DeriveEcdh, 256),
    ("derive_ecdh_p384", DeriveEcdh, 384),
    ("derive_ecdh_p521", DeriveEcdh, 521),
    ("wrap_ecdh_p256", WrapEcdh, 256),
    ("wrap_ecdh_p384", WrapEcdh, 384),
    ("encrypt_ecies_p256", EncryptEcies, 256),
    ("encrypt_ecies_p384", EncryptEcies, 384),
    ("decrypt_ecies_p256", DecryptEcies, 256),
    ("decrypt_ecies_p384", DecryptEcies, 384),
    ("generate_ec_p192", GenerateEc, 192),
    ("generate_ec_p256", GenerateEc, 256),
    ("generate_ec_p384", GenerateEc, 384),
    ("generate_ec_p521", GenerateEc, 521),
    ("generate_ec_secp256k1", GenerateEcKoblitz, 256),
    ("sign_eddsa_ed25519", SignEddsa, 255),
    ("sign_eddsa_ed448", SignEddsa, 448),
    ("sign_dsa_1024", SignDsa, 1024),
    ("sign_dsa_2048", SignDsa, 2048),
    ("sign_dsa_3072", SignDsa, 3072),
    ("verify_dsa_2048", VerifyDsa, 2048),
    ("verify_dsa_3072", VerifyDsa, 3072),
    ("derive_dh_2048", DeriveDh, 2048),
    ("derive_dh_4096", DeriveDh, 4096),
    ("generate_dh_2048", GenerateDh, 2048),
    ("generate_dh_4096", GenerateDh, 4096),
    ("generate_dh_parameters_2048", GenerateDhParameters, 2048),
    ("generate_dh_parameters_4096", GenerateDhParameters, 4096),
    ("generate_dsa_2048", GenerateDsa, 2048),
    ("generate_dsa_3072", GenerateDsa, 3072),
    ("generate_dsa_parameters_2048", GenerateDsaParameters, 2048),
    ("generate_dsa_parameters_3072", GenerateDsaParameters, 3072),
    ("sign_ml_dsa", SignMlDsa, 0),
    ("verify_ml_dsa", VerifyMlDsa, 0),
    ("generate_ml_dsa", GenerateMlDsa, 0),
    ("sign_slh_dsa", SignSlhDsa, 0),
    ("verify_slh_dsa", VerifySlhDsa, 0),
    ("generate_slh_dsa", GenerateSlhDsa, 0),
    ("encapsulate_ml_kem", EncapsulateMlKem, 0),
    ("generate_ml_kem", GenerateMlKem, 0),
    ("verify_hss", VerifyHss, 0),
    ("encrypt_aes_cbc", EncryptAesCbc, 0),
    ("encrypt_aes_gcm", EncryptAesGcm, 0),
    ("encrypt_aes_xts", EncryptAesXts, 0),
    ("encrypt_chacha20", EncryptChaCha20, 0),
    ("encrypt_aria", EncryptAria, 0),
    ("encrypt_camellia", EncryptCamellia, 0),
    ("encrypt_des3", EncryptDes3, 0),
    ("wrap_aes", WrapAes, 0),
    ("mac", Mac, 0),
    ("sign_hotp", SignHotp, 0),
    ("sign_tls_mac", SignTlsMac, 0),
    ("digest", Digest, 0),
    ("digest_xof", DigestXof, 0),
    ("generate_aes", GenerateAes, 0),
    ("generate_secret", GenerateSecret, 0),
    ("generate_pbkdf2", GeneratePbkdf2, 0),
    ("derive_secret", DeriveSecret, 0),
    ("derive_by_digest", DeriveByDigest, 0),
    ("derive_by_encryption", DeriveByEncryption, 0),
    ("derive_by_concatenation", DeriveByConcatenation, 0),
    ("derive_hkdf", DeriveHkdf, 0),
    ("derive_sp800_108", DeriveSp800_108, 0),
    ("derive_tls", DeriveTls, 0),
    ("derive_ike", DeriveIke, 0),
    ("derive_public_key", DerivePublicKey, 0),
    ("random", Random, 0),
    ("sign_ecdsa_p160", SignEcdsa, 160),
];

/// How long operations take inside a device.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTimes {
    /// Operations that a device works on at a time, at most [`ServiceTimes::ENGINES_MAX`].
    pub engines: u32,
    /// Operations a second of the whole device, by name (`sign_rsa_2048`), in the order of the file.
    pub per_second: Vec<(String, f64)>,
}

impl ServiceTimes {
    /// Most engines that a device can have.
    pub const ENGINES_MAX: u32 = 16;

    /// Operation names that a profile may give a rate for.
    pub fn operations() -> impl Iterator<Item = &'static str> + Clone {
        RATES.iter().map(|(name, ..)| *name)
    }

    /// The time that one operation occupies one engine: `engines / rate`.
    pub fn time(&self, operation: &str) -> Option<Duration> {
        let (_, rate) = self.per_second.iter().find(|(name, _)| name == operation)?;
        Some(Duration::from_secs_f64(f64::from(self.engines) / rate))
    }

    /// The time of an operation by class and size. A size without a rate takes the nearest one of its
    /// class and grows with the class's power; a class without rates takes those of the class that
    /// stands in for it, and in the end the fastest rate there is. `None` only if there are no rates.
    pub fn service(&self, class: ServiceClass, size: u64) -> Option<Duration> {
        let rate = self.of_chain(class, size).or_else(|| {
            let rates = self.per_second.iter().map(|(_, rate)| *rate);
            rates.fold(None, |most, rate| Some(rate.max(most.unwrap_or(rate))))
        })?;
        Some(Duration::from_secs_f64(f64::from(self.engines) / rate))
    }

    /// Whether the class has a rate of its own.
    pub fn has(&self, class: ServiceClass) -> bool {
        self.of_class(class, 0).is_some()
    }

    fn of_chain(&self, mut class: ServiceClass, size: u64) -> Option<f64> {
        loop {
            if let Some(rate) = self.of_class(class, size) {
                return Some(rate);
            }
            let stands_in = row(class).2;
            if stands_in == class {
                return None;
            }
            class = stands_in;
        }
    }

    /// The rate of the nearest size that the profile has, carried over to `size`.
    fn of_class(&self, class: ServiceClass, size: u64) -> Option<f64> {
        let size = size as f64;
        let distance = |known: u32| match known == 0 || size == 0.0 {
            true => 0.0,
            false => (size / f64::from(known)).ln().abs(),
        };
        let given = self.per_second.iter().filter_map(|(name, rate)| {
            let (_, of, known) = RATES.iter().find(|(known, ..)| known == name)?;
            (*of == class).then_some((*known, *rate))
        });
        let (known, rate) = given.min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))?;
        if known == 0 || size == 0.0 {
            return Some(rate);
        }
        Some(rate * (f64::from(known) / size).powi(row(class).1))
    }
}

fn row(class: ServiceClass) -> &'static (ServiceClass, i32, ServiceClass) {
    CLASSES.iter().find(|row| row.0 == class).unwrap_or(&CLASSES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(per_second: &[(&str, f64)]) -> ServiceTimes {
        let per_second = per_second.iter().map(|(name, rate)| ((*name).to_owned(), *rate));
        ServiceTimes { engines: 2, per_second: per_second.collect() }
    }

    fn rate(times: &ServiceTimes, class: ServiceClass, size: u64) -> f64 {
        let time = times.service(class, size).map_or(0.0, |time| time.as_secs_f64());
        (f64::from(times.engines) / time).round()
    }

    #[test]
    fn every_class_has_a_row_a_key_and_an_end_of_its_chain() {
        let whole = times(&[("encrypt_aes_cbc", 1000.0)]);
        for (class, ..) in CLASSES {
            assert!(RATES.iter().any(|(_, of, _)| *of == class), "{class:?}");
            assert_eq!(row(class).0, class);
            assert_eq!(rate(&whole, class, 0), 1000.0, "{class:?}");
        }
    }

    #[test]
    fn sizes_between_are_carried_over_from_the_nearest() {
        let rsa = times(&[("sign_rsa_2048", 8000.0), ("sign_rsa_4096", 904.0)]);
        assert_eq!(rate(&rsa, SignRsa, 2048), 8000.0);
        assert_eq!(rate(&rsa, SignRsa, 1024), 64_000.0, "eight times as fast");
        assert_eq!(rate(&rsa, SignRsa, 8192), 113.0, "an eighth of 904");
        assert_eq!(rate(&rsa, DeriveDh, 2048), 8000.0, "stands in");
    }

    #[test]
    fn what_has_no_rate_takes_the_fastest_and_is_never_free() {
        let only = times(&[("sign_slh_dsa", 10.0), ("generate_rsa_2048", 30.0)]);
        assert_eq!(rate(&only, Digest, 0), 30.0);
        assert_eq!(times(&[]).service(Digest, 0), None);
    }
}
