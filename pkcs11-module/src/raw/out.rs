//! Places for answers: single values, bytes and lists by the two-call convention (PKCS#11 3.2,
//! 5.2).

use hsmsim_client::{Output, Room};
use hsmsim_types::{
    OtpParam, Result,
    ck::{
        CK_BYTE, CK_OBJECT_HANDLE, CK_ULONG, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL,
        CKR_GENERAL_ERROR,
    },
    error::fail,
};

use super::slices::MAX_BYTES;

/// The most object handles that one C_FindObjects gives.
const MAX_HANDLES: usize = 1 << 24;

/// A place for one value: a handle, a structure, a pointer.
pub(crate) struct Place<T>(*mut T);

impl<T: Copy> Place<T> {
    /// # Safety
    /// `ptr` is NULL or points at room for a `T` that stays writable while this value lives.
    pub(crate) unsafe fn new(ptr: *mut T) -> Self {
        Self(ptr)
    }

    /// The place, if there is one: asked for before anything is done, so that no object comes into
    /// being whose handle cannot be told.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL.
    pub(crate) fn required(&self) -> Result<Writable<'_, T>> {
        if self.0.is_null() {
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
        // SAFETY: not NULL, so writable by the promise given to `Place::new`.
        unsafe { self.0.0.write_unaligned(value) }
    }
}

/// A length or count that goes in as the caller's room and comes back as what there is.
struct Length(*mut CK_ULONG);

impl Length {
    /// The caller's room.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL.
    fn read(&self) -> Result<usize> {
        if self.0.is_null() {
            return fail(CKR_ARGUMENTS_BAD, "the place for the length is NULL");
        }
        // SAFETY: not NULL, so readable by the promise given to the constructor of its owner.
        let len = unsafe { self.0.read_unaligned() };
        Ok(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn write(&self, len: usize) {
        if !self.0.is_null() {
            // SAFETY: not NULL, so writable by the promise given to the constructor of its owner.
            unsafe { self.0.write_unaligned(len as CK_ULONG) }
        }
    }
}

/// Room for the output of an operation, with the place of its length.
pub(crate) struct Buffer {
    ptr: *mut CK_BYTE,
    len: Length,
}

impl Buffer {
    /// # Safety
    /// `len` is NULL or points at a CK_ULONG, `ptr` is NULL or points at as many bytes as that
    /// says; both stay writable while this value lives and nobody else uses them.
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE, len: *mut CK_ULONG) -> Self {
        Self { ptr, len: Length(len) }
    }

    /// How much room there is.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD if there is no place for the length.
    pub(crate) fn room(&self) -> Result<Room> {
        let len = self.len.read()?;
        Ok(if self.ptr.is_null() { Room::Query } else { Room::Bytes(len) })
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
        match output {
            Output::Length(len) => self.len.write(*len),
            Output::TooSmall(len) => {
                self.len.write(*len);
                return fail(CKR_BUFFER_TOO_SMALL, format!("the output has {len} bytes"));
            }
            Output::Structure(image) => {
                let mut image = image.clone();
                OtpParam::settle(&mut image, self.ptr.expose_provenance());
                return self.write(&Output::Bytes(image));
            }
            Output::Bytes(bytes) => {
                let room = if let Room::Bytes(room) = self.room()? { room } else { 0 };
                if room < bytes.len() {
                    return fail(
                        CKR_GENERAL_ERROR,
                        "the output outgrew the room that was announced",
                    );
                }
                if !bytes.is_empty() {
                    // SAFETY: there is room, so the pointer is not NULL; `new` was promised as
                    // much.
                    unsafe { self.ptr.copy_from(bytes.as_ptr(), bytes.len()) };
                }
                self.len.write(bytes.len());
            }
        }
        Ok(())
    }
}

/// Room that is to be filled whole: C_GenerateRandom.
pub(crate) struct Fill {
    ptr: *mut CK_BYTE,
    len: CK_ULONG,
}

impl Fill {
    /// # Safety
    /// `ptr` is NULL or points at `len` bytes that stay writable while this value lives and that
    /// nobody else uses.
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE, len: CK_ULONG) -> Self {
        Self { ptr, len }
    }

    /// Fills the room from `source`, which is asked for at most `step` bytes at a time: what a
    /// caller can ask for is not what a process can hold twice.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL with a length or for an absurd length, and what `source` refuses.
    pub(crate) fn fill(
        &self,
        step: usize,
        mut source: impl FnMut(usize) -> Result<Vec<u8>>,
    ) -> Result<()> {
        let len = usize::try_from(self.len).unwrap_or(usize::MAX);
        if len > MAX_BYTES || (self.ptr.is_null() && len > 0) {
            return fail(CKR_ARGUMENTS_BAD, format!("no room for {} bytes", self.len));
        }
        let mut at = 0;
        loop {
            let wanted = step.min(len - at);
            let bytes = source(wanted)?;
            if bytes.len() != wanted {
                return fail(CKR_GENERAL_ERROR, "not as many bytes as were asked for");
            }
            if wanted > 0 {
                // SAFETY: `at + wanted` is within the promised room.
                unsafe { self.ptr.add(at).copy_from(bytes.as_ptr(), wanted) };
            }
            at += wanted;
            if at == len {
                return Ok(());
            }
        }
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
        Self { ptr, count: Length(count) }
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
        Self { ptr, max, count: Length(count) }
    }

    /// How many handles may be written.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD if there is no place for the handles or for their count.
    pub(crate) fn max(&self) -> Result<usize> {
        if self.count.0.is_null() || (self.ptr.is_null() && self.max > 0) {
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

    use hsmsim_types::ck::CK_RV;

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
    fn a_large_room_is_filled_in_steps() {
        let mut room = [0_u8; 10];
        // SAFETY: ten bytes.
        let fill = unsafe { Fill::new(room.as_mut_ptr(), 10) };
        let mut steps = Vec::new();
        fill.fill(4, |len| {
            steps.push(len);
            Ok(vec![steps.len() as u8; len])
        })
        .expect("filled");
        assert_eq!((steps, room), (vec![4, 4, 2], [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]));
    }

    #[test]
    fn absurd_room_is_refused_and_no_room_asks_for_nothing() {
        for (len, expected) in
            [(1, Some(CKR_ARGUMENTS_BAD)), (u64::MAX, Some(CKR_ARGUMENTS_BAD)), (0, None)]
        {
            // SAFETY: NULL.
            let fill = unsafe { Fill::new(null_mut(), len) };
            assert_eq!(rv(fill.fill(4, |len| Ok(vec![0; len]))), expected);
        }
    }
}
