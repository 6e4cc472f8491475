//! A device's outbox as those see it who carry its rows to other devices. See [`outbox`](crate::outbox).

use std::sync::{Arc, atomic::Ordering::SeqCst};

use hsmsim_types::Result;

use crate::{
    DeviceStore,
    database::Outcome,
    device_files as sql,
    device_store::Medium,
    generation::Bump,
    outbox::{Carried, Departure, Feed, Merged, News},
    outbox_files as outbox,
};

impl DeviceStore {
    /// From now on every change of a partition that this process makes leaves a row for each peer.
    ///
    /// # Panics
    /// Beyond [`DeviceStore::partitions`].
    pub fn feed(&self, partition: u16, feed: Feed) {
        *self.feeds[usize::from(partition)].write() = Some(Arc::new(feed));
    }

    pub(crate) fn feed_of(&self, partition: u16) -> Option<Arc<Feed>> {
        self.feeds[usize::from(partition)].read().clone()
    }

    /// Tells every process that there are new rows.
    pub(crate) fn rows_were_added(&self, feed: &Feed) {
        if !feed.peers.is_empty() {
            self.page.outbox_word().fetch_add(1, SeqCst);
        }
    }

    /// Which partitions have rows, and for which peers.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn waiting(&self) -> Result<Vec<(u16, String)>> {
        match &self.medium {
            Medium::File(file) => Ok(file.read(outbox::waiting)?.unwrap_or_default()),
            Medium::Memory(memory) => {
                let mut waiting = Vec::new();
                for (index, partition) in (0..).zip(&memory.partitions) {
                    let partition = partition.read();
                    waiting.extend(partition.waiting().map(|peer| (index, peer.clone())));
                }
                Ok(waiting)
            }
        }
    }

    /// Number and time of the oldest row of a partition for a peer.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn oldest(&self, partition: u16, peer: &str) -> Result<Option<(u64, u64)>> {
        match &self.medium {
            Medium::File(file) => {
                Ok(file.read(|db| outbox::oldest(db, partition, peer))?.flatten())
            }
            Medium::Memory(memory) => {
                Ok(memory.partitions[usize::from(partition)].read().oldest(peer))
            }
        }
    }

    /// Rows of a partition for a peer, oldest first, at most `limit`.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn departures(&self, partition: u16, peer: &str, limit: usize) -> Result<Vec<Departure>> {
        match &self.medium {
            Medium::File(file) => Ok(file
                .read(|db| outbox::departures(db, partition, peer, limit))?
                .unwrap_or_default()),
            Medium::Memory(memory) => {
                Ok(memory.partitions[usize::from(partition)].read().departures(peer, limit))
            }
        }
    }

    /// How many rows of a partition wait for a peer, and when the change behind the oldest was made.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn backlog(&self, partition: u16, peer: &str) -> Result<(u64, Option<u64>)> {
        match &self.medium {
            Medium::File(file) => {
                Ok(file.read(|db| outbox::backlog(db, partition, peer))?.unwrap_or_default())
            }
            Medium::Memory(memory) => {
                Ok(memory.partitions[usize::from(partition)].read().backlog(peer))
            }
        }
    }

    /// Takes news from another device into a partition, durably and all at once, and says what became
    /// of each. Nobody is told on: whoever made a change tells all peers itself.
    ///
    /// # Errors
    /// CKR_DEVICE_MEMORY, CKR_DEVICE_ERROR; then nothing was changed.
    pub fn merge(&self, partition: u16, news: &[News], now_ns: u64) -> Result<Vec<Merged>> {
        let words = [self.word(partition)];
        match &self.medium {
            Medium::File(file) => file.write(&words, |db| {
                let merged = sql::merge(db, partition, news, now_ns)?;
                let any = merged.iter().any(|merged| merged.arrival_stands());
                Ok(if any { Outcome::Changed(merged) } else { Outcome::Unchanged(merged) })
            }),
            Medium::Memory(memory) => {
                let _turn = memory.turn()?;
                let mut partition = memory.partitions[usize::from(partition)].write();
                let _bump = Bump::begin(&words);
                Ok(news.iter().map(|news| partition.merge(news)).collect())
            }
        }
    }

    /// How far a partition's rows for a peer have been carried.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be read.
    pub fn carried(&self, partition: u16, peer: &str) -> Result<Carried> {
        match &self.medium {
            Medium::File(file) => {
                Ok(file.read(|db| outbox::carried(db, partition, peer))?.unwrap_or_default())
            }
            Medium::Memory(memory) => {
                Ok(memory.partitions[usize::from(partition)].read().carried(peer))
            }
        }
    }

    /// Strikes out a peer's rows that have arrived or never will, and notes how far it has come; gives
    /// the numbers of those that were still there: of several who do this at once, one is given each.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the store cannot be written.
    pub fn strike_out(
        &self,
        partition: u16,
        peer: &str,
        rows: &[u64],
        carried: Carried,
    ) -> Result<Vec<u64>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match &self.medium {
            Medium::File(file) => file.write(&[], |db| {
                let struck = outbox::strike_out(db, rows)?;
                outbox::carry(db, partition, peer, carried)?;
                let any = !struck.is_empty();
                Ok(if any { Outcome::Changed(struck) } else { Outcome::Unchanged(struck) })
            }),
            Medium::Memory(memory) => {
                let _turn = memory.turn()?;
                let mut partition = memory.partitions[usize::from(partition)].write();
                Ok(partition.strike_out(peer, rows, carried))
            }
        }
    }
}
