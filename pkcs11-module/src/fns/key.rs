//! Key management (PKCS#11 3.1, 5.18).

use hsmsim_client::{Client, Room};
use hsmsim_types::{
    Mechanism, ObjectHandle, Params, Result, SessionHandle, Template, ck::CK_OBJECT_HANDLE,
};

use crate::raw::{Buffer, Input, Place, Places, SealPlaces};

/// C_GenerateKey.
pub(crate) async fn generate(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<Mechanism>,
    template: Result<Template>,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let (mechanism, template) = (mechanism?, template?);
    let ObjectHandle(key) = client.generate_key(session, mechanism, template).await?;
    place.put(key);
    Ok(())
}

/// C_GenerateKeyPair. Public key first, in `templates` and in `places`.
pub(crate) async fn generate_pair(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<Mechanism>,
    templates: (Result<Template>, Result<Template>),
    places: (&Place<CK_OBJECT_HANDLE>, &Place<CK_OBJECT_HANDLE>),
) -> Result<()> {
    let places = (places.0.required()?, places.1.required()?);
    let mechanism = mechanism?;
    let (public, private) = (templates.0?, templates.1?);
    let (ObjectHandle(public), ObjectHandle(private)) =
        client.generate_key_pair(session, mechanism, public, private).await?;
    places.0.put(public);
    places.1.put(private);
    Ok(())
}

/// C_WrapKey, C_WrapKeyAuthenticated.
pub(crate) async fn wrap(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<(Mechanism, SealPlaces)>,
    wrapping_key: ObjectHandle,
    key: ObjectHandle,
    associated: Option<&Input>,
    buffer: &Buffer,
) -> Result<()> {
    let (room, (mut mechanism, places)) = (buffer.room()?, mechanism?);
    if room != Room::Query
        && let Err(error) = places.check()
    {
        mechanism.params = Params::Malformed(error.rule().to_owned());
    }
    let associated = associated.map(Input::bytes).transpose()?;
    let wrap = client.wrap_key(session, mechanism, wrapping_key, key, associated, room);
    let message = wrap.await?;
    buffer.write(&message.output)?;
    places.put(&message.nonce, &message.tag);
    Ok(())
}

/// C_UnwrapKey, C_UnwrapKeyAuthenticated. `wrapped` comes with what is authenticated besides, the mechanism
/// with the tag if that is apart.
pub(crate) async fn unwrap(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<(Mechanism, Vec<u8>)>,
    unwrapping_key: ObjectHandle,
    (wrapped, associated): (&Input, Option<&Input>),
    template: Result<Template>,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let ((mechanism, tag), wrapped, template) = (mechanism?, wrapped.bytes()?, template?);
    let associated = associated.map(Input::bytes).transpose()?;
    let wrapped = [wrapped, &tag].concat();
    let unwrapping =
        client.unwrap_key(session, mechanism, unwrapping_key, &wrapped, template, associated);
    let ObjectHandle(key) = unwrapping.await?;
    place.put(key);
    Ok(())
}

/// C_DeriveKey. What goes into the mechanism's own structure has its places checked before anything is
/// done, so that no key comes into being whose handle cannot be told.
pub(crate) async fn derive(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<(Mechanism, Places)>,
    base_key: ObjectHandle,
    template: Result<Template>,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let (mechanism, places) = mechanism?;
    // 6.26.6: where all keys have places in the structure, that of the call is ignored; where the structure
    // cannot be read there will be no key.
    let none = places.all_in_structure() || matches!(mechanism.params, Params::Malformed(_));
    let place = if none { None } else { Some(place.required()?) };
    let template = template?;
    let derived = client.derive_key(session, mechanism, base_key, template).await;
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
pub(crate) async fn encapsulate(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<Mechanism>,
    public_key: ObjectHandle,
    template: Result<Template>,
    buffer: &Buffer,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let room = buffer.room()?;
    // Whoever asks for a length needs no place for a key.
    let place = if room == Room::Query { None } else { Some(place.required()?) };
    let (mechanism, template) = (mechanism?, template?);
    let encapsulate = client.encapsulate_key(session, mechanism, public_key, template, room);
    let (output, ObjectHandle(key)) = encapsulate.await?;
    buffer.write(&output)?;
    if let Some(place) = place {
        place.put(key);
    }
    Ok(())
}

/// C_DecapsulateKey.
pub(crate) async fn decapsulate(
    client: &Client,
    session: SessionHandle,
    mechanism: Result<Mechanism>,
    private_key: ObjectHandle,
    ciphertext: &Input,
    template: Result<Template>,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let (mechanism, template) = (mechanism?, template?);
    let ciphertext = ciphertext.bytes()?;
    let decapsulate = client.decapsulate_key(session, mechanism, private_key, ciphertext, template);
    let ObjectHandle(key) = decapsulate.await?;
    place.put(key);
    Ok(())
}
