//! Objects that the token itself has (PKCS#11 3.2, table "Other Objects"): its clock, its mechanisms, the
//! profiles that it conforms to, and what is to be said of validations.
//!
//! They follow from the partition's personality alone, so they are the same on every member, with the same
//! identity; nothing of them is stored, copied or counted. A search finds them only when its template names
//! their class, so that an application that looks through everything meets none that it does not
//! understand (PKCS#11 2.20, 10.3 and 10.11).

use std::{sync::Arc, time::Duration};

use hsmsim_sim_config::CryptokiVersion;
use hsmsim_types::{Attribute, ObjectId, Template, ck::*};

use crate::{
    mechanisms::mechanism_list,
    object::{Attributes, Object, date},
    personality::Personality,
    version,
};

/// What the identities of built-in objects begin with; class and number follow.
const PREFIX: &[u8; 8] = b"built-in";

/// The version of the standard that brought profile objects.
const V3_0: CryptokiVersion = CryptokiVersion { major: 3, minor: 0 };

/// The version of the standard that brought validation objects.
const V3_2: CryptokiVersion = CryptokiVersion { major: 3, minor: 2 };

/// Whether objects of that class are the token's own.
pub(crate) fn is_class(class: u64) -> bool {
    matches!(class, CKO_HW_FEATURE | CKO_MECHANISM | CKO_PROFILE | CKO_VALIDATION)
}

/// The built-in objects that match a template which names their class.
pub(crate) fn find(personality: &Personality, template: &Template, now: Duration) -> Vec<ObjectId> {
    let class = template.ulong(CKA_CLASS).unwrap_or(u64::MAX);
    let objects = numbers(personality, class).into_iter();
    objects
        .filter_map(|number| made(class, number, now))
        .filter(|object| object.matches(template))
        .map(|object| object.id)
        .collect()
}

/// The built-in object of that identity, as it is now.
pub(crate) fn object(
    personality: &Personality,
    id: &ObjectId,
    now: Duration,
) -> Option<Arc<Object>> {
    let rest = id.0.strip_prefix(PREFIX)?;
    let (class, number) = rest.split_first_chunk::<4>()?;
    let class = u32::from_be_bytes(*class).into();
    let number = u32::from_be_bytes(number.try_into().ok()?).into();
    let known = numbers(personality, class).contains(&number);
    known.then(|| made(class, number, now)).flatten().map(Arc::new)
}

/// What tells the objects of a class apart: feature, mechanism or profile.
fn numbers(personality: &Personality, class: u64) -> Vec<u64> {
    match class {
        CKO_HW_FEATURE => vec![CKH_CLOCK],
        CKO_MECHANISM => mechanism_list(personality),
        CKO_PROFILE if personality.cryptoki >= V3_0 => profiles(personality),
        CKO_VALIDATION if personality.cryptoki >= V3_2 && personality.fips => vec![0],
        _ => Vec::new(),
    }
}

/// The profiles whose conditions hold, whatever an application stores. That of the public certificates
/// token is not among them: an application may make a certificate private, and nothing sees to it that
/// a certificate and its key have one CKA_ID.
fn profiles(personality: &Personality) -> Vec<u64> {
    let mut all = vec![CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER];
    let mechanisms = &personality.mechanisms;
    if mechanism_list(personality).iter().any(|&kind| mechanisms.usable(kind, CKF_SIGN).is_ok()) {
        all.push(CKP_AUTHENTICATION_TOKEN);
    }
    if mechanisms.usable(CKM_HKDF_DATA, CKF_DERIVE).is_ok() {
        all.push(CKP_HKDF_TLS_TOKEN);
    }
    all
}

fn made(class: u64, number: u64, now: Duration) -> Option<Object> {
    let mut id = [0; 16];
    id[..8].copy_from_slice(PREFIX);
    id[8..12].copy_from_slice(&u32::try_from(class).ok()?.to_be_bytes());
    id[12..].copy_from_slice(&u32::try_from(number).ok()?.to_be_bytes());
    let id = ObjectId(id);

    let mut all = Attributes::with_room();
    all.set(Attribute::ulong(CKA_CLASS, class));
    all.set(Attribute::bytes(CKA_UNIQUE_ID, id.to_string()));
    all.set(Attribute::bool(CKA_TOKEN, true));
    for flag in [CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
        all.set(Attribute::bool(flag, false));
    }
    match class {
        CKO_HW_FEATURE => {
            all.set(Attribute::ulong(CKA_HW_FEATURE_TYPE, number));
            all.set(Attribute::bytes(CKA_VALUE, date::moment(now)));
        }
        CKO_MECHANISM => all.set(Attribute::ulong(CKA_MECHANISM_TYPE, number)),
        CKO_PROFILE => all.set(Attribute::ulong(CKA_PROFILE_ID, number)),
        _ => set_validation(&mut all),
    }
    Some(Object::new(id, version::FIRST, all))
}

/// Of a device in FIPS mode an application expects a validation; of a simulated one there is none, and
/// that is what every attribute says: no authority, no certificate, and a flag that no operation gets.
fn set_validation(all: &mut Attributes) {
    all.set(Attribute::ulong(CKA_VALIDATION_TYPE, CKV_TYPE_UNSPECIFIED));
    all.set(Attribute::ulong(CKA_VALIDATION_AUTHORITY_TYPE, CKV_AUTHORITY_TYPE_UNSPECIFIED));
    all.set(Attribute::bytes(CKA_VALIDATION_VERSION, [0, 0]));
    all.set(Attribute::ulong(CKA_VALIDATION_LEVEL, 0));
    all.set(Attribute::ulong(CKA_VALIDATION_FLAG, 0));
    all.set(Attribute::bytes(CKA_VALIDATION_MODULE_ID, "hsmsim, a simulator: validated by nobody"));
    for empty in [
        CKA_VALIDATION_COUNTRY,
        CKA_VALIDATION_CERTIFICATE_IDENTIFIER,
        CKA_VALIDATION_CERTIFICATE_URI,
        CKA_VALIDATION_VENDOR_URI,
        CKA_VALIDATION_PROFILE,
    ] {
        all.set(Attribute::bytes(empty, ""));
    }
}
