//! The module through the `cryptoki` crate.

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use hsmsim_testkit::Cluster;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

/// The module, loaded and initialised.
pub(crate) fn library(cluster: &Cluster) -> Pkcs11 {
    let library = Pkcs11::new(cluster.module_path()).expect("a PKCS#11 module");
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    library.initialize(arguments).expect("C_Initialize");
    library
}

/// A session on the provisioned token, the crypto officer logged in.
pub(crate) fn session(cluster: &Cluster, library: &Pkcs11) -> Session {
    let slots = library.get_all_slots().expect("C_GetSlotList");
    let ours = cluster.slots().iter().find(|slot| slot.provisioned).expect("a provisioned slot");
    let slot = slots.into_iter().find(|slot| slot.id() == ours.id).expect("the slot");
    let session = library.open_rw_session(slot).expect("C_OpenSession");
    session.login(UserType::User, Some(&AuthPin::from(cluster.user_pin()))).expect("C_Login");
    session
}

/// Makes an RSA pair of token keys with a label; gives the public and the private one.
pub(crate) fn make_rsa(session: &Session, label: &str) -> (ObjectHandle, ObjectHandle) {
    let label = Attribute::Label(label.into());
    let public = [Attribute::Token(true), Attribute::ModulusBits(2048_u64.into()), label.clone()];
    let private = [Attribute::Token(true), Attribute::Sign(true), label];
    session
        .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
        .expect("C_GenerateKeyPair")
}

/// Whether this is a signature of CKM_SHA256_RSA_PKCS over the message; computed outside the module.
pub(crate) fn verifies(
    session: &Session,
    public: ObjectHandle,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
    let values = session.get_attributes(public, &wanted).expect("C_GetAttributeValue");
    let [Attribute::Modulus(n), Attribute::PublicExponent(e)] = &values[..] else {
        panic!("not an RSA key: {values:?}");
    };
    RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
}
