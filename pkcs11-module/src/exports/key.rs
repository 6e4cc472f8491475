//! Keys: made, wrapped, unwrapped, derived.

use hsmsim_types::{
    ObjectHandle, SessionHandle,
    ck::{CK_ATTRIBUTE, CK_BYTE, CK_MECHANISM, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_ULONG},
};

use crate::fns::key as keys;

session_functions! {
    /// Makes a secret key.
    fn C_GenerateKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    );
    let key = Place(key);
    read mechanism = MechanismIn(mechanism).read();
    read template = TemplateIn(template, count).read();
    => keys::generate[SessionHandle(session), mechanism, template, &key]

    /// Makes a key pair.
    fn C_GenerateKeyPair(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        public_template: *mut CK_ATTRIBUTE,
        public_count: CK_ULONG,
        private_template: *mut CK_ATTRIBUTE,
        private_count: CK_ULONG,
        public_key: *mut CK_OBJECT_HANDLE,
        private_key: *mut CK_OBJECT_HANDLE,
    );
    let public_key = Place(public_key);
    let private_key = Place(private_key);
    read mechanism = MechanismIn(mechanism).read();
    read public_template = TemplateIn(public_template, public_count).read();
    read private_template = TemplateIn(private_template, private_count).read();
    => keys::generate_pair[
        SessionHandle(session),
        mechanism,
        (public_template, private_template),
        (&public_key, &private_key)
    ]

    /// Wraps a key under another.
    fn C_WrapKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        wrapping_key: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        wrapped_len: *mut CK_ULONG,
    );
    let wrapped = Buffer(wrapped, wrapped_len);
    read mechanism = MechanismIn(mechanism).read_wrapping();
    => keys::wrap[
        SessionHandle(session),
        mechanism,
        ObjectHandle(wrapping_key),
        ObjectHandle(key),
        None,
        &wrapped
    ]

    /// Wraps a key under another, with data that is authenticated besides.
    fn C_WrapKeyAuthenticated(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        wrapping_key: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
        associated: *mut CK_BYTE,
        associated_len: CK_ULONG,
        wrapped: *mut CK_BYTE,
        wrapped_len: *mut CK_ULONG,
    );
    let associated = Input(associated, associated_len);
    let wrapped = Buffer(wrapped, wrapped_len);
    read mechanism = MechanismIn(mechanism).read_wrapping_authenticated();
    => keys::wrap[
        SessionHandle(session),
        mechanism,
        ObjectHandle(wrapping_key),
        ObjectHandle(key),
        Some(&associated),
        &wrapped
    ]

    /// Unwraps a key.
    fn C_UnwrapKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        unwrapping_key: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        wrapped_len: CK_ULONG,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    );
    let wrapped = Input(wrapped, wrapped_len);
    let key = Place(key);
    read mechanism = MechanismIn(mechanism).read_unwrapping();
    read template = TemplateIn(template, count).read();
    => keys::unwrap[
        SessionHandle(session),
        mechanism,
        ObjectHandle(unwrapping_key),
        (&wrapped, None),
        template,
        &key
    ]

    /// Unwraps a key whose wrapping authenticates other data besides.
    fn C_UnwrapKeyAuthenticated(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        unwrapping_key: CK_OBJECT_HANDLE,
        wrapped: *mut CK_BYTE,
        wrapped_len: CK_ULONG,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        associated: *mut CK_BYTE,
        associated_len: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    );
    let wrapped = Input(wrapped, wrapped_len);
    let associated = Input(associated, associated_len);
    let key = Place(key);
    read mechanism = MechanismIn(mechanism).read_unwrapping_authenticated();
    read template = TemplateIn(template, count).read();
    => keys::unwrap[
        SessionHandle(session),
        mechanism,
        ObjectHandle(unwrapping_key),
        (&wrapped, Some(&associated)),
        template,
        &key
    ]

    /// Makes a secret key that the owner of a private key can make again.
    fn C_EncapsulateKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        public_key: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        ciphertext: *mut CK_BYTE,
        ciphertext_len: *mut CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    );
    let ciphertext = Buffer(ciphertext, ciphertext_len);
    let key = Place(key);
    read mechanism = MechanismIn(mechanism).read();
    read template = TemplateIn(template, count).read();
    => keys::encapsulate[
        SessionHandle(session),
        mechanism,
        ObjectHandle(public_key),
        template,
        &ciphertext,
        &key
    ]

    /// Makes a secret key out of what its maker sent.
    fn C_DecapsulateKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        private_key: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        ciphertext: *mut CK_BYTE,
        ciphertext_len: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    );
    let ciphertext = Input(ciphertext, ciphertext_len);
    let key = Place(key);
    read mechanism = MechanismIn(mechanism).read();
    read template = TemplateIn(template, count).read();
    => keys::decapsulate[
        SessionHandle(session),
        mechanism,
        ObjectHandle(private_key),
        &ciphertext,
        template,
        &key
    ]

    /// Derives a key from another.
    fn C_DeriveKey(
        session: CK_SESSION_HANDLE,
        mechanism: *mut CK_MECHANISM,
        base_key: CK_OBJECT_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        key: *mut CK_OBJECT_HANDLE,
    );
    let key = Place(key);
    read mechanism = MechanismIn(mechanism).read_with_places();
    read template = TemplateIn(template, count).read();
    => keys::derive[
        SessionHandle(session),
        mechanism,
        ObjectHandle(base_key),
        template,
        &key
    ]
}
