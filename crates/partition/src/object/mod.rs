//! Objects: what one is made of, how it is encoded and sealed, where opened ones are kept.

pub(crate) mod cache;
pub(crate) mod codec;
pub(crate) mod date;
pub(crate) mod key;
pub(crate) mod parameter_set;
pub(crate) mod parts;
pub(crate) mod private_key;
pub(crate) mod sealing;
pub(crate) mod secret_type;

use std::{fmt, sync::OnceLock};

use hsmsim_types::{
    Attribute, AttributeValue, Error, ObjectId, Result, Template,
    ck::{
        CK_ATTRIBUTE_TYPE, CKA_CLASS, CKA_END_DATE, CKA_KEY_TYPE, CKA_PRIVATE, CKA_START_DATE,
        CKA_TOKEN, CKA_USAGE_LIMIT, CKO_OTP_KEY, CKR_FUNCTION_FAILED,
    },
};

use key::KeyMaterial;

use crate::attributes::{Rule, implied};

/// An object's attributes, sorted by number, each there once.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<Attribute>);

/// Attributes that there is room for before the defaults come.
const ROOM: usize = 12;

impl Attributes {
    /// None yet, and room for what most templates and operations say.
    pub(crate) fn with_room() -> Self {
        Self(Vec::with_capacity(ROOM))
    }

    /// Those of a list that is sorted, each there once.
    pub(crate) fn sorted(list: Vec<Attribute>) -> Self {
        debug_assert!(list.is_sorted_by(|a, b| a.kind < b.kind));
        Self(list)
    }

    /// The attribute of that number.
    pub(crate) fn get(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&AttributeValue> {
        self.position(kind).ok().map(|at| &self.0[at].value)
    }

    /// The flag of that number; `false` if it is not there.
    pub(crate) fn flag(&self, kind: CK_ATTRIBUTE_TYPE) -> bool {
        self.get(kind).and_then(AttributeValue::as_bool).unwrap_or(false)
    }

    /// The number of that number.
    pub(crate) fn ulong(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<u64> {
        self.get(kind)?.as_ulong()
    }

    /// The bytes of that number.
    pub(crate) fn bytes(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.get(kind)?.as_bytes()
    }

    /// Sets an attribute, whether it was there or not.
    pub(crate) fn set(&mut self, attribute: Attribute) {
        match self.position(attribute.kind) {
            Ok(at) => self.0[at] = attribute,
            Err(at) => self.0.insert(at, attribute),
        }
    }

    /// Sets an attribute that is not there yet.
    pub(crate) fn set_default(&mut self, attribute: Attribute) {
        if let Err(at) = self.position(attribute.kind) {
            self.0.insert(at, attribute);
        }
    }

    /// Sets the attributes of some rules, in order of their numbers, that are not there yet. Leaves no room.
    pub(crate) fn set_defaults<'a>(
        &mut self,
        rules: impl Iterator<Item = &'a Rule> + Clone,
        value: impl Fn(&Rule) -> AttributeValue,
    ) {
        let mut kinds = self.0.iter().map(|own| own.kind).peekable();
        let is_new = |rule: &&Rule| {
            while kinds.next_if(|&own| own < rule.kind).is_some() {}
            kinds.peek() != Some(&rule.kind)
        };
        let new = rules.clone().filter(is_new).count();
        let mut merged = Vec::with_capacity(self.0.len() + new);
        let mut own = std::mem::take(&mut self.0).into_iter();
        for rule in rules {
            while own.as_slice().first().is_some_and(|own| own.kind < rule.kind) {
                merged.extend(own.next());
            }
            if own.as_slice().first().is_none_or(|own| own.kind != rule.kind) {
                merged.push(Attribute { kind: rule.kind, value: value(rule) });
            }
        }
        merged.extend(own);
        self.0 = merged;
    }

    /// In as much memory as they need: moved, since memory that is cut off in place helps nobody.
    pub(crate) fn exact(self) -> Self {
        if self.0.capacity() == self.0.len() {
            return self;
        }
        let mut exact = Vec::with_capacity(self.0.len());
        exact.extend(self.0);
        Self(exact)
    }

    /// Takes an attribute away.
    pub(crate) fn remove(&mut self, kind: CK_ATTRIBUTE_TYPE) -> Option<Attribute> {
        self.position(kind).ok().map(|at| self.0.remove(at))
    }

    /// All of them, in order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter()
    }

    /// The same, given away.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Attribute> {
        self.0.into_iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn position(&self, kind: CK_ATTRIBUTE_TYPE) -> std::result::Result<usize, usize> {
        self.0.binary_search_by_key(&kind, |attribute| attribute.kind)
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl FromIterator<Attribute> for Attributes {
    fn from_iter<I: IntoIterator<Item = Attribute>>(attributes: I) -> Self {
        let mut all = Self::with_room();
        attributes.into_iter().for_each(|attribute| all.set(attribute));
        all
    }
}

/// An opened object.
pub(crate) struct Object {
    /// Its identity.
    pub(crate) id: ObjectId,
    /// Counts its changes, from 1.
    pub(crate) version: u64,
    /// CKA_TOKEN.
    pub(crate) token: bool,
    /// CKA_PRIVATE.
    pub(crate) private: bool,
    /// CKA_CLASS.
    pub(crate) class: u64,
    /// CKA_KEY_TYPE; 0 for what is no key.
    pub(crate) key_type: u64,
    /// Whether its uses are counted: it has CKA_USAGE_LIMIT.
    pub(crate) limited: bool,
    /// Whether the time makes a difference to its use: it has dates, or the use changes it.
    pub(crate) timed: bool,
    /// All attributes.
    pub(crate) attributes: Attributes,
    /// The key as the primitives want it, made on first use; apart, since much is no key, or is never used.
    material: OnceLock<Box<std::result::Result<KeyMaterial, Error>>>,
}

impl Object {
    /// An object of these attributes.
    pub(crate) fn new(id: ObjectId, version: u64, attributes: Attributes) -> Self {
        Self::of_key(id, version, attributes, None)
    }

    /// The same, with its key if whoever makes it has it.
    pub(crate) fn of_key(
        id: ObjectId,
        version: u64,
        attributes: Attributes,
        key: Option<KeyMaterial>,
    ) -> Self {
        let class = attributes.ulong(CKA_CLASS).unwrap_or(u64::MAX);
        let limited = attributes.get(CKA_USAGE_LIMIT).is_some();
        let is_day = |kind| attributes.bytes(kind).is_some_and(|day| !day.is_empty());
        Self {
            id,
            version,
            token: attributes.flag(CKA_TOKEN),
            private: attributes.flag(CKA_PRIVATE),
            class,
            key_type: attributes.ulong(CKA_KEY_TYPE).unwrap_or(0),
            limited,
            timed: limited
                || class == CKO_OTP_KEY
                || is_day(CKA_START_DATE)
                || is_day(CKA_END_DATE),
            attributes,
            material: key.map_or_else(OnceLock::new, |key| OnceLock::from(Box::new(Ok(key)))),
        }
    }

    /// The key as the primitives want it.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED for what is no key after all.
    pub(crate) fn material(&self) -> Result<&KeyMaterial> {
        self.material
            .get_or_init(|| {
                // Whoever made the object had its values checked; a refusal now is no caller's fault.
                let key = KeyMaterial::from_attributes(&self.attributes);
                Box::new(
                    key.map_err(|error| Error::new(CKR_FUNCTION_FAILED, error.rule().to_owned())),
                )
            })
            .as_ref()
            .as_ref()
            .map_err(Error::clone)
    }

    /// Whether the key was made already: it will be used, or was costly.
    pub(crate) fn has_material(&self) -> bool {
        self.material.get().is_some()
    }

    /// Whether all of a search template's attributes are equal. Attributes that are not shown match
    /// nothing: a search must not be a way to guess a key.
    pub(crate) fn matches(&self, template: &Template) -> bool {
        template.0.iter().all(|wanted| {
            implied::value(self, wanted.kind).as_deref() == Some(&wanted.value)
                && !crate::attributes::is_hidden(self, wanted.kind)
        })
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({}, version {}, {:?})", self.id, self.version, self.attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Shape;

    #[test]
    fn defaults_come_in_their_order_and_replace_nothing() {
        let rules = || Rule::with_default(Shape::Secret);
        let kinds: Vec<_> = rules().map(|rule| rule.kind).collect();
        let (first, last) = (kinds[0], kinds[kinds.len() - 1]);
        for own in [&[][..], &[0], &[first], &[first, kinds[3], kinds[4]], &[last], &[last + 1]] {
            let mut all: Attributes = own.iter().map(|&kind| Attribute::ulong(kind, 7)).collect();
            let mut expected = all.clone();
            kinds.iter().for_each(|&kind| expected.set_default(Attribute::bool(kind, true)));
            all.set_defaults(rules(), |_| AttributeValue::Bool(true));
            assert_eq!(all, expected, "{own:?}");
            assert_eq!(all.0.capacity(), all.len(), "{own:?}");
        }
    }
}
