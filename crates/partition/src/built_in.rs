//! Objects that the token itself has (PKCS#11 3.2, table "Other Objects"): its hardware features, its
//! mechanisms, the profiles that it conforms to, and what is to be said of validations.
//!
//! They follow from the partition's personality, so they are the same on every member, with the same
//! identity; nothing of them is an object of the store. What the clock was set to and how far the counter
//! counted is in the token record ([`Hardware`]). A search finds them only when its template names
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
pub(crate) const PREFIX: &[u8; 8] = b"built-in";

/// The version of the standard that brought profile objects.
const V3_0: CryptokiVersion = CryptokiVersion { major: 3, minor: 0 };

/// The version of the standard that brought validation objects.
const V3_2: CryptokiVersion = CryptokiVersion { major: 3, minor: 2 };

/// The version of the standard from which on a token shows more than a clock. Clients of the vendor's
/// announce 2.20, and nothing is known of a counter on their devices.
const V2_40: CryptokiVersion = CryptokiVersion { major: 2, minor: 40 };

/// What the token's hardware shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hardware {
    /// The time by its clock, since 1970.
    pub(crate) clock: Duration,
    /// Whether the SO can set the clock.
    pub(crate) settable: bool,
    /// The monotonic counter and whether it was reset; `None` on a token that is not initialised, which has
    /// nowhere to keep it.
    pub(crate) counter: Option<(u64, bool)>,
}

/// A hardware feature that remembers something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    Clock,
    Counter,
}

/// Whether an identity is of an object of the token's own, be there one or not.
pub(crate) fn is_one(id: &ObjectId) -> bool {
    id.0.starts_with(PREFIX)
}

/// The feature of that identity.
pub(crate) fn feature(id: &ObjectId) -> Option<Feature> {
    match class_and_number(id)? {
        (CKO_HW_FEATURE, CKH_CLOCK) => Some(Feature::Clock),
        (CKO_HW_FEATURE, CKH_MONOTONIC_COUNTER) => Some(Feature::Counter),
        _ => None,
    }
}

/// Whether reading these attributes of that object changes it, on every member: a monotonic counter
/// counts how often its value was read.
pub fn counts_on_read(id: &ObjectId, kinds: &[CK_ATTRIBUTE_TYPE]) -> bool {
    feature(id) == Some(Feature::Counter) && kinds.contains(&CKA_VALUE)
}

fn class_and_number(id: &ObjectId) -> Option<(u64, u64)> {
    let (class, number) = id.0.strip_prefix(PREFIX)?.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*class).into(), u32::from_be_bytes(number.try_into().ok()?).into()))
}

/// Whether objects of that class are the token's own.
pub(crate) fn is_class(class: u64) -> bool {
    matches!(class, CKO_HW_FEATURE | CKO_MECHANISM | CKO_PROFILE | CKO_VALIDATION)
}

/// The built-in objects that match a template which names their class.
pub(crate) fn find(
    personality: &Personality,
    template: &Template,
    hardware: &Hardware,
) -> Vec<ObjectId> {
    let class = template.ulong(CKA_CLASS).unwrap_or(u64::MAX);
    let objects = numbers(personality, class).into_iter();
    objects
        .filter_map(|number| made(class, number, hardware))
        .filter(|object| object.matches(template))
        .map(|object| object.id)
        .collect()
}

/// The built-in object of that identity, as it is now.
pub(crate) fn object(
    personality: &Personality,
    id: &ObjectId,
    hardware: &Hardware,
) -> Option<Arc<Object>> {
    let (class, number) = class_and_number(id)?;
    let known = numbers(personality, class).contains(&number);
    known.then(|| made(class, number, hardware)).flatten().map(Arc::new)
}

/// What tells the objects of a class apart: feature, mechanism or profile.
fn numbers(personality: &Personality, class: u64) -> Vec<u64> {
    match class {
        CKO_HW_FEATURE if personality.cryptoki >= V2_40 => {
            vec![CKH_CLOCK, CKH_MONOTONIC_COUNTER, CKH_USER_INTERFACE]
        }
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

fn made(class: u64, number: u64, hardware: &Hardware) -> Option<Object> {
    let mut id = [0; 16];
    id[..8].copy_from_slice(PREFIX);
    id[8..12].copy_from_slice(&u32::try_from(class).ok()?.to_be_bytes());
    id[12..].copy_from_slice(&u32::try_from(number).ok()?.to_be_bytes());
    let id = ObjectId(id);

    let mut all = Attributes::with_room();
    all.set(Attribute::ulong(CKA_CLASS, class));
    all.set(Attribute::bool(CKA_TOKEN, true));
    for flag in [CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
        all.set(Attribute::bool(flag, false));
    }
    match class {
        CKO_HW_FEATURE => {
            all.set(Attribute::ulong(CKA_HW_FEATURE_TYPE, number));
            set_feature(&mut all, number, hardware)?;
        }
        CKO_MECHANISM => all.set(Attribute::ulong(CKA_MECHANISM_TYPE, number)),
        CKO_PROFILE => all.set(Attribute::ulong(CKA_PROFILE_ID, number)),
        _ => set_validation(&mut all),
    }
    Some(Object::new(id, version::FIRST, all))
}

/// What a hardware feature shows (PKCS#11 3.1, 4.3). `None` for one that is not there.
fn set_feature(all: &mut Attributes, feature: u64, hardware: &Hardware) -> Option<()> {
    match feature {
        CKH_CLOCK => {
            all.set(Attribute::bool(CKA_MODIFIABLE, hardware.settable));
            all.set(Attribute::bytes(CKA_VALUE, date::moment(hardware.clock)));
        }
        CKH_MONOTONIC_COUNTER => {
            let (count, was_reset) = hardware.counter?;
            all.set(Attribute::bool(CKA_RESET_ON_INIT, true));
            all.set(Attribute::bool(CKA_HAS_RESET, was_reset));
            all.set(Attribute::bytes(CKA_VALUE, count.to_be_bytes()));
        }
        // An HSM shows nothing to anybody.
        _ => {
            for none in [
                CKA_PIXEL_X,
                CKA_PIXEL_Y,
                CKA_RESOLUTION,
                CKA_CHAR_ROWS,
                CKA_CHAR_COLUMNS,
                CKA_BITS_PER_PIXEL,
            ] {
                all.set(Attribute::ulong(none, 0));
            }
            all.set(Attribute::bool(CKA_COLOR, false));
            for none in [CKA_CHAR_SETS, CKA_ENCODING_METHODS, CKA_MIME_TYPES] {
                all.set(Attribute::bytes(none, ""));
            }
        }
    }
    Some(())
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
