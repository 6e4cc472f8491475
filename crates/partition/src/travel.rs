//! Token objects on their way between partitions of one cloning domain: through a client that copies
//! them, or from one device to the peers it feeds.
//!
//! Private objects travel as the domain's key sealed them, and no partition needs a login to send or
//! to take them. Public objects are opened under the device key of the source and sealed anew under
//! that of the target.

use hsmsim_types::{Error, Result, SecretBytes, ck::*, error::fail};

use crate::{
    Partition,
    api::SealedObject,
    object::{Object, codec, sealing},
    port::{Body, StoredObject},
};

impl Partition {
    /// The cloning domain of the partition's token.
    ///
    /// # Errors
    /// CKR_CLONING_PARAMETER_MISSING while it is blank; CKR_DEVICE_ERROR when the store cannot be read.
    pub fn domain(&self) -> Result<[u8; 16]> {
        match self.token_record()? {
            Some(record) => Ok(record.domain),
            None => fail(CKR_CLONING_PARAMETER_MISSING, "a blank partition has no cloning domain"),
        }
    }

    /// A token object of this partition, whose cloning domain is given, as it leaves.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR for one that does not open.
    pub fn outgoing(&self, stored: StoredObject, domain: [u8; 16]) -> Result<SealedObject> {
        let StoredObject { id, version, private, tags, body } = stored;
        let body = if private {
            body
        } else {
            let object = sealing::open(&id, version, (true, false), &body, self.device_key())?;
            Body::from(SecretBytes::from(codec::encode(&object.attributes)))
        };
        Ok(SealedObject { id, version, domain, token: true, private, tags, body })
    }

    /// A token object of the same domain as this partition keeps it.
    ///
    /// # Errors
    /// CKR_FAILED_TO_CLONE_AN_OBJECT for a public one that is damaged.
    pub fn incoming(&self, sealed: SealedObject) -> Result<StoredObject> {
        if !sealed.private {
            return sealing::stored(&opened_public(&sealed)?, self.device_key(), self.draw()?);
        }
        let SealedObject { id, version, private, tags, body, .. } = sealed;
        Ok(StoredObject { id, version, private, tags, body })
    }
}

/// # Errors
/// CKR_FAILED_TO_CLONE_AN_OBJECT for an object of another domain.
pub(crate) fn check_domain(sealed: &SealedObject, domain: [u8; 16]) -> Result<()> {
    if sealed.domain == domain {
        return Ok(());
    }
    fail(CKR_FAILED_TO_CLONE_AN_OBJECT, "the object was sealed under another cloning domain")
}

/// A public object that travels.
///
/// # Errors
/// CKR_FAILED_TO_CLONE_AN_OBJECT if it is damaged.
pub(crate) fn opened_public(sealed: &SealedObject) -> Result<Object> {
    sealing::from_plain(&sealed.id, sealed.version, (sealed.token, false), &sealed.body)
        .map_err(|_| does_not_open(sealed))
}

pub(crate) fn does_not_open(sealed: &SealedObject) -> Error {
    Error::new(
        CKR_FAILED_TO_CLONE_AN_OBJECT,
        format!("object {} does not open under this cloning domain", sealed.id),
    )
}
