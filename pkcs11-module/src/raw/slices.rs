//! Bytes that the caller lends: data, signatures, PINs, labels.

use std::sync::OnceLock;

use hsmsim_client::extensions::Uid;
use hsmsim_types::{
    Error, Loan, Passed, Pin, Result,
    ck::{CK_BYTE, CK_RV, CK_ULONG, CKR_ARGUMENTS_BAD, CKR_HOST_MEMORY},
    error::fail,
};

use super::{
    keep::{Keep, Ptr},
    out::Buffer,
};

/// The longest input in bytes that is believed. Whatever is longer does not exist on the caller's
/// side either, and an attempt to copy it would end the process.
pub(crate) const MAX_BYTES: usize = 1 << 31;

/// From so many bytes on, data is lent to a request and not copied: below, a loan costs more than the copy.
pub(crate) const LENT_MIN: usize = 4 << 10;

/// How much longer than its data an output that is written where the caller wants it can be: a tag, a block.
pub(super) const BEYOND_DATA: usize = 64;

/// Length of the label that C_InitToken takes, in bytes.
const LABEL_LEN: usize = 32;

/// Bytes at `ptr`, `len` of them. NULL with length 0 is the empty slice.
///
/// # Errors
/// `rv` for NULL with a length, or for a length that is out of all reason.
///
/// # Safety
/// `ptr` is NULL or points at `len` readable bytes that nobody changes during `'a`.
pub(super) unsafe fn bytes<'a>(
    ptr: *const CK_BYTE,
    len: CK_ULONG,
    rv: CK_RV,
    what: &'static str,
) -> Result<&'a [u8]> {
    let len = match usize::try_from(len) {
        Ok(len) if len <= MAX_BYTES => len,
        _ => return fail(rv, format!("{what} of {len} bytes is out of all reason")),
    };
    match (ptr.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => fail(rv, format!("{what} is NULL with a length of {len}")),
        // SAFETY: the caller of this function promises `len` readable bytes; MAX_BYTES is below
        // isize::MAX.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(ptr, len) }),
    }
}

/// An owned copy of `bytes`; an allocation that fails is an error, not the end of the process.
///
/// # Errors
/// CKR_HOST_MEMORY.
pub(super) fn owned(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())
        .map_err(|_| Error::new(CKR_HOST_MEMORY, "no memory for a copy of the input"))?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Data of a call: a pointer and its length.
pub(crate) struct Input {
    ptr: Ptr<CK_BYTE>,
    len: CK_ULONG,
    /// A copy, of which the call makes use instead.
    kept: Option<Vec<u8>>,
    /// Under which requests read the caller's memory. It ends before this value does, and so before the exported
    /// function returns or unwinds, since its frame is where this value lives.
    loan: OnceLock<Loan>,
}

impl Input {
    /// # Safety
    /// `ptr` is NULL or points at `len` bytes that stay readable and unchanged while this value
    /// lives, or until it is kept, or taken back and not read any more. The value is dropped, not forgotten.
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE, len: CK_ULONG) -> Self {
        Self { ptr: Ptr(ptr), len, kept: None, loan: OnceLock::new() }
    }

    /// Whether the pointer is NULL.
    pub(crate) fn is_null(&self) -> bool {
        self.ptr.0.is_null()
    }

    /// The bytes.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL with a length, or an absurd length.
    pub(crate) fn bytes(&self) -> Result<&[u8]> {
        if let Some(kept) = &self.kept {
            return Ok(kept);
        }
        // SAFETY: the promise given to `new` holds while `self` lives.
        unsafe { bytes(self.ptr.0, self.len, CKR_ARGUMENTS_BAD, "input") }
    }

    /// The bytes for a call whose data may be lent to its requests, with the room for its output if there is any.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub(crate) fn passed(&self, output: Option<&Buffer>) -> Result<Passed<'_>> {
        let bytes = self.bytes()?;
        // What is kept belongs to a call that may outlive the function's frame.
        if bytes.len() < LENT_MIN || self.kept.is_some() {
            return Ok(bytes.into());
        }
        let room = output.and_then(|output| output.place(bytes.len()));
        // SAFETY: by the promise given to `new` the bytes stay as they are until they are taken back or `self` is
        // dropped, either of which ends the loan. The room is the caller's, who has promised it to the buffer, and
        // which that writes after the data was taken back.
        let loan = self.loan.get_or_init(|| unsafe { Loan::new(bytes, room) });
        Ok(loan.lent().into())
    }

    /// Ends what was lent: from here on the memory may be written, as output that goes where input was.
    pub(crate) fn take_back(&self) {
        if let Some(loan) = self.loan.get() {
            loan.end();
        }
    }
}

impl Keep for Input {
    fn keep(mut self) -> Result<Self> {
        // What cannot be read the function refuses by itself.
        if let Ok(bytes) = self.bytes() {
            self.kept = Some(owned(bytes)?);
        }
        Ok(self)
    }
}

/// A PIN: a pointer and its length.
pub(crate) struct PinIn(Input);

impl PinIn {
    /// # Safety
    /// As [`Input::new`].
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE, len: CK_ULONG) -> Self {
        // SAFETY: as promised.
        Self(unsafe { Input::new(ptr, len) })
    }

    /// An owned copy, wiped when dropped. An empty PIN that is not NULL is a PIN like any other.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL (that would ask for a protected authentication path, which no
    /// token here claims to have: PKCS#11 3.1, 5.6.8), or for an absurd length.
    pub(crate) fn pin(&self) -> Result<Pin> {
        if self.0.is_null() {
            return fail(
                CKR_ARGUMENTS_BAD,
                "PIN is NULL, there is no protected authentication path",
            );
        }
        Ok(Pin::new(owned(self.0.bytes()?)?))
    }
}

/// The label of C_InitToken: 32 bytes, padded with blanks, not terminated (PKCS#11 3.1, 5.5.7).
pub(crate) struct Label(*const CK_BYTE);

impl Label {
    /// # Safety
    /// `ptr` is NULL or points at 32 bytes that stay readable and unchanged while this value lives.
    pub(crate) unsafe fn new(ptr: *mut CK_BYTE) -> Self {
        Self(ptr)
    }

    /// The label without its padding.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL.
    pub(crate) fn trimmed(&self) -> Result<Vec<u8>> {
        if self.0.is_null() {
            return fail(CKR_ARGUMENTS_BAD, "label is NULL");
        }
        // SAFETY: not NULL, so 32 bytes by the promise given to `new`.
        let label = unsafe { std::slice::from_raw_parts(self.0, LABEL_LEN) };
        let len = label.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
        Ok(label[..len].to_vec())
    }
}

/// Luna's OUID of an object, twelve bytes.
pub(crate) struct UidIn(*const Uid);

impl UidIn {
    /// # Safety
    /// `ptr` is NULL or points at twelve bytes that stay readable and unchanged while this value
    /// lives.
    pub(crate) unsafe fn new(ptr: *const Uid) -> Self {
        Self(ptr)
    }

    /// The bytes.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD for NULL.
    pub(crate) fn read(&self) -> Result<Uid> {
        if self.0.is_null() {
            return fail(CKR_ARGUMENTS_BAD, "OUID is NULL");
        }
        // SAFETY: not NULL, so twelve bytes, which need no alignment, by the promise given to `new`.
        Ok(unsafe { *self.0 })
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::{null_mut, without_provenance_mut};

    use super::*;

    fn refusal(ptr: *mut u8, len: CK_ULONG) -> CK_RV {
        // SAFETY: the pointers of these tests are NULL, valid, or come with a length that is
        // refused.
        unsafe { Input::new(ptr, len) }.bytes().expect_err("refused").rv()
    }

    #[test]
    fn null_is_empty_only_with_length_zero() {
        // SAFETY: NULL.
        assert_eq!(unsafe { Input::new(null_mut(), 0) }.bytes(), Ok(&[][..]));
        assert_eq!(refusal(null_mut(), 1), CKR_ARGUMENTS_BAD);
    }

    #[test]
    fn absurd_lengths_are_refused_unread() {
        let nowhere = without_provenance_mut(8);
        for len in [MAX_BYTES as u64 + 1, isize::MAX as u64, isize::MAX as u64 + 1, u64::MAX] {
            assert_eq!(refusal(nowhere, len), CKR_ARGUMENTS_BAD, "{len:#x}");
            assert_eq!(refusal(null_mut(), len), CKR_ARGUMENTS_BAD, "{len:#x}");
        }
    }

    #[test]
    fn a_pointer_with_length_zero_is_not_followed() {
        // SAFETY: length zero promises nothing about the pointer.
        let input = unsafe { Input::new(without_provenance_mut(1), 0) };
        assert_eq!(input.bytes(), Ok(&[][..]));
    }

    #[test]
    fn large_data_is_lent_until_it_is_taken_back_or_the_call_is_over() {
        let mut data = vec![7; LENT_MIN];
        for takes_back in [true, false] {
            data.fill(7);
            // SAFETY: bytes that live on, and are written once they are taken back or the value is dropped.
            let input = unsafe { Input::new(data.as_mut_ptr(), data.len() as u64) };
            let Ok(Passed::Lent(lent)) = input.passed(None) else { panic!("it is lent") };
            let lent = lent.clone();
            assert_eq!(lent.read(<[u8]>::as_ptr), Some(data.as_ptr()));
            if takes_back {
                input.take_back();
                data.fill(8);
            }
            drop(input);
            data.fill(9);
            assert_eq!(lent.read(|bytes| bytes == vec![7; LENT_MIN]), Some(true));
        }
    }

    #[test]
    fn small_data_is_not_lent_nor_is_what_is_kept() {
        let mut data = vec![7; LENT_MIN];
        // SAFETY: bytes that live on unchanged.
        let (small, kept) = unsafe {
            (
                Input::new(data.as_mut_ptr(), LENT_MIN as u64 - 1),
                Input::new(data.as_mut_ptr(), LENT_MIN as u64).keep().expect("kept"),
            )
        };
        assert!(matches!(small.passed(None), Ok(Passed::Bytes(bytes)) if bytes == &data[1..]));
        match kept.passed(None) {
            Ok(Passed::Bytes(bytes)) => assert_ne!(bytes.as_ptr(), data.as_ptr()),
            other => panic!("{other:?}"),
        }
        // There is nothing to take back.
        kept.take_back();
        assert_eq!(kept.bytes(), Ok(&data[..]));
    }

    #[test]
    fn null_is_no_pin_but_an_empty_pin_is_one() {
        let mut byte = b'x';
        // SAFETY: NULL, then a byte that lives on.
        unsafe {
            assert_eq!(PinIn::new(null_mut(), 0).pin().map_err(|e| e.rv()), Err(CKR_ARGUMENTS_BAD));
            assert_eq!(PinIn::new(null_mut(), 4).pin().map_err(|e| e.rv()), Err(CKR_ARGUMENTS_BAD));
            assert_eq!(PinIn::new(&mut byte, 0).pin().expect("empty").bytes(), b"");
            assert_eq!(PinIn::new(&mut byte, 1).pin().expect("one byte").bytes(), b"x");
        }
    }

    #[test]
    fn labels_lose_their_padding_and_nothing_else() {
        for (label, expected) in [
            (*b"token one                       ", &b"token one"[..]),
            (*b"                                ", b""),
            (*b"0123456789abcdef0123456789abcdef", b"0123456789abcdef0123456789abcdef"),
            (*b" leading                        ", b" leading"),
        ] {
            let mut label = label;
            // SAFETY: 32 bytes that live on.
            let label = unsafe { Label::new(label.as_mut_ptr()) }.trimmed().expect("label");
            assert_eq!(label, expected);
        }
        // SAFETY: NULL.
        let null = unsafe { Label::new(null_mut()) };
        assert_eq!(null.trimmed().map_err(|e| e.rv()), Err(CKR_ARGUMENTS_BAD));
    }
}
