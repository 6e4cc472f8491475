//! Objects on their way between members of a cloning domain (Luna guide, "Cloning").
//!
//! Private objects travel as the domain's key sealed them, so that nobody on the way can read them
//! and token objects need no login to be copied. Public objects travel in the clear and are sealed
//! anew under the device key of the target.

use std::sync::Arc;

use hsmsim_types::{ObjectId, Result, SecretBytes, ck::*, error::fail};

use super::Session;
use crate::{
    api::{InventoryEntry, Reply, SealedObject},
    object::{Object, codec, sealing},
    port::{Change, StoredObject},
    roles::record::TokenRecord,
};

impl Session {
    pub(super) fn clone_as_source(&self, objects: &[ObjectId]) -> Result<Reply> {
        let domain = self.domain_record()?.domain;
        let mut sealed = Vec::new();
        for id in objects {
            sealed.extend(match self.application.transient(id) {
                Some(object) => Some(self.sealed_transient(&object, domain)?),
                None => self.sealed_token_object(id, domain)?,
            });
        }
        Ok(Reply::Sealed(sealed))
    }

    fn sealed_transient(&self, object: &Object, domain: [u8; 16]) -> Result<SealedObject> {
        let key = self.partition.sealing_key(&self.application, object.private)?;
        let body = if object.private {
            sealing::seal(object, &key)?
        } else {
            SecretBytes::from(codec::encode(&object.attributes))
        };
        Ok(SealedObject {
            id: object.id,
            version: object.version,
            domain,
            token: false,
            private: object.private,
            tags: sealing::tags(&object.attributes, &key),
            body,
        })
    }

    fn sealed_token_object(&self, id: &ObjectId, domain: [u8; 16]) -> Result<Option<SealedObject>> {
        let Some(stored) = self.partition.store().load(id)? else { return Ok(None) };
        let body = if stored.private {
            stored.body
        } else {
            let object = self.partition.open(&self.application, &stored)?;
            SecretBytes::from(codec::encode(&object.attributes))
        };
        Ok(Some(SealedObject {
            id: stored.id,
            version: stored.version,
            domain,
            token: true,
            private: stored.private,
            tags: stored.tags,
            body,
        }))
    }

    pub(super) fn clone_as_target(&self, objects: Vec<SealedObject>) -> Result<Reply> {
        let domain = self.domain_record()?.domain;
        let mut changes = Vec::new();
        let mut transients = Vec::new();
        for sealed in objects {
            if sealed.domain != domain {
                return fail(
                    CKR_FAILED_TO_CLONE_AN_OBJECT,
                    "the object was sealed under another cloning domain",
                );
            }
            if sealed.token {
                changes.push(Change::Put(self.received(sealed)?));
            } else {
                transients.push(Arc::new(self.opened(&sealed)?));
            }
        }
        if !changes.is_empty() {
            self.partition.store().apply(&changes)?;
        }
        for object in transients {
            let known = self.application.transient(&object.id);
            if known.is_none_or(|known| known.version < object.version) {
                self.application.put_transient(object, self.tag);
            }
        }
        Ok(Reply::Done)
    }

    /// A token object as this member will store it.
    fn received(&self, sealed: SealedObject) -> Result<StoredObject> {
        if !sealed.private {
            let object = self.opened(&sealed)?;
            let key = self.partition.sealing_key(&self.application, false)?;
            return sealing::stored(&object, &key);
        }
        // Without a login nobody can look inside; what is no object of this domain does not open
        // later, and does no harm until then.
        if self.application.sees_private() {
            self.opened(&sealed)?;
        }
        let SealedObject { id, version, private, tags, body, .. } = sealed;
        Ok(StoredObject { id, version, private, tags, body })
    }

    fn opened(&self, sealed: &SealedObject) -> Result<Object> {
        let kind = (sealed.token, sealed.private);
        let object = if sealed.private {
            let key = self.application.domain_key()?;
            sealing::open(&sealed.id, sealed.version, kind, &sealed.body, &key)
        } else {
            sealing::from_plain(&sealed.id, sealed.version, kind, &sealed.body)
        };
        match object {
            Ok(object) => Ok(object),
            Err(_) => fail(
                CKR_FAILED_TO_CLONE_AN_OBJECT,
                format!("object {} does not open under this cloning domain", sealed.id),
            ),
        }
    }

    fn domain_record(&self) -> Result<Arc<TokenRecord>> {
        match self.partition.token_record()? {
            Some(record) => Ok(record),
            None => fail(CKR_CLONING_PARAMETER_MISSING, "a blank partition has no cloning domain"),
        }
    }

    pub(super) fn inventory(&self) -> Result<Reply> {
        let names = self.partition.store().inventory()?;
        let entries = names.into_iter().map(|(id, version)| InventoryEntry { id, version });
        Ok(Reply::Inventory(entries.collect()))
    }

    pub(super) fn replay_deletion(&self, objects: &[ObjectId]) -> Result<Reply> {
        let changes: Vec<_> = objects.iter().copied().map(Change::Remove).collect();
        if !changes.is_empty() {
            self.partition.store().apply(&changes)?;
        }
        objects.iter().for_each(|id| self.partition.cache.remove(id));
        Ok(Reply::Done)
    }
}
