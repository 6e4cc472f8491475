//! One device's objects in memory: what the files do, for one process and without durability.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    mem,
    sync::{Arc, OnceLock},
};

use hsmsim_partition::port::{Change, Filter, StoredObject, TagFilter, Tags, TokenUpdate};
use hsmsim_types::{ObjectId, Result};

use crate::{
    device_files::update_came_late,
    outbox::{self, Carried, Departure, Feed, Merged, News},
};

/// Numbers of objects by a class or the beginning of a keyed hash: pairs of both. What is found has to be
/// compared with the whole.
///
/// Made at the first search that needs it, and kept up to date from then on: most members of a cluster
/// never search.
#[derive(Default)]
struct Index(OnceLock<BTreeSet<(u64, u64)>>);

impl Index {
    fn insert(&mut self, key: Option<u64>, seq: u64) {
        if let (Some(set), Some(key)) = (self.0.get_mut(), key) {
            set.insert((key, seq));
        }
    }

    fn remove(&mut self, key: Option<u64>, seq: u64) {
        if let (Some(set), Some(key)) = (self.0.get_mut(), key) {
            set.remove(&(key, seq));
        }
    }

    /// In order of creation; `key_of` is what an object stands under.
    fn of(
        &self,
        key: u64,
        objects: &BTreeMap<u64, Box<StoredObject>>,
        key_of: fn(&Tags) -> Option<u64>,
    ) -> impl Iterator<Item = &u64> {
        let all = || {
            let keyed = objects.iter().map(|(seq, object)| (key_of(&object.tags), *seq));
            keyed.filter_map(|(key, seq)| Some((key?, seq))).collect()
        };
        self.0.get_or_init(all).range((key, 0)..=(key, u64::MAX)).map(|(_, seq)| seq)
    }
}

/// What an object stands under in the index by class.
fn class_of(tags: &Tags) -> Option<u64> {
    Some(tags.class)
}

/// What it stands under in the index by CKA_LABEL.
fn label_of(tags: &Tags) -> Option<u64> {
    tags.label.map(beginning)
}

/// What it stands under in the index by CKA_ID.
fn id_of(tags: &Tags) -> Option<u64> {
    tags.id.map(beginning)
}

/// A hash, as [`Index`] has it.
fn beginning(tag: [u8; 16]) -> u64 {
    (u128::from_be_bytes(tag) >> 64) as u64
}

/// Where an object is, and in which version.
struct Place {
    seq: u64,
    version: u64,
}

/// One partition.
#[derive(Default)]
pub(crate) struct MemoryPartition {
    token: Option<Arc<Vec<u8>>>,
    /// Counts creations.
    next: u64,
    // Boxed: a tree moves what it holds at every insertion and removal.
    by_seq: BTreeMap<u64, Box<StoredObject>>,
    by_id: BTreeMap<ObjectId, Place>,
    /// Of all bodies.
    bytes: u64,
    by_class: Index,
    by_label: Index,
    by_id_tag: Index,
    /// Rows for each peer, in the order of their numbers.
    outbox: BTreeMap<String, VecDeque<Departure>>,
    last_row: u64,
    carried: BTreeMap<String, Carried>,
    /// In which version an object was destroyed.
    buried: BTreeMap<ObjectId, u64>,
}

impl MemoryPartition {
    pub(crate) fn token(&self) -> Option<Arc<Vec<u8>>> {
        self.token.clone()
    }

    pub(crate) fn put_token(&mut self, update: TokenUpdate) {
        match update {
            TokenUpdate::Keep => {}
            TokenUpdate::Record(record) => self.token = Some(Arc::new(record)),
            TokenUpdate::Erase(record) => {
                *self = Self {
                    token: record.map(Arc::new),
                    next: self.next,
                    last_row: self.last_row,
                    carried: mem::take(&mut self.carried),
                    ..Self::default()
                };
            }
        }
    }

    pub(crate) fn load(&self, id: &ObjectId) -> Option<StoredObject> {
        self.by_seq.get(&self.by_id.get(id)?.seq).map(|object| (**object).clone())
    }

    pub(crate) fn find(&self, filter: &Filter) -> Vec<StoredObject> {
        self.matching(filter).into_iter().map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn find_ids(&self, filter: &Filter) -> Vec<ObjectId> {
        self.matching(filter).into_iter().map(|(_, object)| object.id).collect()
    }

    /// What a filter lets through, in order of creation.
    fn matching(&self, filter: &Filter) -> Vec<(u64, &StoredObject)> {
        let mut found = Vec::new();
        for (private, tags) in [(true, &filter.private), (false, &filter.public)] {
            if let Some(tags) = tags {
                self.narrow(private, filter.class, tags, &mut found);
            }
        }
        if filter.private.is_some() && filter.public.is_some() {
            found.sort_unstable_by_key(|(seq, _)| *seq);
        }
        found
    }

    /// Adds what matches on the private or the public side, in order of creation.
    fn narrow<'a>(
        &'a self,
        private: bool,
        class: Option<u64>,
        tags: &TagFilter,
        to: &mut Vec<(u64, &'a StoredObject)>,
    ) {
        let matches = |(_, object): &(u64, &StoredObject)| {
            object.private == private
                && class.is_none_or(|class| object.tags.class == class)
                && (tags.label.is_none() || tags.label == object.tags.label)
                && (tags.id.is_none() || tags.id == object.tags.id)
        };
        let objects = &self.by_seq;
        let indexed = match (tags.id, tags.label, class) {
            (Some(tag), _, _) => self.by_id_tag.of(beginning(tag), objects, id_of),
            (_, Some(tag), _) => self.by_label.of(beginning(tag), objects, label_of),
            (_, _, Some(class)) => self.by_class.of(class, objects, class_of),
            _ => {
                let all = self.by_seq.iter().map(|(seq, object)| (*seq, &**object));
                return to.extend(all.filter(matches));
            }
        };
        to.extend(indexed.filter_map(|seq| Some((*seq, &**self.by_seq.get(seq)?))).filter(matches));
    }

    pub(crate) fn inventory(&self) -> Vec<(ObjectId, u64)> {
        self.by_id.iter().map(|(id, place)| (*id, place.version)).collect()
    }

    pub(crate) fn count(&self) -> u64 {
        self.by_id.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All changes, or none and the reason. Peers that the partition feeds are told.
    pub(crate) fn apply(&mut self, changes: &[Change], feed: Option<&Feed>) -> Result<()> {
        self.check(changes)?;
        for change in changes {
            let news = match change {
                Change::Put(object) | Change::Update { object, .. } => {
                    if self.version(&object.id).is_some_and(|stored| stored >= object.version) {
                        continue;
                    }
                    self.put(object);
                    self.buried.remove(&object.id);
                    News::Put(object.clone())
                }
                Change::Remove(id) => {
                    let Some(Place { version, .. }) = self.remove(id) else { continue };
                    if feed.is_some() {
                        self.buried.insert(*id, version);
                    }
                    News::Removed { id: *id, version }
                }
            };
            let Some(feed) = feed else { continue };
            let at_ns = (feed.now)();
            for peer in &feed.peers {
                self.last_row += 1;
                let (seq, peer, news) = (self.last_row, peer.clone(), news.clone());
                let row = Departure { seq, peer: peer.clone(), at_ns, news };
                self.outbox.entry(peer).or_default().push_back(row);
            }
        }
        Ok(())
    }

    /// Takes news from another device in; says what became of them.
    pub(crate) fn merge(&mut self, news: &News) -> Merged {
        let id = news.object();
        let held = self.version(&id);
        let merged = outbox::outcome(news, held, self.buried.get(&id).copied());
        if merged.arrival_stands() {
            match news {
                News::Put(object) => self.put(object),
                News::Removed { version, .. } => {
                    self.remove(&id);
                    let last = held.map_or(*version, |held| held.max(*version));
                    self.buried.insert(id, last);
                }
            }
        }
        merged
    }

    /// The peers that rows wait for.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &String> {
        self.outbox.iter().filter(|(_, rows)| !rows.is_empty()).map(|(peer, _)| peer)
    }

    fn rows(&self, peer: &str) -> impl Iterator<Item = &Departure> {
        self.outbox.get(peer).into_iter().flatten()
    }

    /// Rows for a peer, oldest first.
    pub(crate) fn departures(&self, peer: &str, limit: usize) -> Vec<Departure> {
        self.rows(peer).take(limit).cloned().collect()
    }

    /// Number and time of the oldest row for a peer.
    pub(crate) fn oldest(&self, peer: &str) -> Option<(u64, u64)> {
        self.rows(peer).next().map(|row| (row.seq, row.at_ns))
    }

    /// How many rows wait for a peer, and the time of the oldest.
    pub(crate) fn backlog(&self, peer: &str) -> (u64, Option<u64>) {
        let rows = self.outbox.get(peer).map_or(0, VecDeque::len);
        (rows as u64, self.oldest(peer).map(|(_, at_ns)| at_ns))
    }

    /// How far rows have been carried.
    pub(crate) fn carried(&self, peer: &str) -> Carried {
        self.carried.get(peer).copied().unwrap_or_default()
    }

    /// Removes rows that have been carried so far; gives those that were there.
    pub(crate) fn strike_out(&mut self, peer: &str, rows: &[u64], carried: Carried) -> Vec<u64> {
        self.carried.insert(peer.to_owned(), carried);
        let gone: BTreeSet<u64> = rows.iter().copied().collect();
        let mut struck = Vec::with_capacity(rows.len());
        let Some(outbox) = self.outbox.get_mut(peer) else { return struck };
        outbox.retain(|row| {
            let stays = !gone.contains(&row.seq);
            if !stays {
                struck.push(row.seq);
            }
            stays
        });
        struck
    }

    /// Whether every update will find the version it needs when its turn comes.
    fn check(&self, changes: &[Change]) -> Result<()> {
        match changes {
            [Change::Put(_) | Change::Remove(_)] => return Ok(()),
            [Change::Update { object, before }] => {
                let is_there = self.version(&object.id) == Some(*before);
                return if is_there { Ok(()) } else { Err(update_came_late(&object.id)) };
            }
            _ => {}
        }
        let mut versions: HashMap<ObjectId, Option<u64>> = HashMap::new();
        for change in changes {
            let id = match change {
                Change::Put(object) | Change::Update { object, .. } => object.id,
                Change::Remove(id) => *id,
            };
            let version = versions.entry(id).or_insert_with(|| self.version(&id));
            *version = match change {
                Change::Put(object) => {
                    Some(version.map_or(object.version, |v| v.max(object.version)))
                }
                Change::Update { object, before } => {
                    if *version != Some(*before) {
                        return Err(update_came_late(&id));
                    }
                    Some(object.version)
                }
                Change::Remove(_) => None,
            };
        }
        Ok(())
    }

    fn version(&self, id: &ObjectId) -> Option<u64> {
        Some(self.by_id.get(id)?.version)
    }

    fn put(&mut self, object: &StoredObject) {
        let before = self.remove(&object.id);
        let seq = before.map_or_else(
            || {
                self.next += 1;
                self.next
            },
            |place| place.seq,
        );
        let tags = object.tags;
        self.by_id.insert(object.id, Place { seq, version: object.version });
        self.by_class.insert(class_of(&tags), seq);
        self.by_label.insert(label_of(&tags), seq);
        self.by_id_tag.insert(id_of(&tags), seq);
        self.bytes += object.body.len() as u64;
        self.by_seq.insert(seq, Box::new(object.clone()));
    }

    fn remove(&mut self, id: &ObjectId) -> Option<Place> {
        let place = self.by_id.remove(id)?;
        let seq = place.seq;
        let removed = self.by_seq.remove(&seq)?;
        self.bytes -= removed.body.len() as u64;
        let tags = removed.tags;
        self.by_class.remove(class_of(&tags), seq);
        self.by_label.remove(label_of(&tags), seq);
        self.by_id_tag.remove(id_of(&tags), seq);
        Some(place)
    }
}
