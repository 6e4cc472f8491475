//! Objects and random numbers.

use hsmsim_types::{
    ObjectHandle, SessionHandle,
    ck::{CK_ATTRIBUTE, CK_BYTE, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG},
};

use crate::fns::{object as objects, random};

session_functions! {
    /// Creates an object from its values.
    fn C_CreateObject(
        session: CK_SESSION_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        object: *mut CK_OBJECT_HANDLE,
    );
    let object = Place(object);
    read template = TemplateIn(template, count).read();
    => objects::create[SessionHandle(session), template, &object]

    /// Copies an object.
    fn C_CopyObject(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        copy: *mut CK_OBJECT_HANDLE,
    );
    let copy = Place(copy);
    read template = TemplateIn(template, count).read();
    => objects::copy[SessionHandle(session), ObjectHandle(object), template, &copy]

    /// Destroys an object.
    fn C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE);
    => objects::destroy[SessionHandle(session), ObjectHandle(object)]

    /// Changes attributes.
    fn C_SetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    );
    read template = TemplateIn(template, count).read();
    => objects::set_attributes[SessionHandle(session), ObjectHandle(object), template]

    /// Begins a search.
    fn C_FindObjectsInit(
        session: CK_SESSION_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    );
    read template = TemplateIn(template, count).read();
    => objects::find_init[SessionHandle(session), template]

    /// Adds to the seed of the token's generator.
    fn C_SeedRandom(
        session: CK_SESSION_HANDLE,
        seed: *mut CK_BYTE,
        seed_len: CK_ULONG,
    );
    let seed = Input(seed, seed_len);
    => random::seed[SessionHandle(session), &seed]

    /// Random bytes.
    fn C_GenerateRandom(
        session: CK_SESSION_HANDLE,
        random: *mut CK_BYTE,
        random_len: CK_ULONG,
    );
    let room = Fill(random, random_len);
    => random::generate[SessionHandle(session), &room]
}

c_functions! {
    /// How many bytes an object takes.
    fn C_GetObjectSize(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        size: *mut CK_ULONG,
    ) on Session(session);
    let size = Place(size);
    => objects::size[SessionHandle(session), ObjectHandle(object), &size]

    /// Reads attributes.
    fn C_GetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) on Session(session);
    let template = TemplateOut(template, count);
    => objects::attributes[SessionHandle(session), ObjectHandle(object), &template]

    /// Goes on with a search.
    fn C_FindObjects(
        session: CK_SESSION_HANDLE,
        objects: *mut CK_OBJECT_HANDLE,
        max: CK_ULONG,
        count: *mut CK_ULONG,
    ) on Session(session);
    let found = Handles(objects, max, count);
    => objects::find[SessionHandle(session), &found]

    /// Ends a search.
    fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) on Session(session);
    => objects::find_final[SessionHandle(session)]
}
