//! CKA_START_DATE and CKA_END_DATE, where the profile has keys obey them.
//!
//! To the standard the dates are for reference only (PKCS#11 3.2, 4.8); a Luna partition has a policy
//! that makes them rules (policy 39), and a return value for it.

use hsmsim_types::{ObjectId, Result, ck::*, error::fail};

use super::Session;
use crate::{
    api::Request,
    object::{Object, date},
};

impl Session {
    /// Refuses the use of a key before its first day and after its last (UTC, both included). The keys
    /// are those that do the work; one that is wrapped is only carried.
    ///
    /// # Errors
    /// CKR_KEY_NOT_ACTIVE (Luna), CKR_KEY_FUNCTION_NOT_PERMITTED.
    pub(super) fn check_dates(&self, worker: Option<&ObjectId>) -> Result<()> {
        let Some(key) = worker.filter(|_| self.partition.personality().key_dates) else {
            return Ok(());
        };
        // Whoever looks for the key next says in its own words that there is none.
        let Ok(key) = self.object(key) else { return Ok(()) };
        self.check_dates_of(&key)
    }

    /// The same of a key that was looked up.
    ///
    /// # Errors
    /// As [`Self::check_dates`].
    pub(super) fn check_dates_of(&self, key: &Object) -> Result<()> {
        if !self.partition.personality().key_dates {
            return Ok(());
        }
        let day = |kind| key.attributes.bytes(kind).filter(|day| !day.is_empty());
        let (first, last) = (day(CKA_START_DATE), day(CKA_END_DATE));
        if first.is_none() && last.is_none() {
            return Ok(());
        }
        let today = date::of(self.clock()?);
        if first.is_some_and(|first| &today[..] < first) {
            return fail(self.not_active(), "CKA_START_DATE of the key is still to come");
        }
        if last.is_some_and(|last| &today[..] > last) {
            return fail(self.not_active(), "CKA_END_DATE of the key is past");
        }
        Ok(())
    }

    /// The return value for a key whose time is not now, or over.
    pub(super) fn not_active(&self) -> CK_RV {
        if self.partition.personality().vendor_codes {
            CKR_KEY_NOT_ACTIVE
        } else {
            CKR_KEY_FUNCTION_NOT_PERMITTED
        }
    }

    /// Whether a key's last day is a rule: what is true of the key now is then not true for ever.
    pub(crate) fn ends_by_date(&self, key: &Object) -> bool {
        self.partition.personality().key_dates
            && key.attributes.bytes(CKA_END_DATE).is_some_and(|day| !day.is_empty())
    }
}

/// The key that a request puts to work.
pub(super) fn worker(request: &Request) -> Option<&ObjectId> {
    match request {
        Request::Check { operation }
        | Request::OnePart { operation, .. }
        | Request::Begin { operation, .. } => operation.key.as_ref(),
        Request::DigestKey { key } => Some(key),
        Request::Wrap { wrapping_key, .. } => Some(wrapping_key),
        Request::Unwrap { unwrapping_key, .. } => Some(unwrapping_key),
        Request::Encapsulate { public_key, .. } => Some(public_key),
        Request::Decapsulate { private_key, .. } => Some(private_key),
        Request::Derive { base_key, .. } => Some(base_key),
        _ => None,
    }
}
