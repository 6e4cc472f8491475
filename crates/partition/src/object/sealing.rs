//! How an object becomes sealed bytes and comes back: sealed under the domain's key if private, under
//! the device's if public. The identity, the version and the kind of object are authenticated with
//! the body, so that nobody can swap bodies in a store.

use hsmsim_crypto::seal::{NONCE_LEN, SealingKey};
use hsmsim_types::{Error, ObjectId, Result, SecretBytes, ck::*, error::fail};

use super::{Attributes, Object, codec};
use crate::{
    failure::{During, during},
    port::{Body, StoredObject, Tags},
};

/// What a body is bound to.
fn associated(id: &ObjectId, version: u64, token: bool, private: bool) -> [u8; 26] {
    let mut data = [0; 26];
    data[..16].copy_from_slice(&id.0);
    data[16..24].copy_from_slice(&version.to_be_bytes());
    data[24] = token.into();
    data[25] = private.into();
    data
}

/// The sealed attributes of an object, under a nonce that was drawn for this.
///
/// # Errors
/// None in practice.
pub(crate) fn seal(object: &Object, key: &SealingKey, nonce: [u8; NONCE_LEN]) -> Result<Body> {
    let data = associated(&object.id, object.version, object.token, object.private);
    let plain = codec::encode(&object.attributes);
    let sealed = key.seal_under(nonce, &data, &plain).map_err(during(During::Stored))?;
    Ok(Body::new(sealed))
}

/// The object behind sealed attributes.
///
/// # Errors
/// CKR_DEVICE_ERROR for what this key did not seal for this object.
pub(crate) fn open(
    id: &ObjectId,
    version: u64,
    (token, private): (bool, bool),
    body: &[u8],
    key: &SealingKey,
) -> Result<Object> {
    let plain = opened(id, version, (token, private), body, key)?;
    from_plain(id, version, (token, private), &plain)
}

/// The plain attributes behind sealed ones.
///
/// # Errors
/// CKR_DEVICE_ERROR for what this key did not seal for this object.
pub(crate) fn opened(
    id: &ObjectId,
    version: u64,
    (token, private): (bool, bool),
    body: &[u8],
    key: &SealingKey,
) -> Result<Body> {
    let data = associated(id, version, token, private);
    let plain = key.open(&data, body).map_err(|_| {
        Error::new(CKR_DEVICE_ERROR, format!("object {id} does not open: damaged, or of others"))
    })?;
    Ok(SecretBytes::from(plain).into())
}

/// Whether sealed attributes are of this object and under this key, without looking into them.
pub(crate) fn opens(
    id: &ObjectId,
    version: u64,
    (token, private): (bool, bool),
    body: &[u8],
    key: &SealingKey,
) -> bool {
    key.open(&associated(id, version, token, private), body).is_ok()
}

/// The object behind plain attributes.
///
/// # Errors
/// CKR_DEVICE_ERROR for damaged attributes, or those of another kind of object.
pub(crate) fn from_plain(
    id: &ObjectId,
    version: u64,
    (token, private): (bool, bool),
    plain: &[u8],
) -> Result<Object> {
    let object = Object::new(*id, version, codec::decode(plain)?);
    if object.token != token || object.private != private {
        return fail(CKR_DEVICE_ERROR, format!("object {id} is not of the kind it is kept as"));
    }
    Ok(object)
}

/// The object as the store keeps it.
///
/// # Errors
/// As [`seal`].
pub(crate) fn stored(
    object: &Object,
    key: &SealingKey,
    nonce: [u8; NONCE_LEN],
) -> Result<StoredObject> {
    Ok(StoredObject {
        id: object.id,
        version: object.version,
        private: object.private,
        tags: tags(&object.attributes, key),
        body: seal(object, key, nonce)?,
    })
}

/// What an object can be found by without being opened.
pub(crate) fn tags(attributes: &Attributes, key: &SealingKey) -> Tags {
    Tags {
        class: attributes.ulong(CKA_CLASS).unwrap_or(u64::MAX),
        label: attributes.bytes(CKA_LABEL).map(|label| label_tag(key, label)),
        id: attributes.bytes(CKA_ID).map(|id| id_tag(key, id)),
    }
}

/// Keyed hash of a CKA_LABEL.
pub(crate) fn label_tag(key: &SealingKey, label: &[u8]) -> [u8; 16] {
    key.tag(b"CKA_LABEL", label)
}

/// Keyed hash of a CKA_ID.
pub(crate) fn id_tag(key: &SealingKey, id: &[u8]) -> [u8; 16] {
    key.tag(b"CKA_ID", id)
}

#[cfg(test)]
mod tests {
    use hsmsim_types::Attribute;

    use super::*;

    fn object(id: u8, version: u64) -> Object {
        let attributes = [
            Attribute::ulong(CKA_CLASS, CKO_DATA),
            Attribute::bool(CKA_TOKEN, true),
            Attribute::bool(CKA_PRIVATE, true),
            Attribute::bytes(CKA_LABEL, "one"),
        ];
        Object::new(ObjectId([id; 16]), version, attributes.into_iter().collect())
    }

    #[test]
    fn a_body_opens_for_its_own_object_only() {
        let key = SealingKey::generate().unwrap();
        let one = object(1, 7);
        let body = seal(&one, &key, [1; NONCE_LEN]).unwrap();
        let opened = open(&one.id, 7, (true, true), &body, &key).unwrap();
        assert_eq!(opened.attributes, one.attributes);
        for (id, version, kind, key) in [
            (2, 7, (true, true), &key),
            (1, 8, (true, true), &key),
            (1, 7, (false, true), &key),
            (1, 7, (true, false), &key),
            (1, 7, (true, true), &SealingKey::generate().unwrap()),
        ] {
            let error = open(&ObjectId([id; 16]), version, kind, &body, key).unwrap_err();
            assert_eq!(error.rv(), CKR_DEVICE_ERROR);
        }
    }

    #[test]
    fn equal_labels_have_equal_tags_under_one_key_alone() {
        let (key, other) = (SealingKey::generate().unwrap(), SealingKey::generate().unwrap());
        let (one, two) = (object(1, 1), object(2, 1));
        assert_eq!(tags(&one.attributes, &key), tags(&two.attributes, &key));
        assert_ne!(tags(&one.attributes, &key).label, tags(&one.attributes, &other).label);
        assert_ne!(label_tag(&key, b"x"), id_tag(&key, b"x"));
    }
}
