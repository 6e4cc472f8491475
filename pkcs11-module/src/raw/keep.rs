//! What a call that is left pending keeps of the caller's memory (PKCS#11 3.2, 5.22.1).
//!
//! What goes in is copied before the function returns: the caller may free it. What comes out is gathered, and
//! written where it belongs in the call that ends the matter: in the function itself if it is over at once, else in
//! C_AsyncComplete. So no memory of the caller's is ever touched while no call of his is under way, and the places
//! of lengths and handles, which CK_ASYNC_DATA stands for, are not touched at all once CKR_PENDING was said.

use hsmsim_client::pending::Finished;
use hsmsim_types::{
    Mechanism, ObjectHandle, Pin, Result, Template,
    ck::{CK_ASYNC_DATA, CK_BYTE, CK_INVALID_HANDLE, CK_OBJECT_HANDLE, CK_ULONG},
};

use super::{Buffer, Fill, MessageIn, Place, Places};

/// A pointer of the caller's.
#[derive(Debug)]
pub(crate) struct Ptr<T>(pub(crate) *mut T);

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ptr<T> {}

// SAFETY: the pointer itself is a number. It is followed in a call that the caller makes for it, on that call's
// thread, and by the promises given to the types around it nobody else uses the memory meanwhile.
unsafe impl<T> Send for Ptr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Ptr<T> {}

/// Memory that a call works on.
pub(crate) trait Keep: Sized {
    /// Copies what goes in; gathers from now on what comes out.
    ///
    /// # Errors
    /// CKR_HOST_MEMORY.
    fn keep(self) -> Result<Self>;

    /// Hands over what was gathered.
    fn settle(self, _answer: &mut Answer) {}
}

/// What was read before the call began.
pub(crate) trait Owned {
    /// Whether the call has to be waited for, because it writes where CK_ASYNC_DATA does not lead.
    fn waits(&self) -> bool {
        false
    }
}

impl Owned for Result<Mechanism> {}
impl Owned for Result<Option<Mechanism>> {}
impl Owned for Result<Template> {}
impl Owned for Result<Pin> {}

impl Owned for Result<(Mechanism, Places)> {
    fn waits(&self) -> bool {
        !matches!(self, Ok((_, Places::None)))
    }
}

/// What a call has gathered for the caller.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) buffer: Option<Buffer>,
    pub(crate) fill: Option<Fill>,
    /// Of handles, in the order of the function's arguments.
    pub(crate) places: Vec<Place<CK_OBJECT_HANDLE>>,
    pub(crate) message: Option<MessageIn>,
}

impl Answer {
    /// As what a call came to.
    pub(crate) fn with(self, result: Result<()>) -> Finished {
        let objects = self.places.iter().filter_map(Place::gathered).map(ObjectHandle).collect();
        Finished { result, objects, answer: Some(Box::new(self)) }
    }

    /// Writes everything where the function was told to: it is not over yet.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID for a message's parameter that has changed meanwhile.
    pub(crate) fn give(&self) -> Result<()> {
        if let Some(buffer) = &self.buffer {
            buffer.give();
        }
        if let Some(fill) = &self.fill {
            fill.give();
        }
        for place in &self.places {
            place.give();
        }
        self.message.as_ref().map_or(Ok(()), MessageIn::give)
    }

    /// Whether it needs a CK_ASYNC_DATA.
    pub(crate) fn has_results(&self) -> bool {
        self.buffer.is_some() || self.fill.is_some() || !self.places.is_empty()
    }

    /// Where the variable-length output goes; NULL for a function without.
    pub(crate) fn address(&self) -> *mut CK_BYTE {
        let buffer = self.buffer.as_ref().map(Buffer::address);
        buffer.or(self.fill.as_ref().map(Fill::address)).unwrap_or_default()
    }

    /// Writes the output, and says the rest.
    ///
    /// # Errors
    /// As [`Self::give`].
    pub(crate) fn complete(&self) -> Result<CK_ASYNC_DATA> {
        let len = self.buffer.as_ref().map(Buffer::give_bytes);
        let len = len.or(self.fill.as_ref().map(Fill::give)).unwrap_or_default();
        if let Some(message) = &self.message {
            message.give()?;
        }
        let handle = |index: usize| {
            self.places.get(index).and_then(Place::gathered).unwrap_or(CK_INVALID_HANDLE)
        };
        Ok(CK_ASYNC_DATA {
            ulVersion: 0,
            pValue: self.address(),
            ulValue: len as CK_ULONG,
            hObject: handle(0),
            hAdditionalObject: handle(1),
        })
    }
}
