//! C_EncapsulateKey and C_DecapsulateKey (PKCS#11 3.2, 5.18.8 and 5.18.9): a secret that a public key
//! makes and only its private key can make again. RSA encrypts a random secret (6.1.6, 6.1.8); ECDH agrees with
//! a key pair that lives as long as the call (6.3.16).

use hsmsim_crypto::{
    curve448::X448PrivateKey, ec::EcPrivateKey, montgomery::X25519PrivateKey, random,
};
use hsmsim_types::{Error, Mechanism, ObjectId, Params, Result, Template, ck::*, error::fail};
use zeroize::Zeroizing;

use super::{
    Session,
    derive::{agree, key_len, wanted_len},
    wrap::impose,
};
use crate::{
    api::Reply,
    attributes::{
        Way,
        build::{Origin, build, check_template},
        template::checked,
    },
    failure::{During, during},
    mechanisms::{Entry, Scheme},
    object::{Attributes, Object, key::KeyMaterial, parts},
    operation::{
        KEY_CODES, check_key,
        cipher::{decrypt, encrypt},
        params::Work,
    },
};

/// The key that is to be made.
struct Wanted {
    given: Attributes,
    key_type: u64,
    len: Option<usize>,
}

impl Session {
    pub(super) fn encapsulate(
        &self,
        mechanism: &Mechanism,
        public_key: &ObjectId,
        template: Template,
        room: Option<usize>,
    ) -> Result<Reply> {
        let entry =
            self.partition.personality().mechanisms.usable_with(mechanism, CKF_ENCAPSULATE)?;
        let public = self.partition.object(&self.application, public_key, KEY_CODES.handle)?;
        check_key(&public, entry, CKA_ENCAPSULATE, &KEY_CODES)?;
        let wanted = self.wanted(&public, CKA_ENCAPSULATE_TEMPLATE, template)?;
        let material = public.material()?;
        let needed = ciphertext_len(entry, material)?;
        if room.is_none_or(|room| room < needed) {
            return Ok(Reply::Size(needed as u64));
        }
        let (secret, ciphertext) = encapsulated(entry, &mechanism.params, material, &wanted)?;
        self.keep_secret(&wanted, &secret, ciphertext)
    }

    pub(super) fn decapsulate(
        &self,
        mechanism: &Mechanism,
        private_key: &ObjectId,
        ciphertext: &[u8],
        template: Template,
    ) -> Result<Reply> {
        let entry =
            self.partition.personality().mechanisms.usable_with(mechanism, CKF_DECAPSULATE)?;
        let private = self.partition.object(&self.application, private_key, KEY_CODES.handle)?;
        check_key(&private, entry, CKA_DECAPSULATE, &KEY_CODES)?;
        let wanted = self.wanted(&private, CKA_DECAPSULATE_TEMPLATE, template)?;
        let material = private.material()?;
        if ciphertext.len() != ciphertext_len(entry, material)? {
            return fail(CKR_ENCRYPTED_DATA_LEN_RANGE, "no ciphertext has this length");
        }
        decapsulated(entry, &mechanism.params, material, ciphertext, &wanted)
            .and_then(|secret| self.keep_secret(&wanted, &secret, Vec::new()))
            .map_err(|error| like_bad_padding(entry, error))
    }

    /// What the template asks for, with what the key prescribes.
    fn wanted(&self, key: &Object, by: CK_ATTRIBUTE_TYPE, template: Template) -> Result<Wanted> {
        let mut given = checked(template)?;
        impose(key, by, &mut given)?;
        if given.ulong(CKA_CLASS).is_some_and(|class| class != CKO_SECRET_KEY) {
            return fail(CKR_TEMPLATE_INCONSISTENT, "only secret keys are encapsulated");
        }
        let key_type = given.ulong(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
        self.check_write_of(&given, CKO_SECRET_KEY, key_type)?;
        let known = parts::kind(CKO_SECRET_KEY, key_type);
        check_template(&Origin::of(Way::Derive, known, self.maker()), &given)?;
        let len = wanted_len(&given)?;
        Ok(Wanted { given, key_type, len })
    }

    fn keep_secret(&self, wanted: &Wanted, secret: &[u8], ciphertext: Vec<u8>) -> Result<Reply> {
        let known = parts::secret(wanted.key_type, secret);
        let origin = Origin::of(Way::Derive, known, self.maker());
        let id = self.partition.new_id()?;
        let object = build(origin, wanted.given.clone(), id)?;
        match self.add([object])? {
            Reply::Created(mut creation) => {
                creation.output = ciphertext;
                Ok(Reply::Created(creation))
            }
            other => Ok(other),
        }
    }
}

/// Length of the ciphertext that goes with a key of this pair.
fn ciphertext_len(entry: &Entry, key: &KeyMaterial) -> Result<usize> {
    Ok(match (entry.scheme, key) {
        (Scheme::RsaPkcs(None) | Scheme::RsaOaep | Scheme::RsaRaw, KeyMaterial::RsaPublic(key)) => {
            key.modulus_len()
        }
        (
            Scheme::RsaPkcs(None) | Scheme::RsaOaep | Scheme::RsaRaw,
            KeyMaterial::RsaPrivate(key),
        ) => key.modulus_len(),
        (Scheme::Ecdh, KeyMaterial::EcPublic(key)) => key.point().len(),
        (Scheme::Ecdh, KeyMaterial::EcPrivate(key)) => key.public_point().len(),
        (Scheme::Ecdh, KeyMaterial::XPublic(_) | KeyMaterial::XPrivate(_)) => 32,
        (Scheme::Ecdh, KeyMaterial::X448Public(_) | KeyMaterial::X448Private(_)) => 56,
        (Scheme::MlKem, KeyMaterial::MlKemPublic(key)) => key.parameter_set().ciphertext_len(),
        (Scheme::MlKem, KeyMaterial::MlKemPrivate(key)) => key.parameter_set().ciphertext_len(),
        _ => return fail(CKR_KEY_TYPE_INCONSISTENT, "the mechanism takes another type of key"),
    })
}

/// A new secret and its ciphertext.
fn encapsulated(
    entry: &Entry,
    params: &Params,
    key: &KeyMaterial,
    wanted: &Wanted,
) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    let failed = during(During::Generate);
    match (entry.scheme, key) {
        (Scheme::Ecdh, KeyMaterial::EcPublic(public)) => {
            let ours = EcPrivateKey::generate(public.curve()).map_err(failed)?;
            let point = ours.public_point().to_vec();
            let params = with_peer(params, public.point())?;
            let ours = KeyMaterial::EcPrivate(ours);
            Ok((agree(&params, &ours, wanted.key_type, wanted.len)?, point))
        }
        (Scheme::Ecdh, KeyMaterial::XPublic(public)) => {
            let ours = X25519PrivateKey::generate().map_err(failed)?;
            let point = ours.public().as_bytes().to_vec();
            let params = with_peer(params, public.as_bytes())?;
            let ours = KeyMaterial::XPrivate(ours);
            Ok((agree(&params, &ours, wanted.key_type, wanted.len)?, point))
        }
        (Scheme::Ecdh, KeyMaterial::X448Public(public)) => {
            let ours = X448PrivateKey::generate().map_err(failed)?;
            let point = ours.public().as_bytes().to_vec();
            let params = with_peer(params, public.as_bytes())?;
            let ours = KeyMaterial::X448Private(ours);
            Ok((agree(&params, &ours, wanted.key_type, wanted.len)?, point))
        }
        (Scheme::MlKem, KeyMaterial::MlKemPublic(public)) => {
            let (ciphertext, secret) = public.encapsulate().map_err(failed)?;
            Ok((leading(secret, wanted)?, ciphertext))
        }
        (_, KeyMaterial::RsaPublic(public)) => {
            // Raw RSA carries as many bytes as the modulus has; the first of them is zero, so that the
            // number is below it.
            let raw = matches!(entry.scheme, Scheme::RsaRaw);
            let len = match wanted.len {
                _ if raw => key_len(public.modulus_len(), wanted.key_type, wanted.len)?,
                Some(len) => key_len(len, wanted.key_type, wanted.len)?,
                None => return fail(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing"),
            };
            let mut secret = Zeroizing::new(vec![0; if raw { public.modulus_len() } else { len }]);
            random::fill(&mut secret).map_err(failed)?;
            if raw {
                secret[0] = 0;
            }
            let work = Work::new(entry.scheme, params)?;
            let ciphertext = encrypt(&work, params, key, secret[..].into()).map_err(too_long)?;
            let secret = Zeroizing::new(secret[secret.len() - len..].to_vec());
            Ok((secret, ciphertext))
        }
        _ => fail(CKR_KEY_TYPE_INCONSISTENT, "the mechanism takes another type of key"),
    }
}

/// The secret in a ciphertext.
fn decapsulated(
    entry: &Entry,
    params: &Params,
    key: &KeyMaterial,
    ciphertext: &[u8],
    wanted: &Wanted,
) -> Result<Zeroizing<Vec<u8>>> {
    if let Scheme::Ecdh = entry.scheme {
        let params = with_peer(params, ciphertext)?;
        return agree(&params, key, wanted.key_type, wanted.len);
    }
    if let (Scheme::MlKem, KeyMaterial::MlKemPrivate(key)) = (entry.scheme, key) {
        let secret = key.decapsulate(ciphertext).map_err(during(During::Decrypt))?;
        return leading(secret, wanted);
    }
    let work = Work::new(entry.scheme, params)?;
    let secret = Zeroizing::new(decrypt(&work, params, key, ciphertext)?);
    let available = secret.len();
    let len = match entry.scheme {
        Scheme::RsaRaw => key_len(available, wanted.key_type, wanted.len)?,
        _ => key_len(available, wanted.key_type, wanted.len.or(Some(available)))?,
    };
    if !matches!(entry.scheme, Scheme::RsaRaw) && len != available {
        return fail(CKR_TEMPLATE_INCONSISTENT, "CKA_VALUE_LEN is not the length of the secret");
    }
    Ok(Zeroizing::new(secret[available - len..].to_vec()))
}

/// The first bytes of a secret.
fn leading(mut secret: Zeroizing<Vec<u8>>, wanted: &Wanted) -> Result<Zeroizing<Vec<u8>>> {
    let len = key_len(secret.len(), wanted.key_type, wanted.len)?;
    secret.truncate(len);
    Ok(secret)
}

/// What a template says against a secret behind a padding that anybody can make must not show that the
/// padding was good (Bleichenbacher).
fn like_bad_padding(entry: &Entry, error: Error) -> Error {
    match (entry.scheme, error.rv()) {
        (
            Scheme::RsaPkcs(_),
            CKR_TEMPLATE_INCONSISTENT | CKR_TEMPLATE_INCOMPLETE | CKR_ATTRIBUTE_VALUE_INVALID,
        ) => Error::new(CKR_ENCRYPTED_DATA_INVALID, error.rule().to_owned()),
        _ => error,
    }
}

fn too_long(error: Error) -> Error {
    match error.rv() {
        CKR_DATA_LEN_RANGE => {
            Error::new(CKR_KEY_SIZE_RANGE, "the secret is too long for the public key")
        }
        _ => error,
    }
}

/// The parameters of ECDH with the other party's point, which only the operation knows.
fn with_peer(params: &Params, point: &[u8]) -> Result<Params> {
    match params {
        Params::Ecdh1 { kdf, shared_data, public_data } if public_data.is_empty() => {
            Ok(Params::Ecdh1 {
                kdf: *kdf,
                shared_data: shared_data.clone(),
                public_data: point.to_vec(),
            })
        }
        Params::Ecdh1 { .. } => {
            fail(CKR_MECHANISM_PARAM_INVALID, "the public data of an encapsulation is its result")
        }
        _ => fail(CKR_MECHANISM_PARAM_INVALID, "ECDH needs CK_ECDH1_DERIVE_PARAMS"),
    }
}
