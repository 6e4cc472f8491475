//! The HSM SO: who may erase a device or initialise its partitions from outside.
//!
//! The role exists on the appliance's admin partition, which no application sees over the network
//! (Luna guide, "Logging In as HSM Security Officer"). Here the command line acts for it. Wrong PINs
//! count durably; one too many does what the profile says: three zeroize an A790.

use hsmsim_crypto::kdf::pbkdf2_hmac_sha256;
use hsmsim_sim_config::{DeviceId, Fault, LoginEffect};
use hsmsim_types::{Error, Pin, ck::*, error::fail};

use crate::{Cluster, ClusterError};

/// What is kept of a device's HSM SO: `failures`, then salt and hash of a PIN that was changed; the
/// topology's PIN holds as long as there is none.
#[derive(Clone, Default)]
struct Record {
    failures: u32,
    changed: Option<([u8; 16], [u8; 32])>,
}

impl Record {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (failures, rest) = bytes.split_first_chunk::<4>()?;
        let changed = match rest.split_first_chunk::<16>() {
            Some((salt, hash)) => Some((*salt, hash.try_into().ok()?)),
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Self { failures: u32::from_le_bytes(*failures), changed })
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = self.failures.to_le_bytes().to_vec();
        if let Some((salt, hash)) = &self.changed {
            bytes.extend_from_slice(salt);
            bytes.extend_from_slice(hash);
        }
        bytes
    }
}

impl Cluster {
    /// Checks the HSM SO's PIN of a device. A right one sets the count of wrong ones back.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT; CKR_PIN_LOCKED, or the device zeroized, after one wrong PIN too many.
    pub fn hsm_so_login(&self, device: &DeviceId, pin: &Pin) -> Result<(), ClusterError> {
        let _alone = self.state.exclusive()?;
        let mut record = self.hsm_so_record(device)?;
        let limit = self.profile().login_limits.hsm_so;
        if limit.effect == LoginEffect::Lock && record.failures >= limit.limit {
            return Ok(fail(CKR_PIN_LOCKED, "the HSM SO is locked: hsmsim reset starts anew")?);
        }
        if self.is_hsm_so_pin(&record, pin)? {
            if record.failures > 0 {
                record.failures = 0;
                self.keep(device, &record)?;
            }
            return Ok(());
        }
        record.failures += 1;
        let left = limit.limit.saturating_sub(record.failures);
        if left > 0 || limit.effect == LoginEffect::Lock {
            self.keep(device, &record)?;
            let rule = format!("HSM SO of {device}: wrong PIN, {left} attempts left");
            return Ok(fail(CKR_PIN_INCORRECT, rule)?);
        }
        self.keep(device, &Record { failures: 0, ..record })?;
        let zeroize = Fault::new("device.zeroize", device.as_str(), None, &[])?;
        self.add_fault(&zeroize, |_| 0, None)?;
        let rule = format!("HSM SO of {device}: one wrong PIN too many, the device is zeroized");
        Ok(fail(CKR_SO_LOGIN_FAILURE_THRESHOLD, rule)?)
    }

    /// Changes the HSM SO's PIN.
    ///
    /// # Errors
    /// As [`Cluster::hsm_so_login`].
    pub fn change_hsm_so_pin(
        &self,
        device: &DeviceId,
        old: &Pin,
        new: &Pin,
    ) -> Result<(), ClusterError> {
        self.hsm_so_login(device, old)?;
        let mut salt = [0; 16];
        hsmsim_crypto::random::fill(&mut salt).map_err(|_| no_entropy())?;
        let _alone = self.state.exclusive()?;
        let changed = Some((salt, self.hash(&salt, new)?));
        self.keep(device, &Record { failures: 0, changed })
    }

    /// The HSM SO has the topology's PIN again, and no wrong ones are counted.
    pub(crate) fn forget_hsm_so(&self, device: &DeviceId) -> Result<(), ClusterError> {
        Ok(self.state.set_meta(&key(device), None)?)
    }

    fn is_hsm_so_pin(&self, record: &Record, pin: &Pin) -> Result<bool, ClusterError> {
        Ok(match &record.changed {
            Some((salt, hash)) => self.hash(salt, pin)? == *hash,
            None => pin.bytes() == self.topology().provisioning.hsm_so_pin.reveal().as_bytes(),
        })
    }

    fn hash(&self, salt: &[u8; 16], pin: &Pin) -> Result<[u8; 32], ClusterError> {
        let mut hash = [0; 32];
        pbkdf2_hmac_sha256(pin.bytes(), salt, self.profile().pbkdf2_rounds, &mut hash)
            .map_err(|_| Error::new(CKR_FUNCTION_FAILED, "PIN derivation failed"))?;
        Ok(hash)
    }

    fn hsm_so_record(&self, device: &DeviceId) -> Result<Record, ClusterError> {
        match self.state.meta(&key(device))? {
            None => Ok(Record::default()),
            Some(bytes) => Record::read(&bytes).ok_or_else(|| {
                ClusterError::State(format!("the HSM SO's record of {device} is damaged"))
            }),
        }
    }

    fn keep(&self, device: &DeviceId, record: &Record) -> Result<(), ClusterError> {
        Ok(self.state.set_meta(&key(device), Some(&record.write()))?)
    }
}

fn key(device: &DeviceId) -> String {
    format!("hsm-so.{device}")
}

fn no_entropy() -> Error {
    Error::new(CKR_FUNCTION_FAILED, "the system gives no random numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_survives_its_own_form_and_nothing_else_passes() {
        let changed = Record { failures: 2, changed: Some(([7; 16], [9; 32])) };
        for record in [Record::default(), changed] {
            let read = Record::read(&record.write()).unwrap();
            assert_eq!((read.failures, read.changed), (record.failures, record.changed));
        }
        assert!(Record::read(&[1, 2]).is_none());
        assert!(Record::read(&[0; 5]).is_none());
        assert!(Record::read(&[0; 30]).is_none());
    }
}
