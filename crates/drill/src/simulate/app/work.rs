//! The calls of each operation, and what is made of their answers.

use hsmsim_client::{Output, Room, script::CalledOn};
use hsmsim_network::SimRng;
use hsmsim_partition::api::{AttributeResult, OperationKind};
use hsmsim_types::{
    Attribute, Error, Mechanism, ObjectHandle, ObjectId, Params, Result, SessionHandle, Template,
    ck::*,
};
use ring::hmac;

use super::{App, Op, Stage};
use crate::simulate::{keys::Key, truth::Rule};

impl Stage {
    pub(super) async fn operate(
        &self,
        app: &App,
        session: SessionHandle,
        op: Op,
        chance: &mut SimRng,
    ) -> Result<()> {
        match op {
            Op::Generate => self.generate(app, session).await,
            Op::Destroy => self.destroy(app, session, chance).await,
            Op::Find => self.find(app, session, chance).await,
            Op::Random => {
                let client = app.client();
                let random = client.random(session, 32);
                self.call(app, "C_GenerateRandom", session.0, random).await.map(drop)
            }
            Op::Login => {
                let session = self.open(app).await?;
                let client = app.client();
                let close = client.close_session(session);
                self.call(app, "C_CloseSession", session.0, close).await
            }
            Op::Encrypt => self.encrypt(app, session, chance).await,
            op => {
                let Some(key) = app.pool.take(chance) else { return Ok(()) };
                let holders = self.holders(app, &key);
                let result = match op {
                    Op::Rename => self.rename(app, session, &key).await,
                    op => self.sign(app, session, op, &key, chance).await,
                };
                key.give_back();
                if let Err(error) = &result
                    && !app.scripted.get()
                    && [CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID].contains(&error.rv())
                {
                    self.not_found(app, &key, &holders, error);
                }
                result
            }
        }
    }

    /// The handle of a key: after the library was initialised anew it has to be looked for.
    async fn handle_of(
        &self,
        app: &App,
        session: SessionHandle,
        key: &Key,
    ) -> Result<ObjectHandle> {
        let generation = app.generation.get();
        if let Some(handle) = key.handle(generation) {
            return Ok(handle);
        }
        let template = Template(vec![Attribute::bytes(CKA_UNIQUE_ID, key.id.to_string())]);
        let found = self.search(app, session, template).await?;
        let handle = *found.first().ok_or_else(|| {
            Error::new(CKR_KEY_HANDLE_INVALID, format!("key {} is not found again", key.id))
        })?;
        key.found_again(handle, generation);
        Ok(handle)
    }

    /// The members of the application's group that serve it and hold a key, by their place in the group;
    /// none where the plan allows keys not to be found.
    fn holders(&self, app: &App, key: &Key) -> Vec<usize> {
        if self.keys_may_be_missed {
            return Vec::new();
        }
        let client = app.client();
        let group = self.cluster.topology().group(&app.plan.group);
        let members = group.into_iter().flat_map(|group| &group.members).enumerate();
        let holders = members.filter(|(index, member)| {
            client.serves(app.slot, *index)
                && self.cluster.holds(member, &key.id).unwrap_or_default()
        });
        holders.map(|(index, _)| index).collect()
    }

    /// A key was not found. That is as it must be if its holders are all away; not if a member that has
    /// served since before the operation has held it as long: then one serves that was not brought up to
    /// date. A copy may arrive between the refusal and this look.
    fn not_found(&self, app: &App, key: &Key, before: &[usize], error: &Error) {
        let group = self.cluster.topology().group(&app.plan.group);
        let members: Vec<_> = group.into_iter().flat_map(|group| &group.members).collect();
        for holder in self.holders(app, key).iter().filter(|index| before.contains(index)) {
            let device = &members[*holder].device;
            let what = format!("key {}, which {device} holds: {error}", key.id);
            self.break_rule(Rule::KeyFound, what);
        }
    }

    fn break_rule(&self, rule: Rule, what: String) {
        self.broken.borrow_mut().push((rule, what));
    }

    async fn sign(
        &self,
        app: &App,
        session: SessionHandle,
        op: Op,
        key: &Key,
        chance: &mut SimRng,
    ) -> Result<()> {
        let client = app.client();
        let handle = self.handle_of(app, session, key).await?;
        let message = message(app.plan.payload, chance);
        let kind = OperationKind::Sign;
        let hmac = || Mechanism::plain(CKM_SHA256_HMAC);
        let init = client.operation_init(session, kind, hmac(), Some(handle));
        self.call(app, "C_SignInit", session.0, init).await?;
        let room = Room::Bytes(32);
        let output = if op == Op::SignParts {
            for part in message.chunks(message.len().div_ceil(2)) {
                let update = client.update(session, kind, part, Room::Bytes(0));
                self.call(app, "C_SignUpdate", session.0, update).await?;
            }
            let last = client.finish(session, kind, room);
            self.call(app, "C_SignFinal", session.0, last).await?
        } else {
            let sign = client.one_part(session, kind, &message, room);
            self.call(app, "C_Sign", session.0, sign).await?
        };
        let Output::Bytes(signature) = output else {
            self.break_rule(Rule::SignatureValid, format!("key {}: no signature", key.id));
            return Ok(());
        };
        let outside = hmac::Key::new(hmac::HMAC_SHA256, &key.value);
        if hmac::verify(&outside, &message, &signature).is_ok() {
            self.verified.set(self.verified.get() + 1);
        } else {
            self.invalid.set(self.invalid.get() + 1);
            self.break_rule(Rule::SignatureValid, format!("key {}", key.id));
        }
        if op == Op::Verify {
            let kind = OperationKind::Verify;
            let init = client.operation_init(session, kind, hmac(), Some(handle));
            self.call(app, "C_VerifyInit", session.0, init).await?;
            let verify = client.verify(session, OperationKind::Verify, &message, Some(&signature));
            self.call(app, "C_Verify", session.0, verify).await?;
        }
        Ok(())
    }

    async fn encrypt(&self, app: &App, session: SessionHandle, chance: &mut SimRng) -> Result<()> {
        let client = app.client();
        let key = match app.aes.get() {
            Some(key) => key,
            None => {
                let template = [
                    Attribute::bool(CKA_TOKEN, true),
                    Attribute::ulong(CKA_VALUE_LEN, 32),
                    Attribute::bool(CKA_ENCRYPT, true),
                ];
                let make = client.generate_key(
                    session,
                    Mechanism::plain(CKM_AES_KEY_GEN),
                    template.into_iter().collect(),
                );
                let key = self.call(app, "C_GenerateKey", session.0, make).await?;
                app.aes.set(Some(key));
                key
            }
        };
        let kind = OperationKind::Encrypt;
        let iv = chance.bytes_16()[..12].to_vec();
        let params = Params::Gcm { iv, iv_bits: 96, aad: Vec::new(), tag_bits: 128 };
        let mechanism = Mechanism { kind: CKM_AES_GCM, params };
        let init = client.operation_init(session, kind, mechanism, Some(key));
        self.call(app, "C_EncryptInit", session.0, init).await?;
        let data = vec![7; app.plan.payload.unwrap_or(1024) as usize];
        let encrypt = client.one_part(session, kind, &data, Room::Bytes(data.len() + 16));
        self.call(app, "C_Encrypt", session.0, encrypt).await.map(drop)
    }

    async fn generate(&self, app: &App, session: SessionHandle) -> Result<()> {
        let client = app.client();
        let generation = app.generation.get();
        let label = app.next_label();
        let template = [
            Attribute::bool(CKA_TOKEN, true),
            Attribute::bytes(CKA_LABEL, label),
            Attribute::ulong(CKA_VALUE_LEN, 32),
            Attribute::bool(CKA_SIGN, true),
            Attribute::bool(CKA_VERIFY, true),
            // The checker verifies outside with it.
            Attribute::bool(CKA_SENSITIVE, false),
            Attribute::bool(CKA_EXTRACTABLE, true),
        ];
        let make = client.generate_key(
            session,
            Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN),
            template.into_iter().collect(),
        );
        let handle = self.call(app, "C_GenerateKey", session.0, make).await?;
        let read = client.attributes(session, handle, vec![CKA_UNIQUE_ID, CKA_VALUE]);
        let read = self.call(app, "C_GetAttributeValue", session.0, read).await?;
        let bytes = |place: usize| match read.get(place) {
            Some(AttributeResult::Value(value)) => value.as_bytes(),
            _ => None,
        };
        let id = bytes(0).and_then(|id| ObjectId::from_hex(str::from_utf8(id).ok()?));
        match (id, bytes(1)) {
            (Some(id), Some(value)) => app.pool.add(id, value.to_vec(), handle, generation),
            _ => self.break_rule(Rule::KeyFound, "a new key shows no value".to_owned()),
        }
        Ok(())
    }

    async fn destroy(&self, app: &App, session: SessionHandle, chance: &mut SimRng) -> Result<()> {
        let Some(key) = app.pool.take_out(chance) else { return Ok(()) };
        let client = app.client();
        let handle = self.handle_of(app, session, &key).await?;
        let destroy = client.destroy_object(session, handle);
        self.call(app, "C_DestroyObject", session.0, destroy).await?;
        app.pool.is_destroyed(&key);
        Ok(())
    }

    /// A label is always one of the application's, so that [`Op::Find`] finds renamed keys as well.
    async fn rename(&self, app: &App, session: SessionHandle, key: &Key) -> Result<()> {
        let client = app.client();
        let handle = self.handle_of(app, session, key).await?;
        let template = Template(vec![Attribute::bytes(CKA_LABEL, app.next_label())]);
        app.pool.begin_change(key);
        let change = client.set_attributes(session, handle, template);
        self.call(app, "C_SetAttributeValue", session.0, change).await?;
        app.pool.is_changed(key);
        Ok(())
    }

    async fn find(&self, app: &App, session: SessionHandle, chance: &mut SimRng) -> Result<()> {
        let number = match app.plan.key_label.contains("{n}") {
            true => chance.below(app.named.get().max(1)),
            false => 0,
        };
        let template = Template(vec![Attribute::bytes(CKA_LABEL, app.label(number))]);
        self.search(app, session, template).await.map(drop)
    }

    async fn search(
        &self,
        app: &App,
        session: SessionHandle,
        template: Template,
    ) -> Result<Vec<ObjectHandle>> {
        let client = app.client();
        let init = client.find_init(session, template);
        self.call(app, "C_FindObjectsInit", session.0, init).await?;
        let on = CalledOn::Session(session);
        let find = client.with_call_faults("C_FindObjects", on, || client.find(session, 16));
        let found = self.call(app, "C_FindObjects", session.0, find).await?;
        let last = || client.find_final(session);
        let last = client.with_call_faults("C_FindObjectsFinal", on, last);
        self.call(app, "C_FindObjectsFinal", session.0, last).await?;
        Ok(found)
    }
}

/// What is signed: some bytes that differ each time, over and over again up to the wanted length.
fn message(length: Option<u32>, chance: &mut SimRng) -> Vec<u8> {
    let bytes = chance.bytes_16();
    match length {
        None => bytes.to_vec(),
        Some(length) => bytes.into_iter().cycle().take(length as usize).collect(),
    }
}

/// An operation by its weight.
pub(super) fn pick(mix: &[(Op, u32)], chance: &mut SimRng) -> Op {
    let total: u64 = mix.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut left = chance.below(total);
    for (op, weight) in mix {
        if left < u64::from(*weight) {
            return *op;
        }
        left -= u64::from(*weight);
    }
    Op::Sign
}
