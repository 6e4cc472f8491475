//! What Luna's own functions ask beside the HA state: identities of objects, firmware, the server
//! behind a slot, a fresh start.

use hsmsim_partition::api::{Reply, Request};
use hsmsim_types::{ObjectHandle, ObjectId, Result, SlotId, Template, ck::*, error::fail};

use crate::{Client, operations::unexpected};

/// Bytes of an OUID in Luna's functions: the first of an object's identity here, which has more.
pub const UID_BYTES: usize = 12;

/// An object's identity as Luna's functions have it.
pub type Uid = [u8; UID_BYTES];

impl Client {
    /// CA_GetObjectUID: the identity of an object, the same on every member.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; CKR_OBJECT_HANDLE_INVALID if the application sees no such object;
    /// CKR_TOKEN_NOT_PRESENT if no member is left.
    pub async fn object_uid(&self, slot: SlotId, handle: ObjectHandle) -> Result<Uid> {
        let group = self.group(slot)?;
        let object = self.object(group, handle)?;
        // Another process may have destroyed it.
        self.ask_primary(group, true, Request::Size { object }).await?;
        Ok(uid(object))
    }

    /// CA_GetObjectHandle: the object that has this identity.
    ///
    /// # Errors
    /// As [`Client::object_uid`].
    pub async fn object_of_uid(&self, slot: SlotId, wanted: Uid) -> Result<ObjectHandle> {
        let group = self.group(slot)?;
        let all = Request::Find { template: Template::default() };
        let objects = match self.ask_primary(group, true, all).await? {
            Reply::Found(objects) => objects,
            other => return Err(unexpected(&other)),
        };
        match objects.into_iter().find(|object| uid(*object) == wanted) {
            Some(object) => Ok(self.handles.handle(group.index, object)),
            None => fail(CKR_OBJECT_HANDLE_INVALID, "no object has this OUID"),
        }
    }

    /// CA_GetFirmwareVersion: major, minor and subminor.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn firmware(&self, slot: SlotId) -> Result<[u8; 3]> {
        self.group(slot)?;
        let strings = &self.profile.strings;
        let version = strings.firmware_version;
        Ok([version.major, version.minor, strings.firmware_subminor])
    }

    /// CA_GetServerInstanceBySlotID: the place of the slot's appliance among the topology's.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID; CKR_FUNCTION_NOT_SUPPORTED on a group, which has no server of its own.
    pub fn server_instance(&self, slot: SlotId) -> Result<usize> {
        let group = self.group(slot)?;
        match group.members.as_slice() {
            [member] => Ok(member.address.device),
            _ => fail(CKR_FUNCTION_NOT_SUPPORTED, "the slot is a group of several appliances"),
        }
    }
}

fn uid(object: ObjectId) -> Uid {
    let mut uid = [0; UID_BYTES];
    uid.copy_from_slice(&object.0[..UID_BYTES]);
    uid
}
