//! Places for answers: single values, bytes and lists by the two-call convention (PKCS#11 3.2,
//! 5.2).

use std::{mem::MaybeUninit, ptr::NonNull, sync::OnceLock};

use hsmsim_client::{Output, Room};
use hsmsim_types::{
    OtpParam, Result,
    ck::{
        CK_BYTE, CK_OBJECT_HANDLE, CK_ULONG, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL,
        CKR_GENERAL_ERROR,
    },
    error::fail,
    lent::lies_apart,
};
use parking_lot::Mutex;

use super::{
    keep::{Answer, Keep, Ptr},
    slices::{BEYOND_DATA, MAX_BYTES},
};

/// The most object handles that one C_FindObjects gives.
const MAX_HANDLES: usize = 1 << 24;

/// The longest room in bytes whose contents are gathered first.
const MAX_GATHERED: CK_ULONG = 1 << 24;

/// A place for one value: a handle, a structure, a pointer.
pub(crate) struct Place<T> {
    ptr: Ptr<T>,
    /// The value, where it is not written at once.
    gathered: Option<OnceLock<T>>,
}

impl<T: Copy> Place<T> {
    /// # Safety
    /// `ptr` is NULL or points at room for a `T` that stays writable while this value lives, or, of one that
    /// gathers, until the function returns.
    pub(crate) unsafe fn new(ptr: *mut T) -> Self {
        Self { ptr: Ptr(ptr), gathered: None }
    }

    /// The value that was gathered.
    pub(crate) fn gathered(&self) -> Option<T> {
        self.gathered.as_ref().and_then(OnceLock::get).copied()
    }

    /// Writes what was gathered; the function has not returned yet.
    pub(crate) fn give(&self) {
        if let (Some(value), false) = (self.gathered(), self.ptr.0.is_null()) {
            // SAFETY: not NULL, so writable by the promise given to `new`.
            unsafe { self.ptr.0.write_unaligned(value) }
        }
    }

    /// The place, if there is one: asked for before anything is done, so that no object comes into
    /// being whose handle cannot be told.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL.
    pub(crate) fn required(&self) -> Result<Writable<'_, T>> {
        if self.ptr.0.is_null() {
            return fail(CKR_ARGUMENTS_BAD, "the place for the answer is NULL");
        }
        Ok(Writable(self))
    }
}

/// A [`Place`] that is not NULL.
pub(crate) struct Writable<'a, T>(&'a Place<T>);

impl<T: Copy> Writable<'_, T> {
    /// Writes the answer.
    pub(crate) fn put(&self, value: T) {
        if let Some(gathered) = &self.0.gathered {
            // There is one answer.
            let _ = gathered.set(value);
            return;
        }
        // SAFETY: not NULL, so writable by the promise given to `Place::new`.
        unsafe { self.0.ptr.0.write_unaligned(value) }
    }
}

impl Keep for Place<CK_OBJECT_HANDLE> {
    fn keep(mut self) -> Result<Self> {
        self.gathered = Some(OnceLock::new());
        Ok(self)
    }

    fn settle(self, answer: &mut Answer) {
        answer.places.push(self);
    }
}

/// A length or count that goes in as the caller's room and comes back as what there is.
struct Length(Ptr<CK_ULONG>);

impl Length {
    /// The caller's room.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL.
    fn read(&self) -> Result<usize> {
        if self.is_null() {
            return fail(CKR_ARGUMENTS_BAD, "the place for the length is NULL");
        }
        // SAFETY: not NULL, so readable by the promise given to the constructor of its owner.
        let len = unsafe { self.0.0.read_unaligned() };
        Ok(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn write(&self, len: usize) {
        if !self.is_null() {
            // SAFETY: not NULL, so writable by the promise given to the constructor of its owner.
            unsafe { self.0.0.write_unaligned(len as CK_ULONG) }
        }
    }

    fn is_null(&self) -> bool {
        self.0.0.is_null()
    }
}

/// Room for the output of an operation, with the place of its length.
pub(crate) struct Buffer {
    ptr: Ptr<CK_BYTE>,
    len: Length,
    gathered: Option<Gathered>,
}

/// The output of a call that may be left pending.
struct Gathered {
    /// As it was when the call began.
    room: Room,
    output: OnceLock<Output>,
}

impl Buffer {
    /// # Safety
    /// `len` is NULL or points at a CK_ULONG, `ptr` is NULL or points at as many bytes as that
    /// says; both stay writable while this value lives and nobody else uses them. Of one that gathers, the place
    /// of the length does so until the function returns, and the bytes until C_AsyncComplete has given the result
    /// (PKCS#11 3.2, 5.22.1).
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE, len: *mut CK_ULONG) -> Self {
        Self { ptr: Ptr(ptr), len: Length(Ptr(len)), gathered: None }
    }

    /// How much room there is.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD if there is no place for the length.
    pub(crate) fn room(&self) -> Result<Room> {
        if let Some(gathered) = &self.gathered {
            return Ok(gathered.room);
        }
        let len = self.len.read()?;
        Ok(if self.ptr.0.is_null() { Room::Query } else { Room::Bytes(len) })
    }

    /// How much room there is; `None` if there is not even a place for the length, by which
    /// C_SignMessageNext tells that more parts follow (PKCS#11 3.1, 5.15.4).
    pub(crate) fn optional_room(&self) -> Option<Room> {
        self.room().ok()
    }

    /// Writes what the operation gave.
    ///
    /// # Errors
    /// CKR_BUFFER_TOO_SMALL if it did not fit; the length is written all the same.
    pub(crate) fn write(&self, output: &Output) -> Result<()> {
        if let Output::Bytes(bytes) | Output::Structure(bytes) = output
            && !matches!(self.room()?, Room::Bytes(room) if room >= bytes.len())
            && !bytes.is_empty()
        {
            return fail(CKR_GENERAL_ERROR, "the output outgrew the room that was announced");
        }
        match &self.gathered {
            // There is one answer.
            Some(gathered) => drop(gathered.output.set(output.clone())),
            None => self.len.write(self.put(output)),
        }
        match output {
            Output::TooSmall(len) => {
                fail(CKR_BUFFER_TOO_SMALL, format!("the output has {len} bytes"))
            }
            _ => Ok(()),
        }
    }

    /// Writes the bytes, which fit, and nothing else; gives the length of the output.
    fn put(&self, output: &Output) -> usize {
        match output {
            Output::Length(len) | Output::TooSmall(len) | Output::Written(len) => *len,
            Output::Structure(image) => {
                let mut image = image.clone();
                OtpParam::settle(&mut image, self.ptr.0.expose_provenance());
                self.put(&Output::Bytes(image))
            }
            Output::Bytes(bytes) => {
                if !bytes.is_empty() {
                    // SAFETY: there is room, so the pointer is not NULL; `new` was promised as
                    // much.
                    unsafe { self.ptr.0.copy_from(bytes.as_ptr(), bytes.len()) };
                }
                bytes.len()
            }
        }
    }

    /// Writes what was gathered, with its length; the function has not returned yet.
    pub(crate) fn give(&self) {
        if let Some(output) = self.gathered.as_ref().and_then(|gathered| gathered.output.get()) {
            self.len.write(self.put(output));
        }
    }

    /// Writes the bytes that were gathered; gives the length of the output.
    pub(crate) fn give_bytes(&self) -> usize {
        let output = self.gathered.as_ref().and_then(|gathered| gathered.output.get());
        output.map_or(0, |output| self.put(output))
    }

    /// Where the bytes go.
    pub(crate) fn address(&self) -> *mut CK_BYTE {
        self.ptr.0
    }

    /// Where the output of so much data goes, and how many bytes there is room for, if it goes there at once: no more than
    /// can be wanted, since some callers say that there is more than they have.
    pub(super) fn place(&self, data_len: usize) -> Option<(NonNull<CK_BYTE>, usize)> {
        match self.room() {
            Ok(Room::Bytes(room)) if self.gathered.is_none() => {
                let len = room.min(MAX_BYTES).min(data_len + BEYOND_DATA);
                NonNull::new(self.ptr.0).map(|start| (start, len))
            }
            _ => None,
        }
    }

    /// The same as memory, unless it lies where the data is.
    pub(crate) fn place_apart_from(&mut self, data: &[u8]) -> Option<&mut [MaybeUninit<u8>]> {
        let (start, len) = self.place(data.len()).filter(|&place| lies_apart(data, place))?;
        // SAFETY: by the promise given to `new` it can be written and nobody else uses it, and by this borrow this
        // library does not either.
        Some(unsafe { std::slice::from_raw_parts_mut(start.as_ptr().cast(), len) })
    }

    /// How many bytes were gathered.
    pub(crate) fn gathered_len(&self) -> usize {
        match self.gathered.as_ref().and_then(|gathered| gathered.output.get()) {
            Some(Output::Bytes(bytes) | Output::Structure(bytes)) => bytes.len(),
            _ => 0,
        }
    }

    /// Has the bytes go elsewhere, to memory of which the promise given to `new` holds.
    pub(super) fn redirect(&mut self, ptr: *mut CK_BYTE) {
        self.ptr = Ptr(ptr);
    }
}

impl Keep for Buffer {
    fn keep(mut self) -> Result<Self> {
        // Without a place for the length the function refuses by itself, or it has no output.
        if let Ok(room) = self.room() {
            self.gathered = Some(Gathered { room, output: OnceLock::new() });
        }
        Ok(self)
    }

    fn output_room(&self) -> Option<usize> {
        match self.room() {
            Ok(Room::Bytes(room)) => Some(room),
            _ => Some(0),
        }
    }

    fn settle(self, answer: &mut Answer) {
        answer.buffer = Some(self);
    }
}

/// Room that is to be filled whole: C_GenerateRandom.
pub(crate) struct Fill {
    ptr: Ptr<CK_BYTE>,
    len: CK_ULONG,
    // Lock: for a few instructions, by the one call that fills it.
    gathered: Option<Mutex<Vec<u8>>>,
}

impl Fill {
    /// # Safety
    /// `ptr` is NULL or points at `len` bytes that stay writable while this value lives and that
    /// nobody else uses; of one that gathers, until C_AsyncComplete has given the result.
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE, len: CK_ULONG) -> Self {
        Self { ptr: Ptr(ptr), len, gathered: None }
    }

    /// How long it is.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL with a length or for an absurd length.
    pub(crate) fn len(&self) -> Result<usize> {
        let len = usize::try_from(self.len).unwrap_or(usize::MAX);
        if len > MAX_BYTES || (self.ptr.0.is_null() && len > 0) {
            return fail(CKR_ARGUMENTS_BAD, format!("no room for {} bytes", self.len));
        }
        Ok(len)
    }

    /// Writes the bytes that begin at `at`; they come in order.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR beyond the end, and for no bytes where there is room.
    pub(crate) fn put(&self, at: usize, bytes: &[u8]) -> Result<()> {
        let len = self.len()?;
        if bytes.len() > len - at.min(len) || (bytes.is_empty() && at < len) {
            return fail(CKR_GENERAL_ERROR, "not as many bytes as were asked for");
        }
        match &self.gathered {
            Some(gathered) => gathered.lock().extend_from_slice(bytes),
            None if bytes.is_empty() => {}
            // SAFETY: within the promised room, which is not NULL where it is not empty.
            None => unsafe { self.ptr.0.add(at).copy_from(bytes.as_ptr(), bytes.len()) },
        }
        Ok(())
    }

    /// Writes what was gathered, if that fills the room; gives its length.
    pub(crate) fn give(&self) -> usize {
        let Some(gathered) = &self.gathered else { return 0 };
        let bytes = gathered.lock();
        if bytes.len() as CK_ULONG == self.len && !bytes.is_empty() {
            // SAFETY: as long as the promised room, which is not NULL where it is not empty.
            unsafe { self.ptr.0.copy_from(bytes.as_ptr(), bytes.len()) };
        }
        bytes.len()
    }

    /// Where the bytes go.
    pub(crate) fn address(&self) -> *mut CK_BYTE {
        self.ptr.0
    }

    /// Whether there is no buffer, whatever its length.
    pub(crate) fn is_null(&self) -> bool {
        self.ptr.0.is_null()
    }

    /// How many bytes were gathered.
    pub(crate) fn gathered_len(&self) -> usize {
        self.gathered.as_ref().map_or(0, |gathered| gathered.lock().len())
    }

    /// As [`Buffer::redirect`].
    pub(super) fn redirect(&mut self, ptr: *mut CK_BYTE) {
        self.ptr = Ptr(ptr);
    }
}

impl Keep for Fill {
    fn keep(mut self) -> Result<Self> {
        self.gathered = Some(Mutex::default());
        Ok(self)
    }

    fn waits(&self) -> bool {
        self.len > MAX_GATHERED
    }

    fn output_room(&self) -> Option<usize> {
        self.len().ok()
    }

    fn settle(self, answer: &mut Answer) {
        answer.fill = Some(self);
    }
}

/// Room for a list by the two-call convention: slots, mechanisms, interfaces.
pub(crate) struct List<T> {
    ptr: *mut T,
    count: Length,
}

impl<T: Copy> List<T> {
    /// # Safety
    /// `count` is NULL or points at a CK_ULONG, `ptr` is NULL or points at room for as many `T` as
    /// that says; both stay writable while this value lives and nobody else uses them.
    pub(crate) unsafe fn new(ptr: *mut T, count: *mut CK_ULONG) -> Self {
        Self { ptr, count: Length(Ptr(count)) }
    }

    /// Whether there is a place for the count at all.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD if not.
    pub(crate) fn required(&self) -> Result<()> {
        self.count.read().map(drop)
    }

    /// Writes the list, or only its length if no room was given.
    ///
    /// # Errors
    /// CKR_BUFFER_TOO_SMALL if it does not fit; the length is written all the same.
    pub(crate) fn write(&self, items: &[T]) -> Result<()> {
        let room = self.count.read()?;
        self.count.write(items.len());
        if self.ptr.is_null() {
            return Ok(());
        }
        if room < items.len() {
            return fail(CKR_BUFFER_TOO_SMALL, format!("the list has {} items", items.len()));
        }
        for (index, item) in items.iter().enumerate() {
            // SAFETY: room for at least as many items, by the promise given to `new`.
            unsafe { self.ptr.add(index).write_unaligned(*item) };
        }
        Ok(())
    }
}

/// Room for the handles of C_FindObjects: at most so many, with a place for how many they were.
pub(crate) struct Handles {
    ptr: *mut CK_OBJECT_HANDLE,
    max: CK_ULONG,
    count: Length,
}

impl Handles {
    /// # Safety
    /// `ptr` is NULL or points at room for `max` handles, `count` is NULL or points at a CK_ULONG;
    /// both stay writable while this value lives and nobody else uses them.
    pub(crate) unsafe fn new(
        ptr: *mut CK_OBJECT_HANDLE,
        max: CK_ULONG,
        count: *mut CK_ULONG,
    ) -> Self {
        Self { ptr, max, count: Length(Ptr(count)) }
    }

    /// How many handles may be written.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD if there is no place for the handles or for their count.
    pub(crate) fn max(&self) -> Result<usize> {
        if self.count.is_null() || (self.ptr.is_null() && self.max > 0) {
            return fail(CKR_ARGUMENTS_BAD, "the place for the handles or for their count is NULL");
        }
        Ok(usize::try_from(self.max).unwrap_or(usize::MAX).min(MAX_HANDLES))
    }

    /// Writes the handles.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR if they are more than [`Self::max`].
    pub(crate) fn write(&self, handles: impl ExactSizeIterator<Item = u64>) -> Result<()> {
        let count = handles.len();
        if count > self.max()? {
            return fail(CKR_GENERAL_ERROR, "more objects than were asked for");
        }
        for (index, handle) in handles.take(count).enumerate() {
            // SAFETY: room for `max` handles, by the promise given to `new`.
            unsafe { self.ptr.add(index).write_unaligned(handle) };
        }
        self.count.write(count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use hsmsim_types::{ObjectHandle, ck::CK_RV};

    use super::*;

    fn rv<T>(result: Result<T>) -> Option<CK_RV> {
        result.err().map(|error| error.rv())
    }

    #[test]
    fn outputs_follow_the_two_call_convention() {
        let mut room = [0_u8; 4];
        for (ptr, len, expected_room, output, refusal, expected_len) in [
            (false, 9, Room::Query, Output::Length(64), None, 64),
            (true, 4, Room::Bytes(4), Output::TooSmall(64), Some(CKR_BUFFER_TOO_SMALL), 64),
            (true, 4, Room::Bytes(4), Output::Bytes(b"abcd".to_vec()), None, 4),
            (true, 4, Room::Bytes(4), Output::Bytes(b"ab".to_vec()), None, 2),
            (true, 4, Room::Bytes(4), Output::Bytes(vec![]), None, 0),
            (true, 0, Room::Bytes(0), Output::Bytes(vec![]), None, 0),
            (true, 4, Room::Bytes(4), Output::Bytes(vec![1; 5]), Some(CKR_GENERAL_ERROR), 4),
            (false, 9, Room::Query, Output::Bytes(vec![1]), Some(CKR_GENERAL_ERROR), 9),
            (false, 9, Room::Query, Output::Bytes(vec![]), None, 0),
        ] {
            let mut len = len;
            let ptr = if ptr { room.as_mut_ptr() } else { null_mut() };
            // SAFETY: the room is as long as `len` says, or NULL.
            let buffer = unsafe { Buffer::new(ptr, &raw mut len) };
            assert_eq!(buffer.room(), Ok(expected_room));
            assert_eq!(rv(buffer.write(&output)), refusal, "{output:?}");
            assert_eq!(len, expected_len, "{output:?}");
        }
        assert_eq!(&room, b"abcd");
    }

    #[test]
    fn the_place_for_output_is_no_larger_than_wanted_and_not_where_the_data_is() {
        let mut memory = [7_u8; 1000];
        let start = memory.as_mut_ptr();
        for (data, room, expected) in [
            ((0, 100), (500, 200), Some(164)),
            ((0, 100), (500, 20), Some(20)),
            ((0, 100), (100, 50), Some(50)),
            ((0, 100), (99, 50), None),
            ((200, 100), (100, 100), Some(100)),
            ((200, 100), (100, 101), None),
            ((200, 100), (200, 100), None),
            ((200, 100), (220, 10), None),
            // What counts is how much can be wanted.
            ((200, 20), (100, 900), Some(84)),
            ((0, 0), (0, 100), Some(64)),
        ] {
            let mut len = room.1 as CK_ULONG;
            // SAFETY: within the array, which nobody else uses.
            let (data, mut buffer) = unsafe {
                let data = std::slice::from_raw_parts(start.add(data.0), data.1);
                (data, Buffer::new(start.add(room.0), &raw mut len))
            };
            let place = buffer.place_apart_from(data).map(|place| place.len());
            assert_eq!(place, expected, "{} bytes at {}", room.1, room.0);
        }
        let mut len = 100;
        // SAFETY: NULL.
        let mut query = unsafe { Buffer::new(null_mut(), &raw mut len) };
        assert!(query.place_apart_from(&[]).is_none());
    }

    #[test]
    fn a_missing_length_is_refused_before_anything_is_done() {
        let mut room = [0_u8; 4];
        // SAFETY: valid or NULL.
        unsafe {
            assert_eq!(
                rv(Buffer::new(room.as_mut_ptr(), null_mut()).room()),
                Some(CKR_ARGUMENTS_BAD)
            );
            assert_eq!(rv(Buffer::new(null_mut(), null_mut()).room()), Some(CKR_ARGUMENTS_BAD));
            let list = List::new(null_mut::<u64>(), null_mut());
            assert_eq!(rv(list.required()), Some(CKR_ARGUMENTS_BAD));
            assert_eq!(rv(Place::new(null_mut::<u64>()).required()), Some(CKR_ARGUMENTS_BAD));
        }
    }

    #[test]
    fn lists_tell_their_length_and_fill_what_is_large_enough() {
        let mut room = [0_u64; 4];
        for (ptr, count, refusal, expected) in [
            (false, 0, None, [0; 4]),
            (true, 2, Some(CKR_BUFFER_TOO_SMALL), [0; 4]),
            (true, 3, None, [7, 8, 9, 0]),
            (true, 4, None, [7, 8, 9, 0]),
        ] {
            let mut count = count;
            let ptr = if ptr { room.as_mut_ptr() } else { null_mut() };
            // SAFETY: the room is as long as `count` says, or NULL.
            let list = unsafe { List::new(ptr, &raw mut count) };
            assert_eq!(rv(list.write(&[7, 8, 9])), refusal);
            assert_eq!((count, room), (3, expected));
        }
    }

    #[test]
    fn handles_need_a_place_only_if_any_are_wanted() {
        let (mut count, mut room) = (77, [0_u64; 2]);
        // SAFETY: valid or NULL.
        unsafe {
            let none = Handles::new(null_mut(), 0, &raw mut count);
            assert_eq!(none.max(), Ok(0));
            assert_eq!(rv(none.write([].into_iter())), None);
            assert_eq!(count, 0);
            assert_eq!(
                rv(Handles::new(null_mut(), 1, &raw mut count).max()),
                Some(CKR_ARGUMENTS_BAD)
            );
            let no_count = Handles::new(room.as_mut_ptr(), 2, null_mut());
            assert_eq!(rv(no_count.max()), Some(CKR_ARGUMENTS_BAD));
            let endless = Handles::new(room.as_mut_ptr(), u64::MAX, &raw mut count);
            assert_eq!(endless.max(), Ok(MAX_HANDLES));
            let two = Handles::new(room.as_mut_ptr(), 2, &raw mut count);
            assert_eq!(rv(two.write([1, 2, 3].into_iter())), Some(CKR_GENERAL_ERROR));
            assert_eq!(rv(two.write([5].into_iter())), None);
        }
        assert_eq!((count, room), (1, [5, 0]));
    }

    #[test]
    fn room_is_filled_from_its_beginning_and_not_beyond_its_end() {
        for gathers in [false, true] {
            let mut room = [0_u8; 10];
            // SAFETY: ten bytes.
            let mut fill = unsafe { Fill::new(room.as_mut_ptr(), 10) };
            if gathers {
                fill = fill.keep().expect("kept");
            }
            fill.put(0, &[1; 4]).expect("room");
            fill.put(4, &[2; 6]).expect("room");
            assert_eq!(rv(fill.put(10, &[3])), Some(CKR_GENERAL_ERROR));
            assert_eq!(rv(fill.put(4, &[])), Some(CKR_GENERAL_ERROR));
            if gathers {
                assert_eq!(room, [0; 10], "not before it is asked for");
                assert_eq!(fill.give(), 10);
            }
            assert_eq!(room, [1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
        }
    }

    #[test]
    fn absurd_room_is_refused_and_no_room_asks_for_nothing() {
        for (len, expected) in
            [(1, Err(CKR_ARGUMENTS_BAD)), (u64::MAX, Err(CKR_ARGUMENTS_BAD)), (0, Ok(0))]
        {
            // SAFETY: NULL.
            let fill = unsafe { Fill::new(null_mut(), len) };
            assert_eq!(fill.len().map_err(|error| error.rv()), expected);
        }
    }

    #[test]
    fn what_is_kept_is_written_when_it_is_given_and_not_before() {
        let (mut room, mut len, mut handle) = ([0_u8; 4], 4, 0_u64);
        // SAFETY: valid pointers.
        let (buffer, place) = unsafe {
            (
                Buffer::new(room.as_mut_ptr(), &raw mut len).keep().expect("kept"),
                Place::new(&raw mut handle).keep().expect("kept"),
            )
        };
        len = 1;
        assert_eq!(buffer.room(), Ok(Room::Bytes(4)), "as when the call began");
        buffer.write(&Output::Bytes(b"abc".to_vec())).expect("it fits");
        place.required().expect("a place").put(7);
        assert_eq!((room, len, handle), ([0; 4], 1, 0));
        let mut answer = Answer::default();
        buffer.settle(&mut answer);
        place.settle(&mut answer);
        let data = answer.complete(&[ObjectHandle(7)]).expect("no message");
        // The places of length and handle may be gone by now.
        assert_eq!((&room, len, handle), (b"abc\0", 1, 0));
        assert_eq!((data.pValue, data.ulValue), (room.as_mut_ptr(), 3));
        assert_eq!((data.hObject, data.hAdditionalObject), (7, 0));
        answer.give().expect("no message");
        assert_eq!((len, handle), (3, 7));
    }
}
