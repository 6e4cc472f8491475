//! The room of a partition: how many objects, and how many bytes.
//!
//! What an object costs a real device is not published, but how many fit is: about 19,000 pairs of RSA-2048
//! or 91,000 of P-256 in the 33,544,784 bytes of an A790. [`cost`] is the line through these two, over the
//! bytes that an object takes here: 1,755 and 365 bytes a pair.

use hsmsim_types::{Result, ck::*, error::fail};

use crate::{
    partition::Partition,
    port::{Change, StoredObject},
};

/// What objects whose bodies have so many bytes in all cost of a partition's storage.
pub(crate) fn cost(objects: u64, bytes: u64) -> u64 {
    (bytes * 5 / 6).saturating_sub(objects * 124)
}

/// By how much a partition would grow.
#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    objects: u64,
    /// Of bodies that come, and of those that they replace.
    bytes: u64,
    replaced: u64,
}

impl Growth {
    fn put(&mut self, new: &StoredObject, held: Option<&StoredObject>) {
        match held {
            Some(held) if held.version >= new.version => {}
            Some(held) => {
                self.bytes += new.body.len() as u64;
                self.replaced += held.body.len() as u64;
            }
            None => {
                self.objects += 1;
                self.bytes += new.body.len() as u64;
            }
        }
    }
}

impl Partition {
    /// Whether there is room for what changes bring. What is there already, or makes itself smaller,
    /// always fits.
    ///
    /// # Errors
    /// CKR_DEVICE_MEMORY; CKR_MAX_OBJECT_COUNT_EXCEEDED and CKR_CONTAINER_OBJECT_STORAGE_FULL (Luna);
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub(crate) fn check_room(&self, changes: &[Change]) -> Result<()> {
        let rules = self.personality();
        let (objects_max, storage) = (rules.objects_max, rules.storage_bytes);
        if objects_max.is_none() && storage.is_none() {
            return Ok(());
        }
        let mut growth = Growth::default();
        for change in changes {
            match change {
                Change::Put(new) | Change::Update { object: new, .. } => {
                    growth.put(new, self.store().load(&new.id)?.as_ref());
                }
                Change::Remove(_) => {}
            }
        }
        let refuse =
            |luna, text| fail(if rules.vendor_codes { luna } else { CKR_DEVICE_MEMORY }, text);
        let objects = self.store().count()? + growth.objects;
        if let Some(max) = objects_max.filter(|&max| growth.objects > 0 && objects > max) {
            return refuse(
                CKR_MAX_OBJECT_COUNT_EXCEEDED,
                format!("the partition holds at most {max} token objects"),
            );
        }
        let Some(storage) = storage.filter(|_| growth.bytes > growth.replaced) else {
            return Ok(());
        };
        let bytes = self.store().bytes()? + growth.bytes - growth.replaced;
        if cost(objects, bytes) <= storage {
            return Ok(());
        }
        refuse(
            CKR_CONTAINER_OBJECT_STORAGE_FULL,
            format!("the partition's {storage} bytes are used up"),
        )
    }

    /// What it still takes.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn room(&self) -> Result<Room> {
        let objects = match self.personality().objects_max {
            Some(max) => max.saturating_sub(self.store().count()?),
            None => u64::MAX,
        };
        let storage = self.storage()?.map_or(u64::MAX, |(_, free)| free);
        Ok(Room { objects, storage })
    }

    /// The partition's storage in bytes, and how many of them are free; `None` where it has no limit.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub(crate) fn storage(&self) -> Result<Option<(u64, u64)>> {
        let Some(total) = self.personality().storage_bytes else { return Ok(None) };
        let used = cost(self.store().count()?, self.store().bytes()?);
        Ok(Some((total, total.saturating_sub(used))))
    }
}

/// What a partition still takes, for whoever brings it many objects at a time.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    objects: u64,
    storage: u64,
}

impl Room {
    /// Takes room for an object; `false` if there is none.
    pub fn take(&mut self, object: &StoredObject) -> bool {
        let cost = cost(1, object.body.len() as u64);
        let fits = self.objects > 0 && cost <= self.storage;
        if fits {
            self.objects -= 1;
            self.storage -= cost;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_a790_holds_as_many_pairs_as_published() {
        // Two bodies of a pair here, with a short label and CKA_ID.
        let pairs = |bytes| 33_544_784 / cost(2, bytes);
        assert!((18_500..19_500).contains(&pairs(2404)), "RSA-2048: {}", pairs(2404));
        assert!((89_000..93_000).contains(&pairs(736)), "P-256: {}", pairs(736));
    }
}
