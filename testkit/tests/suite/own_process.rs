//! Applications in processes of their own, and what the record says of them.

use std::time::{Duration, SystemTime};

use cryptoki::mechanism::Mechanism;
use hsmsim_testkit::{Cluster, in_own_process};

use crate::p11;

#[test]
fn a_silent_member_delays_one_call_and_fails_none() {
    in_own_process!(Cluster::builder("ha-pair").time_scale(100.0), |cluster: &Cluster| {
        let library = p11::library(cluster);
        let session = p11::session(cluster, &library);
        let (public, private) = p11::make_rsa(&session, "k");
        let sign = || session.sign(&Mechanism::Sha256RsaPkcs, private, b"text").expect("C_Sign");
        sign();
        let struck_at = SystemTime::now();
        let dark = cluster.power_loss("hsm-eus-1").unwrap();
        assert!(p11::verifies(&session, public, b"text", &sign()));
        let during = cluster.record().unwrap().since(struck_at);
        during.assert_no_errors();
        during.assert_failed_over();
        // The receive timeout of 20 s, a hundred times as fast.
        let longest = during.longest().expect("a call");
        assert!(longest.took >= Duration::from_millis(200), "{longest:?}");
        assert!(during.events().iter().any(|event| event.member == "hsm-eus-1"));

        // A key made meanwhile is owed to the lost member, and arrives with its recovery.
        let status = cluster.status().unwrap();
        assert_eq!(status.clients.len(), 1);
        p11::make_rsa(&session, "made meanwhile");
        assert!(cluster.status().unwrap().needs_sync());
        drop(dark);
        cluster.recover().unwrap();
        sign();
        let status = cluster.status().unwrap();
        assert!(!status.needs_sync());
        assert_eq!(status.device("hsm-eus-1").objects, status.device("hsm-eus-2").objects);
        cluster.record().unwrap().assert_no_errors();
    });
}

#[test]
fn synchronising_copies_what_a_member_missed() {
    in_own_process!(Cluster::builder("ha-pair").time_scale(100.0), |cluster: &Cluster| {
        let library = p11::library(cluster);
        let session = p11::session(cluster, &library);
        let cut = cluster.cut_link("client:hsm-eus-2").unwrap();
        p11::make_rsa(&session, "k");
        assert!(cluster.synchronize().is_err());
        drop(cut);
        cluster.synchronize().unwrap();
        assert!(!cluster.status().unwrap().needs_sync());
    });
}

#[test]
fn a_process_that_has_the_module_does_not_open_the_state_too() {
    in_own_process!(Cluster::builder("instant"), |cluster: &Cluster| {
        let second = Cluster::start("instant").unwrap();
        second.status().unwrap();
        let _library = p11::library(cluster);
        let why = second.status().unwrap_err().to_string();
        assert!(why.contains("in_own_process!"), "{why}");
        // The cluster of the first process is asked there.
        assert_eq!(cluster.status().unwrap().clients.len(), 0);
    });
}

#[test]
fn the_record_says_which_process_called_what() {
    in_own_process!(Cluster::builder("instant"), |cluster: &Cluster| {
        let library = p11::library(cluster);
        p11::make_rsa(&p11::session(cluster, &library), "k");
        let record = cluster.record().unwrap();
        let made = record.of("C_GenerateKeyPair");
        assert_eq!(made.calls().len(), 1);
        assert_eq!(made.calls()[0].pid, std::process::id());
        assert_eq!(made.of_process(std::process::id() + 1).calls(), []);
    });
}

#[test]
#[should_panic(expected = "in its own process")]
fn a_body_that_panics_fails_its_test() {
    in_own_process!(Cluster::builder("instant"), |_: &Cluster| panic!("as it should"));
}
