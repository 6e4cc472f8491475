//! Bytes that are lent: read where they are while their owner waits, copied when it stops waiting; and room that
//! is lent with them, for what comes of them.
//!
//! A request is owned, because it may wait in a link and outlive its caller. That would cost a copy of every
//! buffer, though nearly every caller waits until the request is done. So the caller keeps a [`Loan`] of its
//! buffer and sends a [`Lent`] along. The loan ends before the caller has its memory back: if a request that
//! was given up still holds the handle, the bytes are copied then, and whoever reads them later reads them as
//! they were; else there is no copy at all.
//!
//! Room is given to one reader, and not after the loan's end. A second one, of a request that was sent anew because
//! the first was given up, gives what it has made in memory of its own: nobody writes over what another has
//! written.

#![allow(unsafe_code)]

use std::{
    fmt,
    mem::MaybeUninit,
    ptr::NonNull,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// A handle on lent bytes; its clones are handles on the same. Printed as the length only.
#[derive(Clone)]
pub struct Lent(Arc<Shared>);

struct Shared {
    len: usize,
    /// Held by readers while they compute over the bytes, so that the end of a loan waits for a computation at
    /// most. Never across `.await`: a reader is a closure.
    place: RwLock<Place>,
    /// Until it is given to a reader, who holds the lock of `place` all the while.
    room: Mutex<Option<Room>>,
}

/// The owner's room for output.
struct Room {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the room is written by who has taken it out, on whatever thread, and is there as long as the loan by the
// promise given to `Loan::new`.
unsafe impl Send for Room {}

/// Where the bytes are.
enum Place {
    /// With their owner, who waits.
    Borrowed(NonNull<u8>),
    /// Here.
    Copied(Vec<u8>),
    /// Nowhere: nobody wanted them when the loan ended, or there was no memory for a copy.
    Gone,
}

// SAFETY: the bytes behind the pointer are only read, and by the promise given to `Loan::new` they are there,
// on whatever thread, as long as the pointer is.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Lent {
    /// How many bytes they are.
    #[expect(clippy::len_without_is_empty, reason = "nobody lends nothing")]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Reads the bytes, which stay what they are meanwhile; `None` if they are gone.
    pub fn read<R>(&self, reader: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.read_at(|bytes, _| reader(bytes))
    }

    /// Reads the bytes, and may write to the owner's room if there is any that nobody was given before. What is
    /// written there is the owner's when the loan ends.
    pub fn work<R>(
        &self,
        worker: impl FnOnce(&[u8], Option<&mut [MaybeUninit<u8>]>) -> R,
    ) -> Option<R> {
        self.work_if(worker, |_| true)
    }

    /// The same; the next reader may have the room if the result says that nothing was done.
    pub fn work_if<R>(
        &self,
        worker: impl FnOnce(&[u8], Option<&mut [MaybeUninit<u8>]>) -> R,
        is_done: impl FnOnce(&R) -> bool,
    ) -> Option<R> {
        self.read_at(|bytes, is_borrowed| {
            let lent = || self.0.room.lock().unwrap_or_else(PoisonError::into_inner);
            let mut room = lent().take().filter(|_| is_borrowed);
            let result = worker(
                bytes,
                room.as_mut().map(|room| {
                    // SAFETY: the loan has not ended and cannot meanwhile; the room is writable and nobody else's
                    // by the promise given to `Loan::new`, and no other reader has it, since it was taken.
                    unsafe { std::slice::from_raw_parts_mut(room.start.as_ptr().cast(), room.len) }
                }),
            );
            if !is_done(&result) {
                *lent() = room;
            }
            result
        })
    }

    /// Reads the bytes, and tells whether they are still with their owner.
    fn read_at<R>(&self, reader: impl FnOnce(&[u8], bool) -> R) -> Option<R> {
        let place = self.0.place.read().unwrap_or_else(PoisonError::into_inner);
        match &*place {
            Place::Borrowed(start) => {
                // SAFETY: the loan has not ended, and it cannot before the lock is released; until then the
                // bytes are readable and unchanged by the promise given to `Loan::new`.
                let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr(), self.0.len) };
                Some(reader(bytes, true))
            }
            Place::Copied(bytes) => Some(reader(bytes, false)),
            Place::Gone => None,
        }
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({} bytes)", self.0.len)
    }
}

/// The owner's end of a loan, which ends when it is dropped.
pub struct Loan(Lent);

impl Loan {
    /// Lends bytes, and room for what comes of them: where it begins, and its length. Room that lies where the bytes
    /// do is not lent.
    ///
    /// # Safety
    /// The bytes stay readable and unchanged until [`Self::end`] has returned or the loan was dropped, one of
    /// which comes to pass: it is not forgotten. For as long the room can be written, and nobody else reads or writes it.
    pub unsafe fn new(bytes: &[u8], room: Option<(NonNull<u8>, usize)>) -> Self {
        let room = room.filter(|&place| lies_apart(bytes, place));
        let room = room.map(|(start, len)| Room { start, len });
        let place = RwLock::new(Place::Borrowed(NonNull::from(bytes).cast()));
        Self(Lent(Arc::new(Shared { len: bytes.len(), place, room: Mutex::new(room) })))
    }

    /// The handle to send along.
    pub fn lent(&self) -> &Lent {
        &self.0
    }

    /// Ends the loan. Waits for whoever reads; copies the bytes if there is another handle left.
    pub fn end(&self) {
        let shared = &*self.0.0;
        let mut place = shared.place.write().unwrap_or_else(PoisonError::into_inner);
        let Place::Borrowed(start) = *place else { return };
        *place = Place::Gone;
        *shared.room.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // Handles come from this loan and from each other: if this is the only one it stays that.
        if Arc::strong_count(&self.0.0) > 1 {
            // SAFETY: the loan ends with this function.
            let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr(), shared.len) };
            let mut copy = Vec::new();
            if copy.try_reserve_exact(bytes.len()).is_ok() {
                copy.extend_from_slice(bytes);
                *place = Place::Copied(copy);
            }
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({} bytes)", self.0.len())
    }
}

/// Whether a place, where it begins and its length, lies nowhere where the bytes do.
pub fn lies_apart(bytes: &[u8], (start, len): (NonNull<u8>, usize)) -> bool {
    let (bytes, start) = (bytes.as_ptr_range(), start.addr().get());
    let end = start.saturating_add(len);
    end <= bytes.start.addr() || start >= bytes.end.addr()
}

/// Lends bytes for as long as `work` takes.
pub fn lend<R>(bytes: &[u8], work: impl FnOnce(&Lent) -> R) -> R {
    // SAFETY: the bytes are borrowed, and so unchanged, for longer than this function takes; the loan stays
    // here and is dropped when it returns or unwinds.
    let loan = unsafe { Loan::new(bytes, None) };
    work(loan.lent())
}

/// The same, with room for what comes of them.
pub fn lend_with_room<R>(bytes: &[u8], room: &mut [u8], work: impl FnOnce(&Lent) -> R) -> R {
    let place = (NonNull::from(&mut *room).cast(), room.len());
    // SAFETY: as above, and so is the room.
    let loan = unsafe { Loan::new(bytes, Some(place)) };
    work(loan.lent())
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::mpsc::{RecvTimeoutError, channel},
        thread,
        time::Duration,
    };

    use super::*;

    fn copied(lent: &Lent) -> Option<Vec<u8>> {
        lent.read(<[u8]>::to_vec)
    }

    fn address(lent: &Lent) -> Option<usize> {
        lent.read(|bytes| bytes.as_ptr().addr())
    }

    #[test]
    fn bytes_are_read_where_they_are_while_their_owner_waits() {
        let bytes = vec![7; 100];
        lend(&bytes, |lent| {
            assert_eq!(address(lent), Some(bytes.as_ptr().addr()));
            assert_eq!((lent.len(), copied(lent)), (100, Some(bytes.clone())));
        });
    }

    #[test]
    fn what_was_not_read_before_the_loan_ended_is_as_it_was_though_its_owner_overwrites_it() {
        let mut bytes = vec![7; 100];
        let kept = lend(&bytes, Lent::clone);
        let again = kept.clone();
        bytes.fill(8);
        assert_ne!(address(&kept), Some(bytes.as_ptr().addr()));
        drop(bytes);
        assert_eq!(copied(&kept), Some(vec![7; 100]));
        assert_eq!(copied(&again), Some(vec![7; 100]));
    }

    #[test]
    fn nothing_is_copied_when_nobody_else_has_a_handle() {
        let bytes = [7; 100];
        // SAFETY: the bytes outlive the loan.
        let loan = unsafe { Loan::new(&bytes, None) };
        drop(loan.lent().clone());
        loan.end();
        assert_eq!(copied(loan.lent()), None);
    }

    #[test]
    fn a_loan_that_has_ended_stays_ended() {
        let mut bytes = vec![7; 100];
        // SAFETY: the loan ends before the bytes are changed.
        let loan = unsafe { Loan::new(&bytes, None) };
        let kept = loan.lent().clone();
        loan.end();
        bytes.fill(8);
        loan.end();
        let later = loan.lent().clone();
        drop(loan);
        drop(bytes);
        assert_eq!((copied(&kept), copied(&later)), (Some(vec![7; 100]), Some(vec![7; 100])));
    }

    #[test]
    fn a_loan_ends_when_its_owner_panics() {
        let mut kept = None;
        let mut bytes = vec![7; 100];
        let panics = AssertUnwindSafe(|| {
            lend(&bytes, |lent| {
                kept = Some(lent.clone());
                panic!("in the middle of a call");
            })
        });
        assert!(catch_unwind(panics).is_err());
        bytes.fill(8);
        assert_eq!(copied(&kept.expect("a handle")), Some(vec![7; 100]));
    }

    #[test]
    fn the_end_of_a_loan_waits_for_who_reads_or_writes() {
        let (mut bytes, mut room) = (vec![7; 1000], [0_u8; 10]);
        let (begins, has_begun) = channel();
        let (goes_on, may_go_on) = channel();
        let (ends, has_ended) = channel();
        let sum = thread::scope(|scope| {
            // SAFETY: the loan ends before the bytes are changed, and nobody looks at the room before that.
            let loan = unsafe { Loan::new(&bytes, Some((NonNull::from(&mut room).cast(), 10))) };
            let lent = loan.lent().clone();
            let worker = scope.spawn(move || {
                lent.work(|bytes, room| {
                    begins.send(()).expect("the owner is there");
                    may_go_on.recv().expect("the owner is there");
                    room.expect("nobody has it").fill(MaybeUninit::new(1));
                    bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>()
                })
            });
            has_begun.recv().expect("the worker is there");
            scope.spawn(move || {
                loan.end();
                ends.send(()).expect("the test waits");
            });
            let early = has_ended.recv_timeout(Duration::from_millis(50));
            assert_eq!(early, Err(RecvTimeoutError::Timeout), "it is being read");
            goes_on.send(()).expect("the worker waits");
            has_ended.recv().expect("it ends once nobody reads");
            worker.join().expect("no panic")
        });
        bytes.fill(8);
        assert_eq!((sum, room), (Some(7000), [1; 10]));
    }

    #[test]
    fn a_reader_that_panics_leaves_the_bytes_to_others_and_lets_the_loan_end() {
        let mut bytes = vec![7; 100];
        let kept = lend(&bytes, |lent| {
            let panics = || lent.read(|_| panic!("in the middle of a computation"));
            assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
            assert_eq!(copied(lent), Some(bytes.clone()));
            lent.clone()
        });
        bytes.fill(8);
        assert_eq!(copied(&kept), Some(vec![7; 100]));
    }

    /// Writes a byte to the room, if it is given.
    fn written(lent: &Lent, byte: u8) -> Option<usize> {
        lent.work(|_, room| {
            let room = room?;
            room.fill(MaybeUninit::new(byte));
            Some(room.len())
        })
        .expect("bytes")
    }

    #[test]
    fn room_is_given_once() {
        let mut room = [0; 10];
        lend_with_room(&[7; 100], &mut room, |lent| {
            let other = lent.clone();
            assert_eq!(copied(lent), Some(vec![7; 100]), "who only reads does not take it");
            assert_eq!((written(&other, 1), written(lent, 2)), (Some(10), None));
        });
        assert_eq!(room, [1; 10]);
    }

    #[test]
    fn room_in_which_nothing_was_done_goes_to_the_next() {
        let mut room = [0; 10];
        lend_with_room(&[7; 100], &mut room, |lent| {
            for is_done in [false, true] {
                let had = lent.work_if(|_, room| room.is_some(), |_| is_done);
                assert_eq!(had, Some(true));
            }
            assert_eq!(written(lent, 1), None);
        });
    }

    #[test]
    fn room_is_not_given_after_the_end_of_the_loan() {
        let mut room = [0; 10];
        let kept = lend_with_room(&[7; 100], &mut room, Lent::clone);
        assert_eq!(written(&kept, 1), None);
        assert_eq!(room, [0; 10]);
    }

    #[test]
    fn room_where_the_bytes_are_is_not_lent() {
        let mut memory = [7; 100];
        let start = NonNull::from(&mut memory).cast::<u8>();
        for (room, len, is_lent) in
            [(0, 10, true), (0, 11, false), (89, 11, true), (88, 12, false), (20, 1, false)]
        {
            // SAFETY: within the array, which nobody else uses.
            let loan = unsafe {
                let bytes = std::slice::from_raw_parts(start.as_ptr().add(10), 79);
                Loan::new(bytes, Some((start.add(room), len)))
            };
            assert_eq!(written(loan.lent(), 7).is_some(), is_lent, "{len} bytes from {room}");
        }
    }

    #[test]
    fn a_handle_is_printed_as_its_length() {
        lend(b"secret", |lent| assert_eq!(format!("{lent:?}"), "Lent(6 bytes)"));
    }
}
