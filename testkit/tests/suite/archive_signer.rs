//! How a failover finds the mistake of the example application.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use hsmsim_testkit::{Cluster, in_own_process};

use crate::{
    p11,
    signer::{Signer, Strategy},
};

const KEY: &str = "archive";

/// A document that does something when it has been read to a certain place for the first time.
struct Interrupted<'a> {
    text: Cursor<Vec<u8>>,
    at: u64,
    what: Option<Box<dyn FnOnce() + 'a>>,
}

impl Read for Interrupted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text.position() >= self.at
            && let Some(what) = self.what.take()
        {
            what();
        }
        self.text.read(buffer)
    }
}

impl Seek for Interrupted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.text.seek(to)
    }
}

/// Signs a document in whose middle the primary loses its power. Whether the signature is right, and
/// the codes of the calls since then other than CKR_OK.
fn signs_right_over_a_loss_of_power(cluster: &Cluster, strategy: Strategy) -> (bool, Vec<String>) {
    let library = p11::library(cluster);
    let session = p11::session(cluster, &library);
    let (public, _) = p11::make_rsa(&session, KEY);
    drop(session);
    drop(library.finalize());

    let text: Vec<u8> = (0..64 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let signer =
        Signer::open(cluster.module_path(), cluster.label(), cluster.user_pin(), KEY).unwrap();
    let mut dark = None;
    let signed = {
        let strike = || dark = Some(cluster.power_loss("hsm-eus-1").unwrap());
        let what: Box<dyn FnOnce()> = Box::new(strike);
        let mut document =
            Interrupted { text: Cursor::new(text.clone()), at: 32 * 1024, what: Some(what) };
        signer.sign(&mut document, strategy)
    };
    assert!(dark.is_some(), "the device was never struck");
    let signature = signed.expect("a signature");
    let record = cluster.record().unwrap();
    let failed = record.failed().iter().map(|call| call.code.clone()).collect();
    (p11::verifies(&signer.session, public, &text, &signature), failed)
}

#[test]
fn repeating_the_part_that_failed_signs_the_rest_of_the_document_only() {
    in_own_process!(Cluster::builder("ha-pair"), |cluster: &Cluster| {
        let (right, failed) = signs_right_over_a_loss_of_power(cluster, Strategy::RepeatPart);
        // The application saw one error, mended it, and was told CKR_OK ever after.
        assert_eq!(failed, ["CKR_DEVICE_ERROR"]);
        assert!(!right, "the mistake has no effect any more");
    });
}

#[test]
fn beginning_the_document_anew_signs_the_whole_of_it() {
    in_own_process!(Cluster::builder("ha-pair"), |cluster: &Cluster| {
        let (right, failed) = signs_right_over_a_loss_of_power(cluster, Strategy::BeginAnew);
        assert_eq!(failed, ["CKR_DEVICE_ERROR"]);
        assert!(right);
        // It was begun twice, as with the mistake: the record alone does not tell them apart.
        assert_eq!(cluster.record().unwrap().of("C_SignInit").calls().len(), 2);
    });
}

#[test]
fn without_a_fault_the_mistake_does_not_show() {
    in_own_process!(Cluster::builder("ha-pair"), |cluster: &Cluster| {
        let library = p11::library(cluster);
        let session = p11::session(cluster, &library);
        let (public, _) = p11::make_rsa(&session, KEY);
        drop(session);
        drop(library.finalize());
        let signer =
            Signer::open(cluster.module_path(), cluster.label(), cluster.user_pin(), KEY).unwrap();
        let text = vec![7; 10_000];
        let signature = signer.sign(&mut Cursor::new(&text), Strategy::RepeatPart).unwrap();
        assert!(p11::verifies(&signer.session, public, &text, &signature));
        cluster.record().unwrap().assert_no_errors();
    });
}
