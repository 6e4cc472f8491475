//! Who sets whose PIN: C_InitToken, C_InitPIN, C_SetPIN, and what Luna's `partition init`, `role init`
//! and `role resetpw` do.

use std::time::Duration;

use hsmsim_crypto::seal::SealingKey;
use hsmsim_types::{Pin, Result, Role, ck::*, error::fail};
use tracing::info;

use super::{
    Authenticated, pin,
    record::{Lock, RoleRecord, TokenRecord, domain_of},
};
use crate::{
    api::DomainSeed,
    application::Application,
    failure::{During, during},
    partition::{Partition, random_16},
    port::TokenUpdate,
};

impl Partition {
    /// C_InitToken and `partition init`: erases all objects and every PIN but the SO's. A blank
    /// partition takes `pin` as its SO's; on an initialised one it must be that.
    ///
    /// # Errors
    /// CKR_PIN_LEN_RANGE; CKR_PIN_INCORRECT or CKR_PIN_LOCKED when the partition is initialised and
    /// `pin` is not its SO's; CKR_ARGUMENTS_BAD for a label over 32 bytes or a bad domain seed.
    pub fn init_token(
        &self,
        pin: &Pin,
        label: &[u8],
        domain: &DomainSeed,
        now: Duration,
    ) -> Result<()> {
        if label.len() > 32 {
            return fail(CKR_ARGUMENTS_BAD, "a token's label has at most 32 bytes");
        }
        let Ok(domain_key) = SealingKey::from_bytes(&domain.key) else {
            return fail(CKR_ARGUMENTS_BAD, "the domain seed has no key of 32 bytes");
        };
        let known = match self.token_record()? {
            Some(_) => {
                let right = self.authenticate(Role::SecurityOfficer, pin, now.as_secs())?;
                right.record.role(Role::SecurityOfficer).sealed.clone()
            }
            None => {
                self.check_pin_len(pin)?;
                None
            }
        };

        let mut record = TokenRecord::new(
            random_16()?,
            label,
            domain.salt,
            self.personality().pin_rounds,
            domain_of(&domain_key),
            RoleRecord::BLANK,
        );
        set_pin(&mut record, Role::SecurityOfficer, pin, &domain_key)?;
        self.store().update_token(&mut |bytes| {
            let before = bytes.map(TokenRecord::decode).transpose()?;
            let officer = before.as_ref().map(|before| before.role(Role::SecurityOfficer));
            let sealed = officer.and_then(|officer| officer.sealed.clone());
            if sealed != known {
                return fail(
                    CKR_PIN_INCORRECT,
                    "the partition was initialised by another at this moment",
                );
            }
            before.iter().for_each(|before| record.outlive(before));
            Ok(TokenUpdate::Erase(Some(record.encode())))
        })?;
        self.cache.clear();
        info!(serial = self.store().serial(), "partition initialised");
        Ok(())
    }

    /// Sets the Crypto Officer's PIN by the SO's (Luna's `role init -name co`, `role resetpw`).
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT and CKR_PIN_LOCKED for the SO's PIN, CKR_PIN_LEN_RANGE for the new one.
    pub fn init_crypto_officer(&self, so_pin: &Pin, new_pin: &Pin, now: Duration) -> Result<()> {
        self.check_pin_len(new_pin)?;
        let right = self.authenticate(Role::SecurityOfficer, so_pin, now.as_secs())?;
        self.replace_pin(right.record.epoch, Role::CryptoOfficer, new_pin, &right.domain_key, None)
    }

    /// Sets the Crypto User's PIN by the Crypto Officer's (Luna's `role init -name cu`).
    ///
    /// # Errors
    /// As [`Self::init_crypto_officer`], for the officer's PIN.
    pub fn init_crypto_user(&self, officer_pin: &Pin, new_pin: &Pin, now: Duration) -> Result<()> {
        self.check_pin_len(new_pin)?;
        let right = self.authenticate(Role::CryptoOfficer, officer_pin, now.as_secs())?;
        self.replace_pin(right.record.epoch, Role::CryptoUser, new_pin, &right.domain_key, None)
    }

    /// What another partition needs to join this one's cloning domain (Luna's `partition init` asks for
    /// the domain's secret; here the SO's PIN opens it).
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT and CKR_PIN_LOCKED for the SO's PIN; CKR_PIN_INCORRECT on a blank partition.
    pub fn domain_seed(&self, so_pin: &Pin, now: Duration) -> Result<DomainSeed> {
        let right = self.authenticate(Role::SecurityOfficer, so_pin, now.as_secs())?;
        Ok(DomainSeed {
            salt: right.record.salt,
            key: hsmsim_types::SecretBytes::new(right.domain_key.bytes().to_vec()),
        })
    }

    /// C_InitPIN (the SO, for the Crypto Officer) and `role init` within a session (the Crypto Officer,
    /// for the Crypto User).
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_PIN_LEN_RANGE, CKR_PIN_LOCKED for a role that is locked for good.
    pub(crate) fn init_pin(
        &self,
        application: &Application,
        role: Role,
        new_pin: &Pin,
    ) -> Result<()> {
        let by = match role {
            Role::CryptoUser => Role::CryptoOfficer,
            _ => Role::SecurityOfficer,
        };
        match application.credentials() {
            Some((who, epoch, domain_key)) if who == by => {
                self.check_pin_len(new_pin)?;
                self.replace_pin(epoch, role, new_pin, &domain_key, None)
            }
            _ => fail(CKR_USER_NOT_LOGGED_IN, "only the role above sets this PIN"),
        }
    }

    /// C_SetPIN: for whoever is logged in, for the Crypto Officer in a public session.
    ///
    /// # Errors
    /// CKR_PIN_LEN_RANGE, and for the old PIN what a login gives.
    pub(crate) fn change_pin(
        &self,
        application: &Application,
        old: &Pin,
        new: &Pin,
        now: u64,
    ) -> Result<()> {
        let role = application.role().unwrap_or(Role::CryptoOfficer);
        self.check_pin_len(new)?;
        let Authenticated { record, domain_key } = self.authenticate(role, old, now)?;
        let proof = record.role(role).sealed.clone();
        self.replace_pin(record.epoch, role, new, &domain_key, proof)
    }

    /// Seals the domain's key under a new PIN and opens the role's lock. With `proof`, only if the
    /// role's PIN is still the one that was checked.
    fn replace_pin(
        &self,
        epoch: [u8; 16],
        role: Role,
        new_pin: &Pin,
        domain_key: &SealingKey,
        proof: Option<Vec<u8>>,
    ) -> Result<()> {
        if let Some(record) = self.token_record()? {
            // Derived here and remembered, so that nobody waits for it behind the store's lock.
            pin::key(new_pin, &record.salt, record.rounds)?;
        }
        self.store().update_token(&mut |bytes| {
            let record = bytes.map(TokenRecord::decode).transpose()?;
            let Some(mut record) = record.filter(|record| record.epoch == epoch) else {
                return fail(
                    CKR_USER_NOT_LOGGED_IN,
                    "the partition was initialised anew meanwhile",
                );
            };
            let state = record.role(role);
            if state.lock == Lock::Permanent {
                return Err(self.locked(role));
            }
            if proof.is_some() && state.sealed != proof {
                return fail(CKR_PIN_INCORRECT, "the PIN was changed by another at this moment");
            }
            set_pin(&mut record, role, new_pin, domain_key)?;
            Ok(TokenUpdate::Record(record.encode()))
        })
    }

    fn check_pin_len(&self, pin: &Pin) -> Result<()> {
        let rule = self.personality().pin;
        let fits =
            u32::try_from(pin.bytes().len()).is_ok_and(|len| (rule.min..=rule.max).contains(&len));
        if fits {
            return Ok(());
        }
        fail(CKR_PIN_LEN_RANGE, format!("a PIN has {} to {} bytes", rule.min, rule.max))
    }
}

fn set_pin(record: &mut TokenRecord, role: Role, pin: &Pin, key: &SealingKey) -> Result<()> {
    let pin_key = pin::key(pin, &record.salt, record.rounds)?;
    let sealed =
        pin_key.seal(&record.associated(role), key.bytes()).map_err(during(During::Stored))?;
    *record.role_mut(role) = RoleRecord::sealed(sealed);
    Ok(())
}
