//! C_FindObjectsInit: all that match, without opening what cannot.
//!
//! The store picks by class and by keyed hashes of label and ID. What these decide completely is not
//! opened at all; the rest is opened, one object at a time, and compared in full. Token objects come
//! first in order of creation, then session objects likewise.

use hsmsim_types::{Attribute, AttributeKind, ObjectId, Result, Template, attribute, ck::*};
use tracing::error;

use super::Session;
use crate::{
    api::Reply,
    attributes::template::normalise,
    built_in,
    object::{Object, sealing},
    port::{Filter, StoredObject, TagFilter},
};

impl Session {
    pub(super) fn find(&self, mut template: Template) -> Result<Reply> {
        template.0.iter_mut().for_each(normalise);
        if template.ulong(CKA_CLASS).is_some_and(built_in::is_class) {
            let personality = self.partition.personality();
            return Ok(Reply::Found(built_in::find(personality, &template, &self.hardware()?)));
        }
        let mut found = Vec::new();
        if template.bool(CKA_TOKEN) != Some(false) {
            found = self.find_token_objects(&template)?;
        }
        if template.bool(CKA_TOKEN) != Some(true) {
            let transients = self.application.transients();
            let matching = transients.iter().filter(|object| object.matches(&template));
            found.extend(matching.map(|object| object.id));
        }
        Ok(Reply::Found(found))
    }

    fn find_token_objects(&self, template: &Template) -> Result<Vec<ObjectId>> {
        let decided = template.0.iter().all(is_decided_by_filter);
        let candidates = match template.bytes(CKA_UNIQUE_ID) {
            Some(name) => self.by_unique_id(name)?,
            None if decided => return self.partition.store().find_ids(&self.filter(template)?),
            None => self.partition.store().find(&self.filter(template)?)?,
        };
        let mut found = Vec::new();
        for stored in &candidates {
            if decided || self.opens_and_matches(stored, template) {
                found.push(stored.id);
            }
        }
        Ok(found)
    }

    fn by_unique_id(&self, name: &[u8]) -> Result<Vec<StoredObject>> {
        let id = std::str::from_utf8(name).ok().and_then(ObjectId::from_hex);
        let Some(id) = id else { return Ok(Vec::new()) };
        let stored = self.partition.store().load(&id)?;
        let sees_private = self.application.sees_private();
        Ok(stored.into_iter().filter(|stored| sees_private || !stored.private).collect())
    }

    fn filter(&self, template: &Template) -> Result<Filter> {
        let tags = |private| -> Result<TagFilter> {
            let key = self.partition.sealing_key(&self.application, private)?;
            Ok(TagFilter {
                label: template.bytes(CKA_LABEL).map(|label| sealing::label_tag(&key, label)),
                id: template.bytes(CKA_ID).map(|id| sealing::id_tag(&key, id)),
            })
        };
        let private = template.bool(CKA_PRIVATE);
        let wants_private = private != Some(false) && self.application.sees_private();
        Ok(Filter {
            class: template.ulong(CKA_CLASS),
            private: if wants_private { Some(tags(true)?) } else { None },
            public: if private == Some(true) { None } else { Some(tags(false)?) },
        })
    }

    /// One object that does not open must not hide the others: it is reported in the log, and to
    /// whoever names it.
    fn opens_and_matches(&self, stored: &StoredObject, template: &Template) -> bool {
        if let Some(entry) = self.partition.cache.get(&stored.id)
            && entry.object.version == stored.version
        {
            return entry.object.matches(template);
        }
        match self.partition.open(&self.application, stored) {
            Ok(object) => Object::matches(&object, template),
            Err(problem) => {
                error!(object = %stored.id, %problem, "an object was left out of a search");
                false
            }
        }
    }
}

/// Whether the store's filter is all that there is to say about this part of a template. A value of
/// the wrong form is not: nothing matches it.
fn is_decided_by_filter(wanted: &Attribute) -> bool {
    let form = attribute::kind(wanted.kind);
    match wanted.kind {
        CKA_TOKEN | CKA_PRIVATE => form == AttributeKind::Bool && wanted.value.as_bool().is_some(),
        CKA_CLASS => form == AttributeKind::Ulong && wanted.value.as_ulong().is_some(),
        CKA_LABEL | CKA_ID => form == AttributeKind::Bytes && wanted.value.as_bytes().is_some(),
        _ => false,
    }
}
