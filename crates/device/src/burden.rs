//! A request to a device with a trouble: how long it waits, and what it is refused with.

use std::time::Duration;

use hsmsim_network::{LinkRefused, race};
use hsmsim_partition::api::Request;
use hsmsim_types::{Error, Result, ck::*, error::fail};

use crate::{
    Device,
    trouble::{Room, Trouble, is_cryptographic},
    trust::{Seat, Uncut, Wire},
};

/// A trouble, and whose request meets it.
pub(crate) struct Burden<'a> {
    pub(crate) device: &'a Device,
    pub(crate) trouble: &'a Trouble,
    pub(crate) seat: &'a Seat,
}

impl Burden<'_> {
    /// Waits as long as the device takes for a request beside its work.
    pub(crate) async fn wait(
        &self,
        request: &Request,
        wire: &Wire,
        begin: Uncut,
    ) -> std::result::Result<(), LinkRefused> {
        let cryptographic = is_cryptographic(request);
        if self.trouble.audit_full && cryptographic {
            race(self.device.troubles.audit_has_room(), wire.cut_since(begin)).await;
            self.device.admit_to(self.seat, wire, begin).await?;
        }
        if !self.trouble.extra_service.is_zero() {
            wire.clock.sleep(self.trouble.extra_service).await;
        }
        if let Some(per_second) = self.trouble.per_second.filter(|_| cryptographic) {
            let now_ns = wire.clock.unix_now();
            let finish_ns = (self.device.shared.reserve)(now_ns, 1_000_000_000 / per_second.max(1));
            wire.clock.sleep(Duration::from_nanos(finish_ns.saturating_sub(now_ns))).await;
        }
        Ok(())
    }

    /// What the request is refused with, if it is.
    pub(crate) fn refusal(&self, request: &Request) -> Option<Error> {
        let troubles = &self.device.troubles;
        troubles
            .refusal(self.trouble, self.seat.partition, request)
            .or_else(|| self.check_room(request).err())
    }

    /// Whether there is room for what a request makes.
    fn check_room(&self, request: &Request) -> Result<()> {
        if self.trouble.rooms.is_empty() {
            return Ok(());
        }
        let more = self.objects_made(request)?;
        if more == 0 {
            return Ok(());
        }
        let partitions = self.device.partitions();
        let own = &partitions[self.seat.partition];
        for room in &self.trouble.rooms {
            match *room {
                Room::Device(max) => {
                    let mut held = 0;
                    for partition in partitions {
                        held += partition.store().count()?;
                    }
                    if held + more > max {
                        return fail(CKR_DEVICE_MEMORY, "the device has no room for new objects");
                    }
                }
                Room::Partitions(scope, max) => {
                    let here = scope.covers_partition(self.seat.partition);
                    if here && own.store().count()? + more > max {
                        let vendor = own.personality().vendor_codes;
                        let rv =
                            if vendor { CKR_MAX_OBJECT_COUNT_EXCEEDED } else { CKR_DEVICE_MEMORY };
                        return fail(rv, format!("the partition has room for {max} objects"));
                    }
                }
            }
        }
        Ok(())
    }

    /// How many objects a request makes. A copy of what is there already takes no room.
    fn objects_made(&self, request: &Request) -> Result<u64> {
        Ok(match request {
            Request::GenerateKeyPair { .. } => 2,
            Request::Create { .. }
            | Request::Copy { .. }
            | Request::GenerateKey { .. }
            | Request::Unwrap { .. }
            | Request::Derive { .. }
            | Request::Encapsulate { .. }
            | Request::Decapsulate { .. } => 1,
            Request::CloneAsTarget { objects } => {
                let store = self.device.partitions()[self.seat.partition].store();
                let mut new = 0;
                for object in objects {
                    new += u64::from(store.load(&object.id)?.is_none());
                }
                new
            }
            _ => 0,
        })
    }
}
