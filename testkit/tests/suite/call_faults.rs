//! Call faults as guards, and an application that has to cope with them.

use std::time::Duration;

use cryptoki::{
    context::Pkcs11,
    error::{Error, RvError},
    mechanism::Mechanism,
    object::{Attribute, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use hsmsim_testkit::{Cluster, in_own_process};

use crate::p11;

/// An application that signs and mends what it can: it repeats what failed, logs in again, opens a
/// session anew. Four times in all.
struct Persistent<'a> {
    cluster: &'a Cluster,
    library: &'a Pkcs11,
    session: Session,
}

impl Persistent<'_> {
    fn sign(&mut self, label: &str) -> Result<Vec<u8>, Error> {
        let mut outcome = self.try_sign(label);
        for _ in 0..3 {
            match &outcome {
                Err(Error::Pkcs11(RvError::UserNotLoggedIn, _)) => {
                    let pin = AuthPin::from(self.cluster.user_pin());
                    self.session.login(UserType::User, Some(&pin))?;
                }
                Err(Error::Pkcs11(RvError::SessionHandleInvalid, _)) => {
                    self.session = p11::session(self.cluster, self.library);
                }
                Err(Error::Pkcs11(RvError::DeviceError, _)) => {}
                _ => return outcome,
            }
            outcome = self.try_sign(label);
        }
        outcome
    }

    fn try_sign(&self, label: &str) -> Result<Vec<u8>, Error> {
        let template = [Attribute::Label(label.into()), Attribute::Sign(true)];
        let key: ObjectHandle =
            *self.session.find_objects(&template)?.first().ok_or(Error::InvalidValue)?;
        self.session.sign(&Mechanism::Sha256RsaPkcs, key, b"text")
    }
}

/// Runs a body with the application, a key `web` and a cluster of its own.
fn with_application(cluster: &Cluster, body: impl FnOnce(&mut Persistent<'_>, ObjectHandle)) {
    let library = p11::library(cluster);
    let session = p11::session(cluster, &library);
    let (public, _) = p11::make_rsa(&session, "web");
    p11::make_rsa(&session, "mail");
    body(&mut Persistent { cluster, library: &library, session }, public);
}

fn codes(cluster: &Cluster, function: &str) -> Vec<String> {
    let record = cluster.record().unwrap();
    record.of(function).calls().iter().map(|call| call.code.clone()).collect()
}

#[test]
fn the_third_signature_with_a_key_fails_and_the_application_repeats_it() {
    in_own_process!(Cluster::builder("ha-pair"), |cluster: &Cluster| {
        with_application(cluster, |app, public| {
            let third = cluster.calls("C_Sign").label("web").nth(3).fail("CKR_DEVICE_ERROR");
            let third = third.unwrap();
            for label in ["web", "mail", "web", "mail", "web", "mail"] {
                app.sign(label).expect("a signature");
            }
            let signature = app.sign("web").unwrap();
            assert!(p11::verifies(&app.session, public, b"text", &signature));
            let record = cluster.record().unwrap();
            // cryptoki asks for each length first, which is a call to the record and none to the rule.
            assert_eq!(codes(cluster, "C_SignInit").len(), 8);
            let struck = record.struck();
            assert_eq!((struck.len(), record.failed().len()), (1, 1));
            assert_eq!(struck[0].code, "CKR_DEVICE_ERROR");
            assert_eq!(struck[0].call_fault, third.id().to_string());
            assert_eq!(record.failovers(), 0);
            let events = record.events().iter().filter(|event| event.event == "call_fault");
            let told: Vec<_> = events.map(|event| event.detail.as_str()).collect();
            assert_eq!(told, [format!("{}: C_Sign: {third}", third.id())]);
        });
    });
}

#[test]
fn an_application_that_copes_gets_its_session_and_its_login_back() {
    in_own_process!(Cluster::builder("ha-pair"), |cluster: &Cluster| {
        with_application(cluster, |app, _| {
            let _gone = cluster.calls("C_Sign").nth(1).drop_session().unwrap();
            let _out = cluster.calls("C_Sign").nth(3).drop_login().unwrap();
            for _ in 0..3 {
                app.sign("web").expect("a signature");
            }
            let failed: Vec<String> =
                cluster.record().unwrap().failed().iter().map(|call| call.code.clone()).collect();
            assert!(failed.contains(&"CKR_SESSION_HANDLE_INVALID".to_owned()), "{failed:?}");
            assert!(failed.contains(&"CKR_USER_NOT_LOGGED_IN".to_owned()), "{failed:?}");
            assert_eq!(cluster.record().unwrap().struck().len(), 2);
        });
    });
}

#[test]
fn a_call_fault_strikes_until_it_is_dropped() {
    in_own_process!(Cluster::builder("ha-pair"), |cluster: &Cluster| {
        with_application(cluster, |app, _| {
            let broken = cluster.calls("C_Sign").fail("CKR_DEVICE_ERROR").unwrap();
            assert!(matches!(app.sign("web"), Err(Error::Pkcs11(RvError::DeviceError, _))));
            assert_eq!(cluster.record().unwrap().struck().len(), 4, "it has given up");
            drop(broken);
            app.sign("web").expect("a signature");
            // Kept ones go with the rest.
            cluster.call_fault("C_Sign hang=forever").unwrap().keep();
            cluster.clear_call_faults().unwrap();
            app.sign("web").expect("a signature");
        });
    });
}

#[test]
fn a_slow_call_is_slow_and_a_lost_answer_leaves_a_key() {
    in_own_process!(Cluster::builder("instant"), |cluster: &Cluster| {
        with_application(cluster, |app, _| {
            let wait = Duration::from_millis(50);
            let slow = cluster.calls("C_Sign").mechanism("CKM_SHA256_RSA_PKCS").delay(wait);
            let slow = slow.unwrap();
            app.sign("web").expect("a signature");
            let record = cluster.record().unwrap();
            assert!(record.struck()[0].took >= wait, "{:?}", record.struck());
            record.assert_no_errors();
            drop(slow);
            let lost = cluster.calls("C_GenerateKeyPair").label("lost");
            let _lost = lost.slowly(wait).lose_answer("CKR_FUNCTION_FAILED").unwrap();
            let label = Attribute::Label(b"lost".to_vec());
            let public = [Attribute::Token(true), Attribute::ModulusBits(2048_u64.into())];
            let private = [Attribute::Token(true), label.clone()];
            let made =
                app.session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private);
            assert!(matches!(made, Err(Error::Pkcs11(RvError::FunctionFailed, _))), "{made:?}");
            assert_eq!(app.session.find_objects(&[label]).expect("a search").len(), 1);
        });
    });
}

#[test]
fn what_is_misspelt_is_answered_with_what_was_meant() {
    let cluster = Cluster::start("instant").unwrap();
    let why = cluster.calls("C_Sing").fail("CKR_DEVICE_ERROR").unwrap_err().to_string();
    assert!(why.contains("\"C_Sign\""), "{why}");
    let why = cluster.calls("C_Sign").fail("CKR_DEVICE_EROR").unwrap_err().to_string();
    assert!(why.contains("\"CKR_DEVICE_ERROR\""), "{why}");
    let why = cluster.calls("C_OpenSession").drop_session().unwrap_err().to_string();
    assert!(why.contains("C_OpenSession has no session"), "{why}");
}
