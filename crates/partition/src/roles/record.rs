//! The token record: what a partition knows of itself beside its objects. Versioned like objects
//! are; it holds the domain's key only sealed under PINs.

use std::time::Duration;

use hsmsim_crypto::seal::SealingKey;
use hsmsim_types::{Error, Result, Role, ck::CKR_DEVICE_ERROR, error::fail};

use crate::object::codec::{Reader, put_number};

const VERSION: u8 = 2;

/// The version without a clock setting and a counter.
const WITHOUT_FEATURES: u8 = 1;

/// What the SO set the token's clock to, as its distance from the device's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClockSetting {
    /// Milliseconds that the token's clock is ahead.
    ahead_ms: i64,
    /// Orders settings; 0 before the first one. See [`version`](crate::version).
    pub(crate) version: u64,
}

impl ClockSetting {
    /// The clock shows that when the device's shows `now`.
    pub(crate) fn showing(shown: Duration, now: Duration, version: u64) -> Self {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self { ahead_ms: millis(shown).saturating_sub(millis(now)), version }
    }

    /// What the clock shows.
    pub(crate) fn reading(&self, now: Duration) -> Duration {
        let by = Duration::from_millis(self.ahead_ms.unsigned_abs());
        if self.ahead_ms < 0 { now.saturating_sub(by) } else { now.saturating_add(by) }
    }
}

/// Whether a role is locked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// It is not.
    Open,
    /// Until a higher role resets it.
    Locked,
    /// Until so many seconds after 1970.
    Until(u64),
    /// For good: only initialising the partition anew helps.
    Permanent,
}

/// What is known of one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleRecord {
    /// The domain's key sealed under the role's PIN; `None` while it has none.
    pub(crate) sealed: Option<Vec<u8>>,
    /// Wrong PINs since the last right one.
    pub(crate) failed: u32,
    /// Whether it is locked.
    pub(crate) lock: Lock,
}

impl RoleRecord {
    /// A role without PIN.
    pub(crate) const BLANK: Self = Self { sealed: None, failed: 0, lock: Lock::Open };

    /// A role with a PIN.
    pub(crate) fn sealed(blob: Vec<u8>) -> Self {
        Self { sealed: Some(blob), ..Self::BLANK }
    }

    /// Whether it is locked at that time (seconds after 1970).
    pub(crate) fn is_locked(&self, now: u64) -> bool {
        match self.lock {
            Lock::Open => false,
            Lock::Until(end) => now < end,
            Lock::Locked | Lock::Permanent => true,
        }
    }
}

/// A partition's record; a blank partition has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRecord {
    /// Random, new with every initialisation: logins of before it are over.
    pub(crate) epoch: [u8; 16],
    /// The label, not padded.
    pub(crate) label: Vec<u8>,
    /// Salt of the PIN derivation.
    pub(crate) salt: [u8; 16],
    /// Rounds of the PIN derivation.
    pub(crate) rounds: u32,
    /// Which cloning domain.
    pub(crate) domain: [u8; 16],
    roles: [RoleRecord; 3],
    /// What the SO set the clock to.
    pub(crate) clock: ClockSetting,
    /// The monotonic counter.
    pub(crate) counter: u64,
    /// Whether it began anew because the token was initialised.
    pub(crate) counter_was_reset: bool,
}

/// The name of the domain that has this key.
pub(crate) fn domain_of(key: &SealingKey) -> [u8; 16] {
    key.tag(b"cloning domain", b"")
}

impl TokenRecord {
    /// The record of a partition that was just initialised.
    pub(crate) fn new(
        epoch: [u8; 16],
        label: &[u8],
        salt: [u8; 16],
        rounds: u32,
        domain: [u8; 16],
        officer: RoleRecord,
    ) -> Self {
        let roles = [officer, RoleRecord::BLANK, RoleRecord::BLANK];
        Self {
            epoch,
            label: label.to_vec(),
            salt,
            rounds,
            domain,
            roles,
            clock: ClockSetting::default(),
            counter: 0,
            counter_was_reset: false,
        }
    }

    /// Takes over what C_InitToken leaves: the clock goes on; the counter begins anew and says so
    /// (CKA_RESET_ON_INIT, CKA_HAS_RESET).
    pub(crate) fn outlive(&mut self, before: &Self) {
        self.clock = before.clock;
        self.counter_was_reset = before.counter_was_reset || before.counter > 0;
    }

    /// A role.
    pub(crate) fn role(&self, role: Role) -> &RoleRecord {
        &self.roles[index(role)]
    }

    /// A role, to be changed.
    pub(crate) fn role_mut(&mut self, role: Role) -> &mut RoleRecord {
        &mut self.roles[index(role)]
    }

    /// What a role's sealed key is bound to.
    pub(crate) fn associated(&self, role: Role) -> Vec<u8> {
        let mut data = b"role ".to_vec();
        data.push(index(role) as u8);
        data.extend_from_slice(&self.domain);
        data
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.epoch);
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.domain);
        put_number(&mut out, self.rounds.into());
        put_bytes(&mut out, &self.label);
        for role in &self.roles {
            put_number(&mut out, role.failed.into());
            let (lock, until) = match role.lock {
                Lock::Open => (0, 0),
                Lock::Locked => (1, 0),
                Lock::Until(end) => (2, end),
                Lock::Permanent => (3, 0),
            };
            out.push(lock);
            put_number(&mut out, until);
            put_bytes(&mut out, role.sealed.as_deref().unwrap_or_default());
        }
        put_number(&mut out, self.clock.ahead_ms.cast_unsigned());
        put_number(&mut out, self.clock.version);
        put_number(&mut out, self.counter);
        out.push(self.counter_was_reset.into());
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR for damaged bytes or an unknown version.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader { rest: bytes };
        let version = reader.byte()?;
        if !(WITHOUT_FEATURES..=VERSION).contains(&version) {
            return fail(
                CKR_DEVICE_ERROR,
                format!("the token record has version {version}, this module knows {VERSION}"),
            );
        }
        let mut record = Self {
            epoch: sixteen(&mut reader)?,
            salt: sixteen(&mut reader)?,
            domain: sixteen(&mut reader)?,
            rounds: small(&mut reader)?,
            label: reader.bytes()?.to_vec(),
            roles: [role(&mut reader)?, role(&mut reader)?, role(&mut reader)?],
            clock: ClockSetting::default(),
            counter: 0,
            counter_was_reset: false,
        };
        if version != WITHOUT_FEATURES {
            record.clock.ahead_ms = reader.number()?.cast_signed();
            record.clock.version = reader.number()?;
            record.counter = reader.number()?;
            record.counter_was_reset = reader.byte()? == 1;
        }
        if reader.rest.is_empty() && record.rounds > 0 { Ok(record) } else { Err(damaged()) }
    }
}

fn index(role: Role) -> usize {
    match role {
        Role::SecurityOfficer => 0,
        Role::CryptoOfficer => 1,
        Role::CryptoUser => 2,
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn damaged() -> Error {
    Error::new(CKR_DEVICE_ERROR, "the token record is damaged")
}

fn sixteen(reader: &mut Reader<'_>) -> Result<[u8; 16]> {
    reader.take(16)?.try_into().map_err(|_| damaged())
}

fn small(reader: &mut Reader<'_>) -> Result<u32> {
    u32::try_from(reader.number()?).map_err(|_| damaged())
}

fn role(reader: &mut Reader<'_>) -> Result<RoleRecord> {
    let failed = small(reader)?;
    let lock = reader.byte()?;
    let until = reader.number()?;
    let lock = match lock {
        0 => Lock::Open,
        1 => Lock::Locked,
        2 => Lock::Until(until),
        3 => Lock::Permanent,
        _ => return Err(damaged()),
    };
    let sealed = reader.bytes()?;
    let sealed = (!sealed.is_empty()).then(|| sealed.to_vec());
    Ok(RoleRecord { sealed, failed, lock })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TokenRecord {
        let officer = RoleRecord::sealed(vec![9; 60]);
        let mut record = TokenRecord::new([1; 16], b"label", [2; 16], 10_000, [3; 16], officer);
        *record.role_mut(Role::CryptoOfficer) =
            RoleRecord { failed: 3, lock: Lock::Until(1 << 40), ..RoleRecord::sealed(vec![8; 60]) };
        record.role_mut(Role::CryptoUser).lock = Lock::Permanent;
        let (early, late) = (Duration::from_secs(1_000), Duration::from_secs(90_000));
        record.clock = ClockSetting::showing(early, late, 7);
        (record.counter, record.counter_was_reset) = (12, true);
        record
    }

    #[test]
    fn what_was_encoded_comes_back() {
        assert_eq!(TokenRecord::decode(&sample().encode()).unwrap(), sample());
    }

    #[test]
    fn damage_and_newer_versions_are_device_errors() {
        let bytes = sample().encode();
        for len in 0..bytes.len() {
            assert_eq!(TokenRecord::decode(&bytes[..len]).unwrap_err().rv(), CKR_DEVICE_ERROR);
        }
        let mut newer = bytes.clone();
        newer[0] = 3;
        assert!(TokenRecord::decode(&newer).unwrap_err().rule().contains("version 3"));
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(TokenRecord::decode(&longer).unwrap_err().rv(), CKR_DEVICE_ERROR);
    }

    #[test]
    fn a_record_of_the_first_version_has_its_clock_unset_and_its_counter_at_zero() {
        let mut bytes = sample().encode();
        bytes[0] = WITHOUT_FEATURES;
        let mut features = Vec::new();
        let clock = sample().clock;
        for number in [clock.ahead_ms.cast_unsigned(), clock.version, sample().counter] {
            put_number(&mut features, number);
        }
        bytes.truncate(bytes.len() - features.len() - 1);
        let record = TokenRecord::decode(&bytes).unwrap();
        assert_eq!((record.clock, record.counter), (ClockSetting::default(), 0));
        assert_eq!(record.label, sample().label);
    }

    #[test]
    fn a_clock_that_was_set_goes_on_from_there() {
        let at = Duration::from_secs;
        for (shown, now) in [(at(5), at(1_000)), (at(1_000), at(5))] {
            let clock = ClockSetting::showing(shown, now, 1);
            assert_eq!(clock.reading(now + at(60)), shown + at(60));
        }
        assert_eq!(ClockSetting::showing(at(0), at(9), 1).reading(at(3)), at(0));
    }

    #[test]
    fn a_timed_lock_ends() {
        let mut role = RoleRecord { lock: Lock::Until(100), ..RoleRecord::BLANK };
        assert!(role.is_locked(99));
        assert!(!role.is_locked(100));
        role.lock = Lock::Permanent;
        assert!(role.is_locked(u64::MAX));
    }
}
