//! What a call that is left pending keeps of the caller's memory (PKCS#11 3.2, 5.22.1).
//!
//! What goes in is copied before the function returns: the caller may free it. What comes out is gathered, and
//! written where it belongs in the call that ends the matter: in the function itself if it is over at once, else in
//! C_AsyncComplete. So no memory of the caller's is ever touched while no call of his is under way, and the places
//! of lengths and handles, which CK_ASYNC_DATA stands for, are not touched at all once CKR_PENDING was said.

use hsmsim_client::pending::Finished;
use hsmsim_types::{
    AttributeValue, Mechanism, ObjectHandle, Pin, Result, Template,
    ck::{CK_ASYNC_DATA, CK_BYTE, CK_INVALID_HANDLE, CK_OBJECT_HANDLE, CK_ULONG, CKA_TOKEN},
};

use super::{Buffer, Fill, MessageIn, Place, Places, SealPlaces};

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

    /// Whether the call has to be waited for, because what comes out is too much to be held twice.
    fn waits(&self) -> bool {
        false
    }

    /// How many bytes of output it has room for, if it is for output.
    fn output_room(&self) -> Option<usize> {
        None
    }

    /// Hands over what was gathered.
    fn settle(self, _answer: &mut Answer) {}
}

/// What was read before the call began.
pub(crate) trait Owned {
    /// Whether the call has to be waited for, because it writes where CK_ASYNC_DATA does not lead.
    fn waits(&self) -> bool {
        false
    }

    /// Whether what the call makes of it outlives the session.
    fn outlives_session(&self) -> bool {
        true
    }
}

impl Owned for Result<Mechanism> {}
impl Owned for Result<Option<Mechanism>> {}
impl Owned for Result<Pin> {}

impl Owned for Result<Template> {
    fn outlives_session(&self) -> bool {
        let token = self.as_ref().ok().and_then(|template| template.get(CKA_TOKEN));
        token.and_then(AttributeValue::as_bool).unwrap_or_default()
    }
}

impl Owned for Result<(Mechanism, Places)> {
    fn waits(&self) -> bool {
        !matches!(self, Ok((_, Places::None)))
    }
}

impl Owned for Result<(Mechanism, SealPlaces)> {
    fn waits(&self) -> bool {
        !matches!(self, Ok((_, places)) if places.is_empty())
    }
}

// With the tag of a wrapped key.
impl Owned for Result<(Mechanism, Vec<u8>)> {}

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

    /// How long the output is.
    pub(crate) fn len(&self) -> usize {
        let len = self.buffer.as_ref().map(Buffer::gathered_len);
        len.or(self.fill.as_ref().map(Fill::gathered_len)).unwrap_or_default()
    }

    /// Has the output go elsewhere: where it was to go at first is gone.
    pub(crate) fn redirect(&mut self, place: &Fill) {
        if let Some(buffer) = &mut self.buffer {
            buffer.redirect(place.address());
        }
        if let Some(fill) = &mut self.fill {
            fill.redirect(place.address());
        }
    }

    /// Writes the output, and says the rest.
    ///
    /// # Errors
    /// As [`Self::give`].
    pub(crate) fn complete(&self, objects: &[ObjectHandle]) -> Result<CK_ASYNC_DATA> {
        let len = self.buffer.as_ref().map(Buffer::give_bytes);
        let len = len.or(self.fill.as_ref().map(Fill::give)).unwrap_or_default();
        if let Some(message) = &self.message {
            message.give()?;
        }
        let handle = |index: usize| objects.get(index).map_or(CK_INVALID_HANDLE, |object| object.0);
        Ok(CK_ASYNC_DATA {
            ulVersion: 0,
            pValue: self.address(),
            ulValue: len as CK_ULONG,
            hObject: handle(0),
            hAdditionalObject: handle(1),
        })
    }
}
