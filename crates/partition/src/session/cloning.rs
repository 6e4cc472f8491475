//! Objects on their way between members of a cloning domain (Luna guide, "Cloning").
//!
//! Private objects travel as the domain's key sealed them, so that nobody on the way can read them
//! and token objects need no login to be copied. Public objects travel in the clear and are sealed
//! anew under the device key of the target.

use hsmsim_types::{Error, ObjectId, Result, SecretBytes};
use smallvec::SmallVec;

use super::Session;
use crate::{
    api::{GivesAway, InventoryEntry, Reply, SealedObject},
    application::TransientCopy,
    built_in,
    object::{Object, codec, sealing},
    port::{Body, Change, StoredObject, Tags},
    travel,
};

impl Session {
    pub(super) fn clone_as_source(&self, objects: &[ObjectId]) -> Result<Reply> {
        let domain = self.partition.domain()?;
        let mut sealed = Vec::new();
        for id in objects {
            if built_in::is_one(id) {
                sealed.extend(self.feature_as_source(id, domain)?);
                continue;
            }
            sealed.extend(match self.application.transient(id) {
                Some(object) => Some(self.travelling(&object, None, domain)?),
                // Of version 0 is what a damaged disk has left, which helps nobody.
                None => match self.partition.store().load(id)?.filter(|held| held.version > 0) {
                    Some(stored) => Some(self.partition.outgoing(stored, domain)?),
                    None => None,
                },
            });
        }
        Ok(Reply::Sealed(sealed))
    }

    /// Whether a new object goes to the other members with the answer.
    pub(super) fn gives_away(&self, object: &Object) -> bool {
        match self.gives_away {
            GivesAway::Nothing => false,
            GivesAway::TokenObjects => object.token,
            GivesAway::AllObjects => true,
        }
    }

    /// A new object as it goes there; `stored` of one that is kept.
    ///
    /// # Errors
    /// CKR_CLONING_PARAMETER_MISSING on a blank token.
    pub(super) fn given_away(
        &self,
        object: &Object,
        stored: Option<&StoredObject>,
    ) -> Result<SealedObject> {
        self.travelling(object, stored, self.partition.domain()?)
    }

    /// An object as it leaves; `stored` if it was sealed already.
    fn travelling(
        &self,
        object: &Object,
        stored: Option<&StoredObject>,
        domain: [u8; 16],
    ) -> Result<SealedObject> {
        let body = match stored {
            _ if !object.private => {
                Body::from(SecretBytes::from(codec::encode(&object.attributes)))
            }
            Some(stored) => stored.body.clone(),
            None => {
                let key = self.partition.sealing_key(&self.application, true)?;
                sealing::seal(object, &key, self.partition.draw()?)?
            }
        };
        Ok(SealedObject {
            id: object.id,
            version: object.version,
            domain,
            token: object.token,
            private: object.private,
            // Of a session object there are none: no store has it, so nobody looks it up by these.
            tags: stored.map_or_else(Tags::default, |stored| stored.tags),
            body,
        })
    }

    pub(super) fn clone_as_target(&self, objects: Vec<SealedObject>) -> Result<Reply> {
        let domain = self.partition.domain()?;
        let mut changes = Vec::new();
        let mut transients = SmallVec::<[_; 2]>::new();
        for sealed in objects {
            travel::check_domain(&sealed, domain)?;
            if built_in::is_one(&sealed.id) {
                self.feature_as_target(&sealed)?;
            } else if sealed.token {
                // Without a login nobody can look inside; what is no object of this domain does not
                // open later, and does no harm until then.
                if sealed.private && self.application.sees_private() {
                    self.check_opens(&sealed)?;
                }
                changes.push(Change::Put(self.partition.incoming(sealed)?));
            } else {
                transients.push(self.transient_copy(sealed)?);
            }
        }
        if !changes.is_empty() {
            self.partition.check_room(&changes)?;
            self.partition.store().apply(&changes)?;
        }
        transients.into_iter().for_each(|copy| self.put_transient_copy(copy));
        Ok(Reply::Done)
    }

    /// A session object that came from another member: looked through now, and made an object when it is first used.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN for a private one without a login; CKR_FAILED_TO_CLONE_AN_OBJECT if it is damaged.
    fn transient_copy(&self, sealed: SealedObject) -> Result<TransientCopy> {
        let refused = |_: Error| travel::does_not_open(&sealed);
        let SealedObject { id, version, body, .. } = &sealed;
        if sealed.private {
            let key = self.application.domain_key()?;
            // Who can seal it is a member, and means what it says.
            let plain = sealing::opened(id, *version, (false, true), body, &key);
            return Ok(TransientCopy::of(&sealed, plain.map_err(refused)?, None));
        }
        let seen = codec::look_through(body).map_err(refused)?;
        if seen.token || seen.private {
            return Err(travel::does_not_open(&sealed));
        }
        Ok(TransientCopy::of(&sealed, body.clone(), Some(seen.destroyable)))
    }

    /// # Errors
    /// CKR_FAILED_TO_CLONE_AN_OBJECT for a private token object that does not open here.
    fn check_opens(&self, sealed: &SealedObject) -> Result<()> {
        let key = self.application.domain_key()?;
        if sealing::opens(&sealed.id, sealed.version, (true, true), &sealed.body, &key) {
            return Ok(());
        }
        Err(travel::does_not_open(sealed))
    }

    pub(super) fn inventory(&self) -> Result<Reply> {
        let names = self.partition.store().inventory()?;
        let entries = names.into_iter().map(|(id, version)| InventoryEntry { id, version });
        Ok(Reply::Inventory(entries.collect()))
    }

    /// Removes what a deletion on another member has left here. Identities are used once, so that what is a
    /// session object is in no store, which would have to be asked with its lock.
    pub(super) fn replay_deletion(&self, objects: &[ObjectId]) -> Result<Reply> {
        let kept = objects.iter().filter(|id| !self.application.remove_transient(id));
        let changes: Vec<_> = kept.copied().map(Change::Remove).collect();
        if !changes.is_empty() {
            self.partition.store().apply(&changes)?;
        }
        objects.iter().for_each(|id| self.partition.cache.remove(id));
        Ok(Reply::Done)
    }
}
