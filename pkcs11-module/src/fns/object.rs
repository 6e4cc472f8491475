//! Object management (PKCS#11 3.1, 5.7).

use hsmsim_client::{Client, script::CalledOn};
use hsmsim_types::{
    ObjectHandle, Result, SessionHandle, Template,
    ck::{CK_OBJECT_HANDLE, CK_ULONG},
};

use crate::raw::{Handles, Place, TemplateOut};

/// C_CreateObject.
pub(crate) async fn create(
    client: &Client,
    session: SessionHandle,
    template: Result<Template>,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let template = template?;
    let ObjectHandle(object) = client.create_object(session, template).await?;
    place.put(object);
    Ok(())
}

/// C_CopyObject.
pub(crate) async fn copy(
    client: &Client,
    session: SessionHandle,
    object: ObjectHandle,
    template: Result<Template>,
    place: &Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let place = place.required()?;
    let template = template?;
    let ObjectHandle(copy) = client.copy_object(session, object, template).await?;
    place.put(copy);
    Ok(())
}

/// C_DestroyObject.
pub(crate) async fn destroy(
    client: &Client,
    session: SessionHandle,
    object: ObjectHandle,
) -> Result<()> {
    client.destroy_object(session, object).await
}

/// C_GetObjectSize.
pub(crate) fn size(
    client: &Client,
    session: SessionHandle,
    object: ObjectHandle,
    place: &Place<CK_ULONG>,
) -> Result<()> {
    let place = place.required()?;
    place.put(client.run(client.object_size(session, object))?);
    Ok(())
}

/// C_GetAttributeValue.
pub(crate) fn attributes(
    client: &Client,
    session: SessionHandle,
    object: ObjectHandle,
    template: &TemplateOut,
) -> Result<()> {
    let kinds = template.kinds()?;
    template.write(&match template.asks_lengths() {
        true => client.run(client.attribute_lengths(session, object, kinds))?,
        false => client.run(client.attributes(session, object, kinds))?,
    })
}

/// C_SetAttributeValue.
pub(crate) async fn set_attributes(
    client: &Client,
    session: SessionHandle,
    object: ObjectHandle,
    template: Result<Template>,
) -> Result<()> {
    let template = template?;
    client.set_attributes(session, object, template).await
}

/// C_FindObjectsInit.
pub(crate) async fn find_init(
    client: &Client,
    session: SessionHandle,
    template: Result<Template>,
) -> Result<()> {
    let template = template?;
    client.find_init(session, template).await
}

/// C_FindObjects.
pub(crate) fn find(client: &Client, session: SessionHandle, handles: &Handles) -> Result<()> {
    let (max, on) = (handles.max()?, CalledOn::Session(session));
    let find = || client.find(session, max);
    let found = client.answer("C_FindObjects", on, find)?;
    handles.write(found.into_iter().map(|ObjectHandle(object)| object))
}

/// C_FindObjectsFinal.
pub(crate) fn find_final(client: &Client, session: SessionHandle) -> Result<()> {
    let (last, on) = (|| client.find_final(session), CalledOn::Session(session));
    client.answer("C_FindObjectsFinal", on, last)
}
