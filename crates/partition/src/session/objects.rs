//! Objects as a session makes, shows, changes and destroys them (PKCS#11 3.1, 5.7).

use std::{sync::Arc, time::Duration};

use hsmsim_types::{Error, ObjectId, Result, Template, ck::*, error::fail};

use super::Session;
use crate::{
    api::{AttributeResult, Created, Creation, Reply},
    application::TransientCopy,
    attributes::{
        self,
        build::{Origin, build},
        change,
        template::checked,
    },
    built_in,
    object::{Attributes, Object, codec, sealing},
    port::Change,
    version,
};

/// Largest encoded object.
const OBJECT_MAX: usize = 1 << 21;

/// How often a change is tried anew because others change the same object.
pub(super) const CHANGE_TRIES: u32 = 1000;

impl Session {
    /// An object for a function on objects: one that is kept, or one of the token's own.
    pub(super) fn object(&self, id: &ObjectId) -> Result<Arc<Object>> {
        if built_in::is_one(id) {
            let object = built_in::object(self.partition.personality(), id, &self.hardware()?);
            let missing = "the token has no such object";
            return object.ok_or_else(|| Error::new(CKR_OBJECT_HANDLE_INVALID, missing));
        }
        self.partition.object(&self.application, id, CKR_OBJECT_HANDLE_INVALID)
    }

    pub(super) fn create(&self, template: Template) -> Result<Reply> {
        let given = checked(template)?;
        let id = self.partition.new_id()?;
        self.add([build(Origin::created(self.maker()), given, id)?])
    }

    pub(super) fn copy(&self, id: &ObjectId, template: Template) -> Result<Reply> {
        let object = self.object(id)?;
        let given = checked(template)?;
        let new = self.partition.new_id()?;
        let all = change::copy(&object, &given, &self.maker())?;
        self.add([Object::new(new, version::FIRST, all)])
    }

    /// Takes new objects over: all or none.
    ///
    /// # Errors
    /// What [`Session::check_write`] and [`Partition::check_room`](crate::Partition) say.
    pub(super) fn add(
        &self,
        objects: impl AsRef<[Object]> + IntoIterator<Item = Object>,
    ) -> Result<Reply> {
        for object in objects.as_ref() {
            self.check_write(object.token, object.private)?;
        }
        let mut created = Vec::with_capacity(objects.as_ref().len());
        let (mut copies, mut changes) = (Vec::new(), Vec::new());
        for object in objects.as_ref() {
            let mut stored = None;
            if object.token {
                let key = self.partition.sealing_key(&self.application, object.private)?;
                let sealed = stored.insert(sealing::stored(object, &key, self.partition.draw()?)?);
                check_size(sealed.body.len())?;
            }
            if self.gives_away(object) {
                if copies.is_empty() {
                    copies.reserve_exact(objects.as_ref().len());
                }
                copies.push(self.given_away(object, stored.as_ref())?);
            }
            created.push(Created { id: object.id, token: object.token });
            changes.extend(stored.map(Change::Put));
        }
        if !changes.is_empty() {
            self.partition.check_room(&changes)?;
            self.partition.store().apply(&changes)?;
        }
        for object in objects {
            let copy = copies.iter().find(|copy| copy.id == object.id && !copy.private);
            match copy {
                _ if object.token => self.partition.cache.put_stored(Arc::new(object)),
                // What is no key is seldom used: it is kept here too as the others have it.
                Some(copy) if !object.has_material() => {
                    let destroyable = object.attributes.flag(CKA_DESTROYABLE);
                    let plain = copy.body.clone();
                    self.put_transient_copy(TransientCopy::of(copy, plain, Some(destroyable)));
                }
                _ => self.put_transient(Arc::new(object)),
            }
        }
        let creation = Creation { objects: created, copies, output: Vec::new() };
        Ok(Reply::Created(Box::new(creation)))
    }

    pub(super) fn destroy(&self, id: &ObjectId) -> Result<Reply> {
        let (token, private, destroyable) = match self.application.unopened(id) {
            Some((private, destroyable)) => (false, private, destroyable),
            None => {
                let object = self.object(id)?;
                (object.token, object.private, object.attributes.flag(CKA_DESTROYABLE))
            }
        };
        self.check_write(token, private)?;
        if !destroyable {
            return fail(CKR_ACTION_PROHIBITED, "CKA_DESTROYABLE of the object is false");
        }
        if token {
            self.partition.store().apply(&[Change::Remove(*id)])?;
            self.partition.cache.remove(id);
        } else if !self.application.remove_transient(id) {
            return fail(CKR_OBJECT_HANDLE_INVALID, "the object is gone");
        }
        Ok(Reply::Done)
    }

    pub(super) fn size(&self, id: &ObjectId) -> Result<Reply> {
        let object = self.object(id)?;
        Ok(Reply::Size(codec::encode(&object.attributes).len() as u64))
    }

    pub(super) fn get_attributes(
        &self,
        id: &ObjectId,
        kinds: &[CK_ATTRIBUTE_TYPE],
        lengths: bool,
    ) -> Result<Reply> {
        let counts = !lengths && built_in::counts_on_read(id, kinds);
        let object = if counts { self.count_on(id)? } else { self.object(id)? };
        let results = kinds.iter().map(|&kind| {
            if attributes::is_hidden(&object, kind) {
                return AttributeResult::Sensitive;
            }
            match attributes::implied::value(&object, kind) {
                Some(value) => AttributeResult::Value(value.into_owned()),
                None => AttributeResult::Invalid,
            }
        });
        Ok(Reply::Attributes(results.collect()))
    }

    pub(super) fn set_attributes(
        &self,
        id: &ObjectId,
        template: Template,
        now: Duration,
    ) -> Result<Reply> {
        if built_in::is_one(id) {
            return self.set_feature(id, template);
        }
        let given = checked(template)?;
        for _ in 0..CHANGE_TRIES {
            let object = self.object(id)?;
            self.check_write(object.token, object.private)?;
            let all = change::set(&object, &given, &self.maker())?;
            match self.replace(&object, all, now) {
                // Another process changed it between: what it now is decides anew.
                Err(error) if error.rv() == CKR_OBJECT_HANDLE_INVALID => {
                    self.partition.cache.remove(id);
                }
                other => return other,
            }
        }
        fail(CKR_DEVICE_ERROR, "the object changes faster than it can be read")
    }

    pub(super) fn replace(&self, old: &Object, all: Attributes, now: Duration) -> Result<Reply> {
        if !old.token {
            let new = Object::new(old.id, old.version + 1, all);
            self.application.replace_transient(Arc::new(new))?;
            return Ok(Reply::Done);
        }
        let version = version::next(old.version, now, &self.partition.store().serial());
        let new = Object::new(old.id, version, all);
        let key = self.partition.sealing_key(&self.application, new.private)?;
        let stored = sealing::stored(&new, &key, self.partition.draw()?)?;
        check_size(stored.body.len())?;
        let changes = [Change::Update { object: stored, before: old.version }];
        self.partition.check_room(&changes)?;
        self.partition.store().apply(&changes)?;
        self.partition.cache.put_stored(Arc::new(new));
        Ok(Reply::Done)
    }
}

fn check_size(len: usize) -> Result<()> {
    if len <= OBJECT_MAX {
        return Ok(());
    }
    fail(CKR_DEVICE_MEMORY, format!("an object takes at most {OBJECT_MAX} bytes"))
}
