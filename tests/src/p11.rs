//! The module as a Rust program uses it, through the `cryptoki` crate.

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};

use crate::{
    build,
    sandbox::{LABEL, SO_PIN, USER_PIN},
};

/// DER of the object identifier of P-256.
pub const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// The module, loaded and initialised.
///
/// # Panics
/// If it cannot be.
pub fn library() -> Pkcs11 {
    let library = load();
    library.initialize(os_locking()).expect("C_Initialize");
    library
}

/// The module, loaded only.
///
/// # Panics
/// If it cannot be.
pub fn load() -> Pkcs11 {
    Pkcs11::new(build::module_path()).expect("a PKCS#11 module")
}

/// What a program with threads tells `C_Initialize`.
pub fn os_locking() -> CInitializeArgs {
    CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)
}

/// The slot of the provisioned group.
///
/// # Panics
/// If there is none.
pub fn slot(library: &Pkcs11) -> Slot {
    let slots = library.get_all_slots().expect("C_GetSlotList");
    let ours = |slot: &Slot| {
        library.get_token_info(*slot).is_ok_and(|token| token.label().trim_end() == LABEL)
    };
    slots.into_iter().find(ours).expect("the slot of the provisioned group")
}

/// A read-write session on the provisioned group, the crypto officer logged in.
///
/// # Panics
/// If there is none to be had.
pub fn session(library: &Pkcs11) -> Session {
    let session = library.open_rw_session(slot(library)).expect("C_OpenSession");
    match session.login(UserType::User, Some(&pin(USER_PIN))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => session,
        Err(error) => panic!("{error}"),
    }
}

/// A PIN.
pub fn pin(pin: &str) -> AuthPin {
    AuthPin::new(pin.into())
}

/// The security officer's PIN.
pub fn so_pin() -> AuthPin {
    pin(SO_PIN)
}

/// The code of a call that failed.
///
/// # Panics
/// If it did not.
pub fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> RvError {
    match outcome {
        Err(Error::Pkcs11(code, _)) => code,
        other => panic!("a code of PKCS#11 was expected, not {other:?}"),
    }
}

/// A pair of keys.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The public key.
    pub public: ObjectHandle,
    /// The private key.
    pub private: ObjectHandle,
}

/// Makes a token key pair on P-256 with this CKA_ID, which is its label too.
///
/// # Errors
/// What the call gives.
pub fn make_ec(session: &Session, id: &str) -> Result<Pair, Error> {
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(P256.to_vec()),
        Attribute::Id(id.into()),
        Attribute::Label(id.into()),
    ];
    make_pair(session, &Mechanism::EccKeyPairGen, &public, id)
}

/// Makes an RSA token key pair with this CKA_ID, which is its label too.
///
/// # Errors
/// What the call gives.
pub fn make_rsa(session: &Session, bits: u64, id: &str) -> Result<Pair, Error> {
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::ModulusBits(bits.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
        Attribute::Id(id.into()),
        Attribute::Label(id.into()),
    ];
    make_pair(session, &Mechanism::RsaPkcsKeyPairGen, &public, id)
}

fn make_pair(
    session: &Session,
    mechanism: &Mechanism<'_>,
    public: &[Attribute],
    id: &str,
) -> Result<Pair, Error> {
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Sign(true),
        Attribute::Id(id.into()),
        Attribute::Label(id.into()),
    ];
    let (public, private) = session.generate_key_pair(mechanism, public, &private)?;
    Ok(Pair { public, private })
}

/// The token key pair with this CKA_ID, if both halves are there.
///
/// # Errors
/// What the search gives.
///
/// # Panics
/// If one half is there without the other, or twice: that is never right.
pub fn find_pair(session: &Session, id: &str) -> Result<Option<Pair>, Error> {
    let find = |class| session.find_objects(&[Attribute::Class(class), Attribute::Id(id.into())]);
    let halves = (find(ObjectClass::PUBLIC_KEY)?, find(ObjectClass::PRIVATE_KEY)?);
    match (&halves.0[..], &halves.1[..]) {
        ([], []) => Ok(None),
        (&[public], &[private]) => Ok(Some(Pair { public, private })),
        other => panic!("{id}: half a pair, or two: {other:?}"),
    }
}

/// The IDs of all objects of a class.
///
/// # Errors
/// What the search gives.
pub fn ids(session: &Session, class: ObjectClass) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    for object in session.find_objects(&[Attribute::Class(class)])? {
        for attribute in session.get_attributes(object, &[AttributeType::Id])? {
            if let Attribute::Id(id) = attribute {
                ids.push(String::from_utf8_lossy(&id).into_owned());
            }
        }
    }
    ids.sort();
    Ok(ids)
}
