//! Many threads that sign while members die and return.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use cryptoki::{mechanism::Mechanism, session::Session};
use hsmsim_tests::{
    Sandbox,
    apart::{apart, apart_within},
    p11::{self, Pair},
    test_name,
    verify::PublicKey,
    wait,
};

use crate::faults::{heal_and_recover, strike};

const THREADS: usize = 16;

/// No call may take longer. The receive timeout is 0.2 s; two members may be found dead one after the
/// other, and sixteen threads share two processors with the other tests.
const CALL_MAX: Duration = Duration::from_secs(10);

#[test]
fn sixteen_threads_sign_while_members_die_and_return() {
    let bound = Duration::from_secs(180);
    apart_within(
        bound,
        test_name!(),
        || Sandbox::scaled("ha-pair", 100),
        |sandbox| {
            let library = p11::library();
            let first = p11::session(&library);
            let rsa = p11::make_rsa(&first, 2048, "rsa").expect("a key");
            let ec = p11::make_ec(&first, "ec").expect("a key");
            let sessions: Vec<Session> = (0..THREADS).map(|_| p11::session(&library)).collect();
            let (signed, over) = (AtomicUsize::new(0), AtomicBool::new(false));
            let longest = thread::scope(|scope| {
                let threads: Vec<_> = sessions
                    .into_iter()
                    .enumerate()
                    .map(|(number, session)| {
                        let keys = if number % 2 == 0 { rsa } else { ec };
                        let (signed, over) = (&signed, &over);
                        scope.spawn(move || sign_on(&session, keys, number, signed, over))
                    })
                    .collect();
                let more = |count| {
                    let wanted = signed.load(Ordering::Relaxed) + count;
                    wait::until(CALL_MAX, "signatures", || {
                        (signed.load(Ordering::Relaxed) >= wanted).then_some(())
                    });
                };
                for round in 0..2 {
                    for (fault, device) in [
                        ("device.power_loss", "hsm-eus-1"),
                        ("device.restart", "hsm-eus-2"),
                        ("device.hang", "hsm-eus-1"),
                        ("device.power_loss", "hsm-eus-2"),
                    ] {
                        more(THREADS * 4);
                        let lost = losses(sandbox);
                        strike(sandbox, fault, device);
                        wait::until(CALL_MAX, "the loss of a member", || {
                            (losses(sandbox) > lost).then_some(())
                        });
                        more(THREADS * 4);
                        let returns = recoveries(sandbox);
                        heal_and_recover(sandbox);
                        // Before the other one goes, this process has to have taken this one back.
                        wait::until(CALL_MAX, "the return of the member", || {
                            (recoveries(sandbox) > returns).then_some(())
                        });
                        println!("round {round}: {fault} {device} survived");
                    }
                }
                over.store(true, Ordering::Relaxed);
                threads.into_iter().map(|t| t.join().expect("a thread")).max().expect("a time")
            });
            println!("{} signatures, all verified; longest call {longest:?}", signed.into_inner());
            assert!(longest < CALL_MAX, "{longest:?}");
        },
    );
}

/// Signs and verifies until it is over; gives the longest time of a call.
#[test]
fn an_application_is_told_once_that_a_member_left_by_c_wait_for_slot_event() {
    apart(
        test_name!(),
        || Sandbox::scaled("ha-pair", 100),
        |sandbox| {
            let library = p11::library();
            let session = p11::session(&library);
            let event = || library.get_slot_event().expect("C_WaitForSlotEvent");
            assert_eq!(event(), None);
            strike(sandbox, "device.restart", "hsm-eus-1");
            // Whoever asks finds the member gone; so does the next call.
            let told = wait::until(CALL_MAX, "an event", event);
            assert_eq!(told, p11::slot(&library));
            assert_eq!(event(), None);
            session.generate_random_vec(8).expect("the other member serves");
        },
    );
}

fn sign_on(
    session: &Session,
    keys: Pair,
    number: usize,
    signed: &AtomicUsize,
    over: &AtomicBool,
) -> Duration {
    let public = PublicKey::of(session, keys.public).expect("a public key");
    let mechanism = match public {
        PublicKey::Rsa { .. } => Mechanism::Sha256RsaPkcs,
        PublicKey::P256(_) => Mechanism::EcdsaSha256,
    };
    let mut longest = Duration::ZERO;
    for count in 0_u64.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let words = format!("thread {number}, signature {count}");
        let begin = Instant::now();
        // One member is always there, so no call fails.
        let signature = session.sign(&mechanism, keys.private, words.as_bytes()).expect("C_Sign");
        longest = longest.max(begin.elapsed());
        assert!(public.verifies(words.as_bytes(), &signature), "{words}");
        signed.fetch_add(1, Ordering::Relaxed);
    }
    longest
}

/// How often this process has given a member up.
fn losses(sandbox: &Sandbox) -> usize {
    lines(sandbox, "member lost")
}

/// How often this process has taken a member back.
fn recoveries(sandbox: &Sandbox) -> usize {
    lines(sandbox, "member recovered")
}

fn lines(sandbox: &Sandbox, what: &str) -> usize {
    let process = format!(" {} ", std::process::id());
    sandbox.log().lines().filter(|line| line.contains(&process) && line.contains(what)).count()
}
