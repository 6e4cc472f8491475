//! The caller's memory.
//!
//! Each type here stands for one shape in which PKCS#11 passes memory: a pointer with its length,
//! an array of attributes, a place for an answer. Its constructor is unsafe, because it takes the
//! caller's word that the pointer is NULL or valid (PKCS#11 3.1, 5.2, and the function's own
//! section); everything after that is safe, checks what can be checked, and copies, or lends what is
//! large ([`Input`]). No pointer needs to be aligned: C programs get that wrong, and reading unaligned
//! costs nothing.
//!
//! What cannot be checked is a pointer into nowhere. A length beyond [`slices::MAX_BYTES`] or a
//! count beyond [`templates::MAX_ATTRIBUTES`] is taken for what it is, a mistake.

#![allow(unsafe_code)]

pub(crate) mod async_data;
pub(crate) mod init;
pub(crate) mod keep;
pub(crate) mod mechanism;
pub(crate) mod message;
pub(crate) mod out;
pub(crate) mod slices;
pub(crate) mod templates;
pub(crate) mod text;

pub(crate) use async_data::{AsyncOut, NameIn};
pub(crate) use init::{InitArgs, InterfaceQuery};
pub(crate) use keep::{Answer, Keep, Owned};
pub(crate) use mechanism::{
    MechanismIn, derivation::SignatureIn, places::Places, wrapping::SealPlaces,
};
pub(crate) use message::MessageIn;
pub(crate) use out::{Buffer, Fill, Handles, List, Place};
pub(crate) use slices::{Input, Label, PinIn, UidIn};
pub(crate) use templates::{TemplateIn, TemplateOut};
