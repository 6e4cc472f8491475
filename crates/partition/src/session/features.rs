//! Hardware features that remember something (PKCS#11 3.1, 4.3): a clock that is set, a counter that counts.
//!
//! Both live in the token record, so that they outlive the process and are the same for all of them. To
//! other members they travel like token objects: the clock by what it shows, since each member has a
//! clock of its own, the counter by its number, and of two numbers the greater stands.

use std::{sync::Arc, time::Duration};

use hsmsim_types::{AttributeValue, Error, ObjectId, Result, Template, ck::*, error::fail};

use super::Session;
use crate::{
    api::{Reply, SealedObject},
    attributes::template::checked,
    built_in::{self, Feature, Hardware},
    object::{Object, date},
    port::{Body, Tags, TokenUpdate},
    roles::record::{ClockSetting, TokenRecord},
    version,
};

fn blank() -> Error {
    Error::new(CKR_OBJECT_HANDLE_INVALID, "a token that is not initialised has no such object")
}

impl Session {
    /// What the token's hardware shows now.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(super) fn hardware(&self) -> Result<Hardware> {
        let record = self.partition.token_record()?;
        let settable = self.partition.personality().token_flags & CKF_CLOCK_ON_TOKEN != 0;
        Ok(match record {
            Some(record) => Hardware {
                clock: record.clock.reading(self.now),
                settable,
                counter: Some((record.counter, record.counter_was_reset)),
            },
            None => Hardware { clock: self.now, settable: false, counter: None },
        })
    }

    /// The time by the token's clock: what days of keys are compared with.
    pub(super) fn clock(&self) -> Result<Duration> {
        Ok(self.hardware()?.clock)
    }

    /// utcTime of CK_TOKEN_INFO: blank without CKF_CLOCK_ON_TOKEN.
    pub(super) fn utc_time(&self) -> Result<[u8; 16]> {
        match self.partition.personality().token_flags & CKF_CLOCK_ON_TOKEN {
            0 => Ok([b' '; 16]),
            _ => Ok(date::moment(self.clock()?)),
        }
    }

    /// Changes the token record in a transaction of its own.
    fn change_record(&self, mut change: impl FnMut(&mut TokenRecord)) -> Result<()> {
        self.partition.store().update_token(&mut |bytes| {
            let mut record = TokenRecord::decode(bytes.ok_or_else(blank)?)?;
            change(&mut record);
            Ok(TokenUpdate::Record(record.encode()))
        })
    }

    /// Counts the monotonic counter on and shows it as this reading made it: what another thread counts meanwhile is its
    /// own reading.
    pub(super) fn count_on(&self, id: &ObjectId) -> Result<Arc<Object>> {
        let mut hardware = self.hardware()?;
        self.change_record(|record| {
            record.counter = record.counter.saturating_add(1);
            hardware.counter = Some((record.counter, record.counter_was_reset));
        })?;
        built_in::object(self.partition.personality(), id, &hardware).ok_or_else(blank)
    }

    /// C_SetAttributeValue of an object of the token itself: the SO sets the clock.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED, CKR_USER_NOT_LOGGED_IN (4.3.2: another user is required),
    /// CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID.
    pub(super) fn set_feature(&self, id: &ObjectId, template: Template) -> Result<Reply> {
        let object = self.object(id)?;
        if !object.attributes.flag(CKA_MODIFIABLE) {
            return fail(CKR_ACTION_PROHIBITED, "CKA_MODIFIABLE of the object is false");
        }
        let given = checked(template)?;
        if let Some(attribute) = given.iter().find(|attribute| attribute.kind != CKA_VALUE) {
            let rv = match object.attributes.get(attribute.kind) {
                Some(_) => CKR_ATTRIBUTE_READ_ONLY,
                None => CKR_ATTRIBUTE_TYPE_INVALID,
            };
            return fail(rv, format!("{} of a clock is not set", attribute.name()));
        }
        if !self.is_officer() {
            return fail(CKR_USER_NOT_LOGGED_IN, "the clock is set by the SO");
        }
        self.check_read_write()?;
        let Some(value) = given.get(CKA_VALUE).and_then(AttributeValue::as_bytes) else {
            return Ok(Reply::Done);
        };
        let Some(shown) = date::parse(value) else {
            return fail(
                CKR_ATTRIBUTE_VALUE_INVALID,
                "a clock shows YYYYMMDDhhmmss00, from 1970 on",
            );
        };
        self.change_record(|record| {
            let next =
                version::next(record.clock.version, self.now, &self.partition.store().serial());
            record.clock = ClockSetting::showing(shown, self.now, next);
        })?;
        Ok(Reply::Done)
    }

    /// A feature on its way to another member.
    pub(super) fn feature_as_source(
        &self,
        id: &ObjectId,
        domain: [u8; 16],
    ) -> Result<Option<SealedObject>> {
        let Some(record) = self.partition.token_record()? else { return Ok(None) };
        let (version, number) = match built_in::feature(id) {
            Some(Feature::Clock) => {
                (record.clock.version, record.clock.reading(self.now).as_millis() as u64)
            }
            Some(Feature::Counter) => (record.counter, record.counter),
            None => return Ok(None),
        };
        let body = Body::new(number.to_be_bytes().to_vec());
        let tags = Tags { class: CKO_HW_FEATURE, ..Tags::default() };
        Ok(Some(SealedObject { id: *id, version, domain, token: true, private: false, tags, body }))
    }

    /// A feature from another member.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR for what is none.
    pub(super) fn feature_as_target(&self, sealed: &SealedObject) -> Result<()> {
        let number = <[u8; 8]>::try_from(&sealed.body[..]).map(u64::from_be_bytes);
        let (Some(feature), Ok(number)) = (built_in::feature(&sealed.id), number) else {
            return fail(CKR_DEVICE_ERROR, "what arrived is no feature of a token");
        };
        self.change_record(|record| match feature {
            Feature::Counter => record.counter = record.counter.max(number),
            Feature::Clock if sealed.version > record.clock.version => {
                let shown = Duration::from_millis(number);
                record.clock = ClockSetting::showing(shown, self.now, sealed.version);
            }
            Feature::Clock => {}
        })
    }
}
