//! C_DeriveKey (PKCS#11 3.1, 5.18.5): what all derivations have in common, and a file for each family.
//!
//! A family gets a [`Call`], whose base key was found fit, and gives [`Made`]: the objects, which come into
//! being together or not at all, and what goes back to the caller besides.

mod concatenate;
mod diffie_hellman;
mod ecdh;
mod hashing;
mod hkdf;
mod ike;
mod luna;
mod public;
mod sp800_108;
mod tls;

use std::sync::Arc;

use hsmsim_types::{
    Attribute, AttributeValue, KdfParams, KeyRef, Mechanism, ObjectId, Params, Result, Template,
    ck::*, error::fail,
};
use zeroize::Zeroizing;

pub(super) use ecdh::agree;
pub(crate) use ecdh::x963_hash;

use super::{Session, wrap::impose};
use crate::{
    api::Reply,
    attributes::{
        Way,
        build::{Origin, build, check_template},
        template::checked,
    },
    failure::{During, because},
    mechanisms::{Entry, Scheme, derivation::Derivation},
    object::{
        Attributes, Object,
        key::{KeyMaterial, SecretKey},
        parts,
        secret_type::{Lengths, SecretType},
    },
    operation::{KEY_CODES, check_key},
};

/// What a derivation came to.
struct Made {
    objects: Vec<Object>,
    output: Vec<u8>,
}

impl From<Object> for Made {
    fn from(object: Object) -> Self {
        Self { objects: vec![object], output: Vec::new() }
    }
}

impl Session {
    pub(super) fn derive(
        &self,
        mechanism: &Mechanism,
        base_key: &ObjectId,
        template: Template,
    ) -> Result<Reply> {
        let entry = self.partition.personality().mechanisms.usable_with(mechanism, CKF_DERIVE)?;
        let base = self.partition.object(&self.application, base_key, KEY_CODES.handle)?;
        let params = &mechanism.params;
        if let Scheme::Derivation(Derivation::PublicOfPrivate) = entry.scheme {
            return self.derive_public(entry, params, &base, checked(template)?);
        }
        check_key(&base, entry, CKA_DERIVE, &KEY_CODES)?;
        let mut given = checked(template)?;
        impose(&base, CKA_DERIVE_TEMPLATE, &mut given)?;
        let call = Call { session: self, entry, params, base: &base, given };
        let Made { objects, output } = match entry.scheme {
            Scheme::Derivation(what) => call.derivation(what)?,
            Scheme::Ecdh => {
                let Wanted { key_type, len } = call.wanted()?;
                call.key(&agree(params, base.material()?, key_type, len)?)?.into()
            }
            Scheme::DhDerive => diffie_hellman::key(&call)?.into(),
            Scheme::X942Derive => diffie_hellman::x942_key(&call)?.into(),
            scheme => call.key(&hashing::value(&call, scheme)?)?.into(),
        };
        match self.add(objects)? {
            Reply::Created(mut creation) => {
                creation.output = output;
                Ok(Reply::Created(creation))
            }
            other => Ok(other),
        }
    }
}

/// A derivation, its base key found fit and its template in order.
struct Call<'a> {
    session: &'a Session,
    entry: &'a Entry,
    params: &'a Params,
    base: &'a Object,
    given: Attributes,
}

impl Call<'_> {
    fn derivation(&self, what: Derivation) -> Result<Made> {
        match what {
            Derivation::Hkdf => hkdf::key(self),
            Derivation::HkdfData => hkdf::data(self),
            Derivation::Sp800_108(mode) => sp800_108::keys(self, mode),
            Derivation::LunaPrf => luna::key(self),
            Derivation::TlsMaster(tls, premaster) => tls::master(self, tls, premaster),
            Derivation::TlsExtendedMaster(premaster) => tls::extended_master(self, premaster),
            Derivation::TlsKeyMaterial(tls, ivs) => tls::key_material(self, tls, ivs),
            Derivation::TlsKdf => tls::keying_material(self),
            Derivation::IkePrf => ike::prf(self),
            Derivation::Ike1Prf => ike::prf1(self),
            Derivation::Ike1Extended => ike::extended(self),
            Derivation::Ike2PrfPlus => ike::prf_plus(self),
            Derivation::BaseAndKey => concatenate::base_and_key(self),
            Derivation::BaseAndData => concatenate::base_and_data(self),
            Derivation::DataAndBase => concatenate::data_and_base(self),
            Derivation::Xor => concatenate::xor(self),
            Derivation::Extract => concatenate::extract(self),
            Derivation::PublicOfPrivate => invalid("the derivation makes public keys"),
        }
    }

    /// The mechanism's structure.
    fn kdf(&self) -> Result<&KdfParams> {
        match self.params {
            Params::Kdf(kdf) => Ok(kdf),
            _ => invalid("the derivation needs its structure"),
        }
    }

    /// The base key as the MACs want it.
    fn base_key(&self) -> Result<&SecretKey> {
        secret(self.base)
    }

    /// The value of the base key.
    fn base_value(&self) -> Result<&[u8]> {
        Ok(self.base_key()?.value())
    }

    /// Another key that the parameters name. What goes into a derivation can be read from what comes out
    /// of some, so it must be as willing as the base key.
    fn other(&self, key: KeyRef) -> Result<Arc<Object>> {
        let KeyRef::Object(id) = key else {
            return fail(CKR_KEY_HANDLE_INVALID, "the parameters name a key that is not known");
        };
        let session = self.session;
        let key = session.partition.object(&session.application, &id, CKR_KEY_HANDLE_INVALID)?;
        if key.class != CKO_SECRET_KEY {
            return fail(CKR_KEY_TYPE_INCONSISTENT, "the parameters name what is no secret key");
        }
        if !key.attributes.flag(CKA_DERIVE) {
            return fail(
                CKR_KEY_FUNCTION_NOT_PERMITTED,
                "CKA_DERIVE of a key that the parameters name is not true",
            );
        }
        if let Some(AttributeValue::Mechanisms(allowed)) =
            key.attributes.get(CKA_ALLOWED_MECHANISMS)
            && !allowed.contains(&self.entry.kind)
        {
            return fail(CKR_MECHANISM_INVALID, "CKA_ALLOWED_MECHANISMS of another key lacks it");
        }
        Ok(key)
    }

    /// The key that the template asks for.
    fn wanted(&self) -> Result<Wanted> {
        self.wanted_of(&self.given)
    }

    /// The key that a template asks for, after all that can be said against it beforehand.
    fn wanted_of(&self, given: &Attributes) -> Result<Wanted> {
        if given.ulong(CKA_CLASS).is_some_and(|class| class != CKO_SECRET_KEY) {
            return fail(CKR_TEMPLATE_INCONSISTENT, "only secret keys are derived");
        }
        // 6.3.16 and its kin: without a type the result is a generic secret.
        let key_type = given.ulong(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
        self.session.check_write_of(given, CKO_SECRET_KEY, key_type)?;
        let known = parts::kind(CKO_SECRET_KEY, key_type);
        check_template(&Origin::of(Way::Derive, known, self.session.maker()), given)?;
        Ok(Wanted { key_type, len: wanted_len(given)? })
    }

    /// The key of a value, with the history of the base key (4.9).
    fn key(&self, value: &[u8]) -> Result<Object> {
        let key_type = self.wanted()?.key_type;
        self.make(&self.given, key_type, value, &Heritage::of(&[self.base]))
    }

    /// The first bytes of a value as a key.
    fn leading(&self, value: &[u8]) -> Result<Object> {
        let len = self.wanted()?.within(value.len())?;
        self.key(&value[..len])
    }

    /// A key of a value.
    fn make(
        &self,
        given: &Attributes,
        key_type: u64,
        value: &[u8],
        heritage: &Heritage,
    ) -> Result<Object> {
        let mut value = Zeroizing::new(value.to_vec());
        if let Some(secret) = SecretType::of(key_type) {
            secret.settle(&mut value);
        }
        let known = parts::secret(key_type, &value);
        let mut origin = Origin::of(Way::Derive, known, self.session.maker());
        origin.base = Some((heritage.always_sensitive, heritage.never_extractable));
        let id = self.session.partition.new_id()?;
        build(origin, given.clone(), id)
    }
}

/// What keys derived from others know of these.
struct Heritage {
    always_sensitive: bool,
    never_extractable: bool,
    /// Whether any is sensitive.
    sensitive: bool,
    /// Whether all are extractable.
    extractable: bool,
}

impl Heritage {
    fn of(parents: &[&Object]) -> Self {
        let all = |kind| parents.iter().all(|parent| parent.attributes.flag(kind));
        Self {
            always_sensitive: all(CKA_ALWAYS_SENSITIVE),
            never_extractable: all(CKA_NEVER_EXTRACTABLE),
            sensitive: parents.iter().any(|parent| parent.attributes.flag(CKA_SENSITIVE)),
            extractable: all(CKA_EXTRACTABLE),
        }
    }

    /// A template for a key that is no less protected than those it comes from (6.43.3 and what follows
    /// there).
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT if it asks for less.
    fn protect(&self, given: &Attributes) -> Result<Attributes> {
        let mut given = given.clone();
        if self.sensitive {
            agreed(&mut given, CKA_SENSITIVE, true)?;
        }
        if !self.extractable {
            agreed(&mut given, CKA_EXTRACTABLE, false)?;
        }
        Ok(given)
    }

    /// A template for a key that is protected exactly as the one it comes from (6.26.6).
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT if it asks for something else.
    fn inherit(&self, given: &Attributes) -> Result<Attributes> {
        let mut given = given.clone();
        agreed(&mut given, CKA_SENSITIVE, self.sensitive)?;
        agreed(&mut given, CKA_EXTRACTABLE, self.extractable)?;
        Ok(given)
    }
}

fn agreed(given: &mut Attributes, kind: CK_ATTRIBUTE_TYPE, value: bool) -> Result<()> {
    let attribute = Attribute::bool(kind, value);
    if given.get(kind).is_some_and(|given| *given != attribute.value) {
        return fail(
            CKR_TEMPLATE_INCONSISTENT,
            format!("{} follows from the keys that are derived from", attribute.name()),
        );
    }
    given.set(attribute);
    Ok(())
}

/// Type and length of the key that a template asks for.
#[derive(Clone, Copy)]
struct Wanted {
    key_type: u64,
    len: Option<usize>,
}

impl Wanted {
    /// How long the key will be, given how many bytes there are.
    fn within(&self, available: usize) -> Result<usize> {
        key_len(available, self.key_type, self.len)
    }

    /// How long the key will be where there are as many bytes as anybody wants.
    fn said(&self) -> Result<usize> {
        let usual = SecretType::of(self.key_type).and_then(SecretType::usual_len);
        match self.len.or(usual) {
            Some(len) => key_len(len, self.key_type, Some(len)),
            None => fail(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing"),
        }
    }
}

pub(super) fn wanted_len(given: &Attributes) -> Result<Option<usize>> {
    match given.ulong(CKA_VALUE_LEN) {
        None => Ok(None),
        Some(len @ 1..=0xFFFF) => Ok(Some(len as usize)),
        Some(_) => fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN is from 1 to 65535"),
    }
}

/// How long the key will be, given how many bytes there are: what its type asks for goes before what
/// the caller may say.
pub(super) fn key_len(available: usize, key_type: u64, wanted: Option<usize>) -> Result<usize> {
    let Some(secret) = SecretType::of(key_type) else {
        return fail(CKR_TEMPLATE_INCONSISTENT, "no such type of secret key");
    };
    let fixed = matches!(secret.lengths, Lengths::OneOf(_));
    let len = match (wanted, secret.usual_len()) {
        (Some(len), _) => len,
        (None, Some(len)) if fixed => len,
        (None, _) => available,
    };
    if !secret.takes(len) {
        return match wanted {
            Some(_) => {
                fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN is no length of such a key")
            }
            None => fail(CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing"),
        };
    }
    if len > available {
        return fail(
            CKR_TEMPLATE_INCONSISTENT,
            format!("the key would be longer than the {available} bytes that are derived"),
        );
    }
    Ok(len)
}

/// The value of a secret key.
fn secret(key: &Object) -> Result<&SecretKey> {
    match key.material()? {
        KeyMaterial::Secret(key) => Ok(key),
        _ => fail(CKR_KEY_TYPE_INCONSISTENT, "the derivation needs a secret key"),
    }
}

/// What is wrong with the parameters.
fn invalid<T>(rule: &'static str) -> Result<T> {
    fail(CKR_MECHANISM_PARAM_INVALID, rule)
}

fn no_parameter(params: &Params) -> Result<()> {
    match params {
        Params::None => Ok(()),
        Params::Bytes(bytes) if bytes.is_empty() => Ok(()),
        _ => invalid("the derivation takes no parameter"),
    }
}

/// A primitive's refusal: more bytes than it has are a matter of the template.
fn derived(cause: hsmsim_crypto::Error) -> hsmsim_types::Error {
    use hsmsim_crypto::Error as Cause;
    match cause {
        Cause::InvalidLength => hsmsim_types::Error::new(
            CKR_KEY_SIZE_RANGE,
            "the mechanism does not derive keys of this length",
        ),
        Cause::Unsupported => hsmsim_types::Error::new(
            CKR_MECHANISM_PARAM_INVALID,
            "the mechanism does not work with this function",
        ),
        _ => because(During::Derive, cause),
    }
}
