//! Key management (PKCS#11 3.1, 5.18).

use hsmsim_client::{Client, Room};
use hsmsim_types::{ObjectHandle, Result, SessionHandle, ck::CK_OBJECT_HANDLE};

use crate::raw::{Buffer, Input, MechanismIn, Place, TemplateIn};

/// C_GenerateKey.
pub(crate) fn generate(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    template: &TemplateIn,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let (mechanism, template) = (mechanism.read()?, template.read()?);
    let ObjectHandle(key) = client.run(client.generate_key(session, mechanism, template))?;
    place.put(key);
    Ok(())
}

/// C_GenerateKeyPair. Public key first, in `templates` and in `places`.
pub(crate) fn generate_pair(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    templates: (&TemplateIn, &TemplateIn),
    places: (&Place<CK_OBJECT_HANDLE>, &Place<CK_OBJECT_HANDLE>),
) -> Result<()> {
    let places = (places.0.required()?, places.1.required()?);
    let mechanism = mechanism.read()?;
    let (public, private) = (templates.0.read()?, templates.1.read()?);
    let (ObjectHandle(public), ObjectHandle(private)) =
        client.run(client.generate_key_pair(session, mechanism, public, private))?;
    places.0.put(public);
    places.1.put(private);
    Ok(())
}

/// C_WrapKey, C_WrapKeyAuthenticated.
pub(crate) fn wrap(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    wrapping_key: ObjectHandle,
    key: ObjectHandle,
    associated: Option<&Input>,
    buffer: &Buffer,
) -> Result<()> {
    let (room, mechanism) = (buffer.room()?, mechanism.read()?);
    let associated = associated.map(Input::bytes).transpose()?;
    let wrap = client.wrap_key(session, mechanism, wrapping_key, key, associated, room);
    buffer.write(&client.run(wrap)?)
}

/// C_UnwrapKey, C_UnwrapKeyAuthenticated. `wrapped` comes with what is authenticated besides.
pub(crate) fn unwrap(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    unwrapping_key: ObjectHandle,
    (wrapped, associated): (&Input, Option<&Input>),
    template: &TemplateIn,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let (mechanism, wrapped, template) = (mechanism.read()?, wrapped.bytes()?, template.read()?);
    let associated = associated.map(Input::bytes).transpose()?;
    let unwrapping =
        client.unwrap_key(session, mechanism, unwrapping_key, wrapped, template, associated);
    let ObjectHandle(key) = client.run(unwrapping)?;
    place.put(key);
    Ok(())
}

/// C_DeriveKey. What goes into the mechanism's own structure has its places checked before anything is
/// done, so that no key comes into being whose handle cannot be told.
pub(crate) fn derive(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    base_key: ObjectHandle,
    template: &TemplateIn,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let (given, places) = (mechanism.read()?, mechanism.derived_places()?);
    // 6.26.6: where all keys have places in the structure, that of the call is ignored.
    let place = if places.all_in_structure() { None } else { Some(place.required()?) };
    let template = template.read()?;
    let derived = client.run(client.derive_key(session, given, base_key, template));
    let derived = derived.inspect_err(|_| places.put_none())?;
    let mut keys = derived.keys.iter().map(|&ObjectHandle(key)| key);
    if let Some(place) = place
        && let Some(key) = keys.next()
    {
        place.put(key);
    }
    places.put(keys, &derived.output);
    Ok(())
}

/// C_EncapsulateKey.
pub(crate) fn encapsulate(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    public_key: ObjectHandle,
    template: &TemplateIn,
    buffer: &Buffer,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let room = buffer.room()?;
    // Whoever asks for a length needs no place for a key.
    let place = if room == Room::Query { None } else { Some(place.required()?) };
    let (mechanism, template) = (mechanism.read()?, template.read()?);
    let encapsulate = client.encapsulate_key(session, mechanism, public_key, template, room);
    let (output, ObjectHandle(key)) = client.run(encapsulate)?;
    buffer.write(&output)?;
    if let Some(place) = place {
        place.put(key);
    }
    Ok(())
}

/// C_DecapsulateKey.
pub(crate) fn decapsulate(
    client: &Client,
    session: SessionHandle,
    mechanism: &MechanismIn,
    private_key: ObjectHandle,
    ciphertext: &Input,
    template: &TemplateIn,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let (mechanism, template) = (mechanism.read()?, template.read()?);
    let ciphertext = ciphertext.bytes()?;
    let decapsulate = client.decapsulate_key(session, mechanism, private_key, ciphertext, template);
    let ObjectHandle(key) = client.run(decapsulate)?;
    place.put(key);
    Ok(())
}
