//! What a device has to tell the peers that it feeds, and what it makes of what it is told.
//!
//! Every durable change of a partition that [feeds](crate::DeviceStore::feed) others leaves a row for
//! each of them, in the transaction of the change itself: a change is acknowledged together with its
//! rows or not at all. A row holds the object as it was then, since by the time it arrives the object
//! may have been changed again, or its device be gone. Whoever carries rows (the cluster) decides when
//! each arrives; [merging](crate::DeviceStore::merge) an arrival twice, or after a later one, does no
//! harm.
//!
//! What a peer was told to remove is *buried*: an older message about it, from another source that
//! was held up, must not bring it back.

use hsmsim_partition::{port::StoredObject, version};
use hsmsim_types::ObjectId;

/// Whom a partition feeds, and the clock that dates its rows.
pub struct Feed {
    /// The peers, by the names that [`Departure::peer`] gives back.
    pub peers: Vec<String>,
    /// Unix time in nanoseconds.
    pub now: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// A change of one object, as a peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The object is there in this state, sealed as its store keeps it.
    Put(StoredObject),
    /// The object was destroyed.
    Removed {
        /// Which.
        id: ObjectId,
        /// The version it then had.
        version: u64,
    },
}

impl News {
    /// The object it is about.
    pub fn object(&self) -> ObjectId {
        match self {
            Self::Put(object) => object.id,
            Self::Removed { id, .. } => *id,
        }
    }
}

/// A row of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Its number; later rows of the device have greater ones.
    pub seq: u64,
    /// For whom it is.
    pub peer: String,
    /// When the change was made: Unix time in nanoseconds.
    pub at_ns: u64,
    /// What changed.
    pub news: News,
}

/// How far a partition's rows for a peer have been carried, in Unix times of nanoseconds: what the next
/// row's journey depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The next row leaves no earlier.
    pub ready_ns: u64,
    /// The next row arrives no earlier.
    pub last_ns: u64,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It was new here.
    Applied,
    /// It was known here, or something later was.
    Known,
    /// Here the object had been changed or destroyed without knowing of it. The greater version stands,
    /// and a destruction always.
    Conflict {
        /// Whether what arrived stands; else what was here does.
        arrival_stands: bool,
    },
}

impl Merged {
    /// Whether what arrived is what is here from now on.
    pub fn arrival_stands(self) -> bool {
        matches!(self, Self::Applied | Self::Conflict { arrival_stands: true })
    }
}

/// What news come to where the object is held, or was buried, in these versions.
pub(crate) fn outcome(news: &News, held: Option<u64>, buried: Option<u64>) -> Merged {
    match (news, held, buried) {
        // Destroyed is destroyed.
        (News::Put(object), _, Some(buried)) if object.version > buried => {
            Merged::Conflict { arrival_stands: false }
        }
        (News::Put(_), _, Some(_)) => Merged::Known,
        (News::Put(_), None, None) => Merged::Applied,
        (News::Put(object), Some(held), None) => {
            let arrival_stands = object.version > held;
            if version::conflict(object.version, held) {
                Merged::Conflict { arrival_stands }
            } else if arrival_stands {
                Merged::Applied
            } else {
                Merged::Known
            }
        }
        (News::Removed { version, .. }, Some(held), _) if held > *version => {
            Merged::Conflict { arrival_stands: true }
        }
        (News::Removed { .. }, Some(_), _) => Merged::Applied,
        (News::Removed { .. }, None, Some(_)) => Merged::Known,
        // It may be that the object itself is still on its way, from somebody slower.
        (News::Removed { .. }, None, None) => Merged::Applied,
    }
}

#[cfg(test)]
mod tests {
    use hsmsim_partition::port::{Body, Tags};

    use super::*;

    fn put(version: u64) -> News {
        let body = Body::new(Vec::new());
        let id = ObjectId([1; 16]);
        News::Put(StoredObject { id, version, private: true, tags: Tags::default(), body })
    }

    fn removed(version: u64) -> News {
        News::Removed { id: ObjectId([1; 16]), version }
    }

    #[test]
    fn news_come_to_what_was_here_before() {
        // Changed once, here and there at different times; changed twice.
        let (first, here, there, twice) = (1, 1 << 44 | 5, 1 << 44 | 9, 2 << 44);
        let lost = Merged::Conflict { arrival_stands: false };
        let won = Merged::Conflict { arrival_stands: true };
        for (news, held, buried, expected) in [
            (put(first), None, None, Merged::Applied),
            (put(first), Some(first), None, Merged::Known),
            (put(here), Some(first), None, Merged::Applied),
            (put(first), Some(here), None, Merged::Known),
            (put(there), Some(here), None, won),
            (put(here), Some(there), None, lost),
            (put(twice), Some(here), None, Merged::Applied),
            (put(first), None, Some(first), Merged::Known),
            (put(here), None, Some(first), lost),
            (removed(first), Some(first), None, Merged::Applied),
            (removed(first), Some(here), None, won),
            (removed(here), Some(first), None, Merged::Applied),
            (removed(first), None, None, Merged::Applied),
            (removed(first), None, Some(first), Merged::Known),
        ] {
            assert_eq!(outcome(&news, held, buried), expected, "{news:?} {held:?} {buried:?}");
        }
    }
}
