//! Uses of keys that have CKA_USAGE_LIMIT (Luna guide, "Object Usage Count").
//!
//! An operation counts once it is done, or with several parts once it has begun; one that is refused does not.
//! The member counts in its store, so that two applications do not both have the last use, and says so in its
//! reply: the client library brings the count to the other members before it gives the answer.

use hsmsim_types::{Attribute, ObjectId, Result, ck::*, error::fail};

use super::{Session, objects::CHANGE_TRIES};
use crate::{
    api::{Creation, Reply},
    object::Object,
    port::Change,
};

impl Session {
    /// Does what a key works for, and counts it.
    ///
    /// # Errors
    /// CKR_KEY_NOT_ACTIVE (Luna) or CKR_KEY_FUNCTION_NOT_PERMITTED for a key that is used up; what `work` gives.
    pub(super) fn counted(
        &mut self,
        id: &ObjectId,
        work: impl FnOnce(&mut Self) -> Result<Reply>,
    ) -> Result<Reply> {
        // A length alone: nothing was made.
        self.counted_if(id, |reply| !matches!(reply, Reply::Size(_)), work)
    }

    /// As [`Session::counted`], for work whose result is not always given out.
    pub(super) fn counted_if(
        &mut self,
        id: &ObjectId,
        is_use: impl FnOnce(&Reply) -> bool,
        work: impl FnOnce(&mut Self) -> Result<Reply>,
    ) -> Result<Reply> {
        // Whoever looks for the key next says in its own words that there is none.
        let limited = self.object(id).is_ok_and(|key| key.limited);
        if !limited {
            return work(self);
        }
        self.check_uses_left(&*self.object(id)?)?;
        let reply = work(self)?;
        if is_use(&reply) { self.count_use(id, reply) } else { Ok(reply) }
    }

    /// Refuses a key that is used up.
    ///
    /// # Errors
    /// CKR_KEY_NOT_ACTIVE (Luna), CKR_KEY_FUNCTION_NOT_PERMITTED.
    pub(super) fn check_uses_left(&self, key: &Object) -> Result<()> {
        let number = |kind| key.attributes.ulong(kind).unwrap_or(0);
        if !key.limited || number(CKA_USAGE_COUNT) < number(CKA_USAGE_LIMIT) {
            return Ok(());
        }
        fail(self.not_active(), "CKA_USAGE_LIMIT: the key is used up")
    }

    /// Counts one use of a key with a limit. If others have used it up meanwhile, what was made is taken back.
    pub(super) fn count_use(&self, key: &ObjectId, reply: Reply) -> Result<Reply> {
        match self.add_use(key) {
            Ok(()) => Ok(Reply::Counted { reply: Box::new(reply), key: *key }),
            Err(error) => {
                if let Reply::Created(creation) = &reply {
                    self.take_back(creation)?;
                }
                Err(error)
            }
        }
    }

    /// The count is the token's business: neither CKA_MODIFIABLE nor a read-only session keeps it from going on.
    fn add_use(&self, id: &ObjectId) -> Result<()> {
        for _ in 0..CHANGE_TRIES {
            let key = self.partition.object(&self.application, id, CKR_KEY_HANDLE_INVALID)?;
            self.check_uses_left(&key)?;
            if !key.limited {
                return Ok(());
            }
            let mut all = key.attributes.clone();
            let count = all.ulong(CKA_USAGE_COUNT).unwrap_or(0) + 1;
            all.set(Attribute::ulong(CKA_USAGE_COUNT, count));
            match self.replace(&key, all, self.now) {
                Ok(_) => return Ok(()),
                // Somebody else has used it: that use counts too.
                Err(error) if error.rv() == CKR_OBJECT_HANDLE_INVALID => {
                    self.partition.cache.remove(id);
                }
                Err(error) => return Err(error),
            }
        }
        fail(CKR_DEVICE_ERROR, "the key is used faster than it can be counted")
    }

    fn take_back(&self, creation: &Creation) -> Result<()> {
        for made in &creation.objects {
            if made.token {
                self.partition.store().apply(&[Change::Remove(made.id)])?;
                self.partition.cache.remove(&made.id);
            } else {
                self.application.remove_transient(&made.id);
            }
        }
        Ok(())
    }
}
