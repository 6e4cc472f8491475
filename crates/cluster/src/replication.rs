//! Replication between devices: asynchronous members of a group are fed by the devices themselves.
//!
//! A change of a token object on any member leaves a row for every asynchronous member in the outbox
//! of the device that made it, in the same transaction. Nothing runs on a simulated device while no
//! process does, so rows are *carried* by whoever looks next: when each row left, what held it up and
//! when it arrived follows from the time of the row and from the history of power, faults and heals
//! ([`passage`]). The result is the same whether a process was running or not, and whichever process
//! carries the row.
//!
//! - A row leaves at once while its device serves, the link is open and the peer takes it; else when
//!   all three are so again, after a round trip for the new connection. Rows of one device for one
//!   peer leave in order.
//! - What did not arrive before its device was erased never will.
//! - A peer that is told twice, or by several devices, or too late, comes to the same state
//!   ([`hsmsim_store::outbox`]). So carrying needs no lock between processes: of two that carry the
//!   same row, one strikes it out and tells of it.
//! - Of an object that was changed in two places the state with more changes stands, of equally many
//!   the later; what was destroyed stays destroyed. Conflicts are recorded.

mod passage;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hsmsim_sim_config::{Group, Member, Replication, Topology};
use hsmsim_store::{
    Conflict,
    outbox::{Carried, Departure, Feed, Merged, News},
};
use hsmsim_types::{
    ObjectId, Result,
    ck::{CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY},
};
use parking_lot::Mutex;

use crate::{
    Cluster,
    replication::passage::{Fate, Passage},
};

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When it arrived: Unix time in nanoseconds.
    pub at_ns: u64,
    /// The group's label.
    pub group: String,
    /// The device that told.
    pub source: String,
    /// The device that was told.
    pub target: String,
    /// The object.
    pub object: ObjectId,
    /// What it came to.
    pub effect: Effect,
}

/// What a row came to at its peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The object is there, in the state that was told.
    Put,
    /// The object is gone.
    Removed,
    /// There was nothing to do: another device had told it before.
    Known,
    /// The object had been changed or destroyed there too.
    Conflict {
        /// The device whose state stands.
        stands: String,
    },
    /// It was lost, or the peer cannot take it; the reason in a sentence.
    Dropped(String),
}

/// Is told of every delivery that this process makes.
pub(crate) type Watcher = Box<dyn Fn(&Delivery) + Send + Sync>;

/// A partition of a device, both by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    device: usize,
    partition: u16,
}

/// A way from a member to an asynchronous one.
struct Channel {
    group: usize,
    source: Place,
    target: Place,
    // Lock: look-ups and changes only, by whoever carries; never across an await.
    pending: Mutex<Option<Pending>>,
}

/// What the last look has found of the oldest row of a channel, which was under way: most looks are about
/// another channel.
struct Pending {
    /// The row's number and time.
    row: (u64, u64),
    /// The generation of the fault table that it was found by.
    faults: u64,
    /// When it stands (Unix time in ns).
    stands_ns: Range<u64>,
    /// When the row arrives, if that can be told.
    next: Option<u64>,
}

impl Channel {
    /// What is left, if the last look still tells.
    fn as_last_seen(&self, row: (u64, u64), faults: u64, now_ns: u64) -> Option<Left> {
        let pending = self.pending.lock();
        let pending = pending.as_ref()?;
        let stands = pending.row == row && pending.faults == faults;
        (stands && pending.stands_ns.contains(&now_ns)).then_some(Left::Until(pending.next))
    }

    /// The row is under way, as the passage has just told.
    fn is_under_way(
        &self,
        row: (u64, u64),
        next: Option<u64>,
        faults: u64,
        passage: &Passage<'_>,
        now_ns: u64,
    ) -> Left {
        // While the table is being changed, an answer may be about the one before or the one after.
        let stands_ns = now_ns..passage.stands_until_ns();
        let pending = Pending { row, faults, stands_ns, next };
        *self.pending.lock() = faults.is_multiple_of(2).then_some(pending);
        Left::Until(next)
    }
}

/// The ways between devices, and what this process knows of what is on them.
pub(crate) struct Replicator {
    /// By source and name of the peer.
    channels: HashMap<(Place, String), Channel>,
    /// When the next row arrives (Unix time in ns); `u64::MAX`: none can be told.
    next_ns: AtomicU64,
    /// Whether rows were left at the last look.
    behind: AtomicBool,
    /// The generations of outboxes and of faults at the last look.
    seen: (AtomicU64, AtomicU64),
    // Lock: one thread carries at a time; never across an await.
    carrying: Mutex<()>,
    watcher: OnceLock<Watcher>,
    /// Loses every other row; for tests of those who should notice.
    loses_rows: AtomicBool,
}

/// Rows carried in one transaction, at first and at most.
const FIRST_BATCH: usize = 16;
const BATCH: usize = 256;

impl Replicator {
    pub(crate) fn of(topology: &Topology) -> Self {
        let mut channels = HashMap::new();
        for (group, members) in topology.groups.iter().map(|group| &group.members).enumerate() {
            for source in members {
                for target in peers(members, source) {
                    let (source, peer) = (place(topology, source), name(target));
                    let target = place(topology, target);
                    let pending = Mutex::new(None);
                    channels.insert((source, peer), Channel { group, source, target, pending });
                }
            }
        }
        Self {
            channels,
            next_ns: AtomicU64::new(u64::MAX),
            behind: AtomicBool::new(false),
            // Generations that nothing has: the first look always looks.
            seen: (AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)),
            carrying: Mutex::new(()),
            watcher: OnceLock::new(),
            loses_rows: AtomicBool::new(false),
        }
    }
}

/// The members that the devices feed when `source` has changed.
fn peers<'a>(members: &'a [Member], source: &'a Member) -> impl Iterator<Item = &'a Member> {
    members.iter().filter(move |peer| peer.replication == Replication::Async && *peer != source)
}

/// A peer's name in outboxes.
fn name(member: &Member) -> String {
    format!("{}/{}", member.device, member.partition)
}

fn place(topology: &Topology, member: &Member) -> Place {
    let device = topology.device_index(&member.device).unwrap_or_default();
    Place { device, partition: member.partition.into() }
}

impl Cluster {
    /// Has every member of a group with asynchronous members leave rows for them.
    pub(crate) fn begin_feeding(&self) {
        let groups = &self.topology().groups;
        for members in groups.iter().map(|group| &group.members) {
            if !members.iter().any(|member| member.replication == Replication::Async) {
                continue;
            }
            for member in members {
                let Place { device, partition } = place(self.topology(), member);
                let clock = self.clock().clone();
                let peers = peers(members, member).map(name).collect();
                let feed = Feed { peers, now: Box::new(move || clock.unix_now()) };
                self.device(device).store().feed(partition, feed);
            }
        }
    }

    /// Whether any group has members that the devices feed.
    pub fn replicates(&self) -> bool {
        !self.replicator.channels.is_empty()
    }

    /// Whether a row may have arrived that nobody has carried yet. A few atomic loads.
    pub fn arrivals_are_due(&self) -> bool {
        let replicator = &self.replicator;
        let (outboxes, faults) = &replicator.seen;
        self.replicates()
            && (self.generations()
                != (outboxes.load(Ordering::Acquire), faults.load(Ordering::Acquire))
                || self.next_arrival_ns().is_some_and(|at| self.clock().unix_now() >= at))
    }

    /// Whether rows were on their way when this process last looked.
    pub fn is_behind(&self) -> bool {
        self.replicator.behind.load(Ordering::Acquire)
    }

    /// When the next row arrives, as far as can be told; Unix time in ns.
    pub fn next_arrival_ns(&self) -> Option<u64> {
        Some(self.replicator.next_ns.load(Ordering::Acquire)).filter(|&at| at != u64::MAX)
    }

    /// Has `watcher` told of every delivery that this process makes. The first one given stays.
    pub fn watch_deliveries(&self, watcher: Box<dyn Fn(&Delivery) + Send + Sync>) {
        let _ = self.replicator.watcher.set(watcher);
    }

    /// Loses every other row from now on: a bug for tests of those who should notice.
    #[doc(hidden)]
    pub fn lose_rows(&self) {
        self.replicator.loses_rows.store(true, Ordering::Release);
    }

    fn generations(&self) -> (u64, u64) {
        (self.page().outbox_generation(), self.page().fault_generation())
    }

    /// Carries every row that has arrived by now. Costs a few atomic loads if there can be none.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR or CKR_DEVICE_MEMORY when a store cannot be read or written; what was not
    /// carried is carried by the next look.
    pub fn deliver(&self) -> Result<()> {
        if !self.arrivals_are_due() {
            return Ok(());
        }
        let replicator = &self.replicator;
        let carrying = replicator.carrying.lock();
        if !self.arrivals_are_due() {
            return Ok(());
        }
        let (outboxes, faults) = self.generations();
        let now_ns = self.clock().unix_now();
        let mut deliveries = Vec::new();
        let (mut next_ns, mut behind) = (u64::MAX, false);
        for (device, source) in self.devices().iter().enumerate() {
            for (partition, peer) in source.store().waiting()? {
                let key = (Place { device, partition }, peer);
                match replicator.channels.get(&key) {
                    Some(channel) => {
                        if let Left::Until(next) =
                            self.carry(channel, &key.1, (now_ns, faults), &mut deliveries)?
                        {
                            behind = true;
                            next_ns = next_ns.min(next.unwrap_or(u64::MAX));
                        }
                    }
                    None => self.forget(key.0, &key.1)?,
                }
            }
        }
        replicator.next_ns.store(next_ns, Ordering::Release);
        replicator.behind.store(behind, Ordering::Release);
        replicator.seen.0.store(outboxes, Ordering::Release);
        replicator.seen.1.store(faults, Ordering::Release);
        drop(carrying);
        deliveries.sort_by_key(|delivery| delivery.at_ns);
        deliveries.iter().try_for_each(|delivery| self.tell(delivery))
    }

    /// Carries the rows of one channel that have arrived by now. `generation`: of the fault table, as it
    /// was before this.
    fn carry(
        &self,
        channel: &Channel,
        peer: &str,
        (now_ns, generation): (u64, u64),
        deliveries: &mut Vec<Delivery>,
    ) -> Result<Left> {
        let store = self.device(channel.source.device).store();
        let partition = channel.source.partition;
        let Some(mut oldest) = store.oldest(partition, peer)? else { return Ok(Left::Nothing) };
        if let Some(left) = channel.as_last_seen(oldest, generation, now_ns) {
            return Ok(left);
        }
        let faults = self.fault_history();
        let scaled = |duration: Duration| self.scaled(duration);
        let devices = (channel.source.device, channel.target.device);
        let carried = store.carried(partition, peer)?;
        let mut passage = Passage::new(self.topology(), &faults, &scaled, devices, carried);
        let mut batch = FIRST_BATCH;
        loop {
            // Rows are read only if one has arrived: a long queue may be held up for long.
            let (seq, at_ns) = oldest;
            let first = passage.fate(at_ns, seq, now_ns);
            if let Fate::UnderWay(next) = first {
                return Ok(channel.is_under_way(oldest, next, generation, &passage, now_ns));
            }
            let rows = store.departures(partition, peer, batch)?;
            let mut arrived = Vec::with_capacity(rows.len());
            let mut left = Left::Nothing;
            for row in &rows {
                // If the first is gone, somebody else has carried it meanwhile, to the same effect.
                let fate = match row.seq == seq {
                    true => first,
                    false => passage.fate(row.at_ns, row.seq, now_ns),
                };
                match fate {
                    Fate::Arrived(at_ns) => arrived.push(Arrival { row, at_ns, lost: false }),
                    Fate::Lost(at_ns) => arrived.push(Arrival { row, at_ns, lost: true }),
                    Fate::UnderWay(next) => {
                        let row = (row.seq, row.at_ns);
                        left = channel.is_under_way(row, next, generation, &passage, now_ns);
                        break;
                    }
                }
            }
            let carried = passage.carried();
            let taken = self.take_in(channel, &arrived, now_ns)?;
            if taken.len() < arrived.len() {
                left = Left::Until(None);
            }
            let numbers: Vec<u64> =
                arrived.iter().take(taken.len()).map(|arrival| arrival.row.seq).collect();
            let struck = store.strike_out(partition, peer, &numbers, carried)?;
            for (arrival, effect) in arrived.iter().zip(taken) {
                if struck.contains(&arrival.row.seq) {
                    deliveries.push(self.delivery(channel, arrival, effect));
                }
            }
            if left != Left::Nothing || rows.len() < batch {
                return Ok(left);
            }
            match store.oldest(partition, peer)? {
                Some(next) => oldest = next,
                None => return Ok(Left::Nothing),
            }
            batch = (2 * batch).min(BATCH);
        }
    }

    /// Takes what arrived into the peer, in order, until it has no room. Gives what became of each.
    fn take_in(
        &self,
        channel: &Channel,
        arrived: &[Arrival<'_>],
        now_ns: u64,
    ) -> Result<Vec<Effect>> {
        let target = self.device(channel.target.device);
        let partition = channel.target.partition;
        let mut room = target.partitions()[usize::from(partition)].room()?;
        let mut effects = Vec::with_capacity(arrived.len());
        let mut news = Vec::with_capacity(arrived.len());
        for Arrival { row, lost, .. } in arrived {
            if *lost || (self.replicator.loses_rows.load(Ordering::Acquire) && row.seq % 2 == 0) {
                effects.push(Some(Effect::Dropped("lost on its way".to_owned())));
                continue;
            }
            match self.as_received(channel, &row.news) {
                Ok(received) => {
                    if let News::Put(object) = &received
                        && !room.take(object)
                    {
                        break;
                    }
                    effects.push(None);
                    news.push(received);
                }
                Err(error) if error.rv() == CKR_DEVICE_ERROR => return Err(error),
                Err(error) => effects.push(Some(Effect::Dropped(error.rule().to_owned()))),
            }
        }
        let mut merged = match target.store().merge(partition, &news, now_ns) {
            Ok(merged) => merged.into_iter(),
            // The disk is full: what was sent waits.
            Err(error) if error.rv() == CKR_DEVICE_MEMORY => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let effect = |(effect, arrival): (Option<Effect>, &Arrival<'_>)| {
            let mut merged = || merged.next().unwrap_or(Merged::Known);
            effect.unwrap_or_else(|| self.effect(channel, &arrival.row.news, merged()))
        };
        Ok(effects.into_iter().zip(arrived).map(effect).collect())
    }

    /// News as the peer keeps them: what is public is sealed anew under its own key.
    fn as_received(&self, channel: &Channel, news: &News) -> Result<News> {
        let News::Put(object) = news else { return Ok(news.clone()) };
        let partition =
            |place: Place| &self.device(place.device).partitions()[usize::from(place.partition)];
        let (source, target) = (partition(channel.source), partition(channel.target));
        let sealed = source.outgoing(object.clone(), source.domain()?)?;
        Ok(News::Put(target.incoming(sealed)?))
    }

    fn effect(&self, channel: &Channel, news: &News, merged: Merged) -> Effect {
        match (merged, news) {
            (Merged::Applied, News::Put(_)) => Effect::Put,
            (Merged::Applied, News::Removed { .. }) => Effect::Removed,
            (Merged::Known, _) => Effect::Known,
            (Merged::Conflict { arrival_stands }, _) => {
                let stands = if arrival_stands { channel.source } else { channel.target };
                Effect::Conflict { stands: self.device(stands.device).id().to_owned() }
            }
        }
    }

    fn delivery(&self, channel: &Channel, arrival: &Arrival<'_>, effect: Effect) -> Delivery {
        let device = |place: Place| self.device(place.device).id().to_owned();
        Delivery {
            at_ns: arrival.at_ns,
            group: self.topology().groups[channel.group].label.clone(),
            source: device(channel.source),
            target: device(channel.target),
            object: arrival.row.news.object(),
            effect,
        }
    }

    /// Rows for a peer that the topology does not have any more.
    fn forget(&self, source: Place, peer: &str) -> Result<()> {
        let store = self.device(source.device).store();
        let rows = store.departures(source.partition, peer, BATCH)?;
        tracing::warn!(
            source = self.device(source.device).id(),
            peer,
            rows = rows.len(),
            "the topology has no such asynchronous member any more: what it was to be told is dropped"
        );
        let numbers: Vec<u64> = rows.iter().map(|row| row.seq).collect();
        store.strike_out(source.partition, peer, &numbers, Carried::default()).map(drop)
    }

    /// Logs and records a delivery, and tells the watcher.
    fn tell(&self, delivery: &Delivery) -> Result<()> {
        let Delivery { at_ns, group, source, target, object, effect } = delivery;
        match effect {
            Effect::Conflict { stands } => {
                let yields = if stands == source { target } else { source };
                tracing::warn!(%group, %object, %stands, %yields,
                    "changed in two places: the state with more changes stands, or the later one");
                self.ledger().add_conflict(&Conflict {
                    object: *object,
                    group: group.clone(),
                    stands: stands.clone(),
                    yields: yields.clone(),
                    at_ns: *at_ns,
                })?;
            }
            Effect::Dropped(why) => {
                tracing::warn!(%group, %object, %source, %target, %why, "not replicated");
            }
            Effect::Put | Effect::Removed | Effect::Known => {}
        }
        if let Some(watcher) = self.replicator.watcher.get() {
            watcher(delivery);
        }
        Ok(())
    }

    /// How far an asynchronous member is behind: the most changes that one of the others has for it,
    /// and the time of the oldest (Unix time in ns).
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when a store cannot be read.
    pub fn backlog(&self, group: &Group, member: &Member) -> Result<(u64, Option<u64>)> {
        self.deliver()?;
        let (mut most, mut oldest) = (0, None::<u64>);
        for source in group.members.iter().filter(|source| *source != member) {
            let Place { device, partition } = place(self.topology(), source);
            let (rows, since) = self.device(device).store().backlog(partition, &name(member))?;
            most = most.max(rows);
            oldest = oldest.into_iter().chain(since).min();
        }
        Ok((most, oldest))
    }
}

/// What is left of a channel's rows after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    /// The next row arrives then, if that can be told.
    Until(Option<u64>),
}

/// A row whose fate is known.
struct Arrival<'a> {
    row: &'a Departure,
    at_ns: u64,
    lost: bool,
}
