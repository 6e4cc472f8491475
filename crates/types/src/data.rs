//! What is digested, signed, encrypted: as a caller passes it, and as it travels.

use std::{fmt, mem::MaybeUninit};

use crate::Lent;

/// Data of a request: its own, or lent by a caller that waits. Printed as its length only.
#[derive(Clone)]
pub enum Data {
    /// A copy, or all that there is.
    Owned(Vec<u8>),
    /// The caller's.
    Lent(Lent),
}

impl Data {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Owned(bytes) => bytes.len(),
            Self::Lent(lent) => lent.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} bytes)", self.len())
    }
}

/// Data as it is passed to a call.
#[derive(Clone, Copy)]
pub enum Passed<'a> {
    /// For this call: a request needs a copy.
    Bytes(&'a [u8]),
    /// For requests too.
    Lent(&'a Lent),
}

impl Passed<'_> {
    /// How many bytes it has.
    pub fn len(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Lent(lent) => lent.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// As [`Lent::work_if`].
    #[inline]
    pub fn work_if<R>(
        self,
        worker: impl FnOnce(&[u8], Option<&mut [MaybeUninit<u8>]>) -> R,
        is_done: impl FnOnce(&R) -> bool,
    ) -> Option<R> {
        match self {
            Self::Bytes(bytes) => Some(worker(bytes, None)),
            Self::Lent(lent) => lent.work_if(worker, is_done),
        }
    }

    /// For a request; a copy has room for so many bytes, and uses the memory of `spare` if that is enough.
    pub fn to_data(self, spare: Vec<u8>, room: usize) -> Data {
        match self {
            Self::Bytes(bytes) => {
                let mut copy = spare;
                copy.clear();
                copy.reserve_exact(room.max(bytes.len()));
                copy.extend_from_slice(bytes);
                Data::Owned(copy)
            }
            Self::Lent(lent) => Data::Lent(lent.clone()),
        }
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Passed<'a> {
    fn from(bytes: &'a T) -> Self {
        Self::Bytes(bytes.as_ref())
    }
}

impl<'a> From<&'a Lent> for Passed<'a> {
    fn from(lent: &'a Lent) -> Self {
        Self::Lent(lent)
    }
}

impl fmt::Debug for Passed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passed({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lent::lend;

    #[test]
    fn small_data_is_copied_with_room_and_lent_data_is_not() {
        let bytes = vec![7; 100];
        let small = Vec::from([1, 2, 3]);
        let large = Vec::with_capacity(200);
        let place = large.as_ptr();
        for (spare, is_used) in [(small, false), (large, true)] {
            match Passed::from(&bytes).to_data(spare, 116) {
                Data::Owned(copy) => {
                    assert_eq!(copy, bytes);
                    assert!(copy.capacity() >= 116);
                    assert_eq!(std::ptr::eq(copy.as_ptr(), place), is_used);
                }
                Data::Lent(_) => panic!("nobody has lent it"),
            }
        }
        lend(&bytes, |lent| match Passed::from(lent).to_data(Vec::new(), 116) {
            Data::Lent(lent) => {
                let same = |read: &[u8]| std::ptr::eq(read, bytes.as_slice());
                assert_eq!(lent.read(same), Some(true));
            }
            Data::Owned(_) => panic!("a copy"),
        });
    }

    #[test]
    fn data_is_printed_as_its_length() {
        assert_eq!(format!("{:?}", Data::from(vec![0x41; 3])), "Data(3 bytes)");
        assert_eq!(format!("{:?}", Passed::from(b"secret")), "Passed(6 bytes)");
        lend(b"secret", |lent| {
            assert_eq!(format!("{:?}", Passed::from(lent).to_data(Vec::new(), 0)), "Data(6 bytes)");
        });
    }
}
