//! PINs, logins, and what wrong ones cost.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use hsmsim_partition::{Personality, api::Reply, api::Request, api::TokenInfo};
use hsmsim_sim_config::{LoginEffect, LoginLimit};

use crate::support::*;

fn a790() -> Personality {
    let mut personality = Personality { vendor_codes: true, ..open() };
    let rule = |limit, effect| LoginLimit { limit, effect };
    personality.login_limits.partition_so = rule(10, LoginEffect::ZeroizePartition);
    personality.login_limits.crypto_officer = rule(10, LoginEffect::LockPermanently);
    personality.login_limits.crypto_user = rule(10, LoginEffect::Lock);
    personality.pin.min = 7;
    personality
}

fn token(client: &mut Client) -> TokenInfo {
    match client.ask(Request::TokenInfo).unwrap() {
        Reply::Token(info) => *info,
        other => panic!("{other:?}"),
    }
}

fn fail_logins(client: &mut Client, role: Role, times: u32) {
    for _ in 0..times {
        assert_eq!(rv(client.login(role, "wrong pin")), CKR_PIN_INCORRECT);
    }
}

fn token_data(label: &str) -> Vec<Attribute> {
    vec![
        Attribute::ulong(CKA_CLASS, CKO_DATA),
        yes(CKA_TOKEN),
        no(CKA_PRIVATE),
        Attribute::bytes(CKA_LABEL, label),
    ]
}

#[test]
fn blank_partition_says_so_and_takes_its_first_pin() {
    let store = std::sync::Arc::new(MemoryStore::default());
    let partition = view(&store, open());
    let mut client = Client::new(&partition, 1, 1);
    let info = token(&mut client);
    assert_eq!(info.flags & (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED), 0);
    for role in [Role::SecurityOfficer, Role::CryptoOfficer, Role::CryptoUser] {
        assert_eq!(rv(client.login(role, "1234")), CKR_USER_PIN_NOT_INITIALIZED);
    }

    let init = |pin: &str| Request::InitToken {
        pin: Pin::new(pin),
        label: b"mine".to_vec(),
        domain: domain(1),
    };
    assert_eq!(client.code(init("123")), CKR_PIN_LEN_RANGE);
    assert_eq!(client.code(init("so pin")), CKR_OK);
    let info = token(&mut client);
    assert_eq!(info.label, b"mine");
    assert_ne!(info.flags & CKF_TOKEN_INITIALIZED, 0);
    assert_eq!(info.flags & CKF_USER_PIN_INITIALIZED, 0);
    assert_eq!(rv(client.login(Role::CryptoOfficer, "1234")), CKR_USER_PIN_NOT_INITIALIZED);

    client.login(Role::SecurityOfficer, "so pin").unwrap();
    assert_eq!(client.code(Request::InitPin { pin: Pin::new("123") }), CKR_PIN_LEN_RANGE);
    assert_eq!(client.code(Request::InitPin { pin: Pin::new("user") }), CKR_OK);
    assert_eq!(client.code(Request::Logout), CKR_OK);
    client.login(Role::CryptoOfficer, "user").unwrap();
    assert_ne!(token(&mut client).flags & CKF_USER_PIN_INITIALIZED, 0);
}

#[test]
fn initialising_again_needs_the_officers_pin_and_erases_everything_else() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    client.create(token_data("old")).unwrap();
    let init = |pin: &str| Request::InitToken {
        pin: Pin::new(pin),
        label: b"again".to_vec(),
        domain: domain(2),
    };
    assert_eq!(client.code(init("not it")), CKR_PIN_INCORRECT);
    assert_eq!(token(&mut client).objects, 1);
    assert_eq!(client.code(init(SO_PIN)), CKR_OK);
    assert_eq!(token(&mut client).objects, 0);
    assert!(client.find(vec![]).is_empty());
    assert_eq!(rv(client.login(Role::CryptoOfficer, USER_PIN)), CKR_USER_PIN_NOT_INITIALIZED);
    client.login(Role::SecurityOfficer, SO_PIN).unwrap();
}

#[test]
fn one_role_at_a_time_for_all_sessions_of_an_application() {
    let (_, partition) = provisioned(open());
    let mut first = Client::new(&partition, 1, 1);
    let mut second = Client::new(&partition, 1, 2);
    let mut stranger = Client::new(&partition, 2, 3);
    assert_eq!(first.code(Request::Logout), CKR_USER_NOT_LOGGED_IN);
    first.login(Role::CryptoOfficer, USER_PIN).unwrap();
    assert_eq!(rv(second.login(Role::CryptoOfficer, USER_PIN)), CKR_USER_ALREADY_LOGGED_IN);
    assert_eq!(rv(second.login(Role::SecurityOfficer, SO_PIN)), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    stranger.login(Role::SecurityOfficer, SO_PIN).unwrap();
    assert_eq!(second.code(Request::Logout), CKR_OK);
    assert_eq!(first.code(Request::Logout), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a_login_ends_with_the_last_connection_and_session() {
    let (_, partition) = provisioned(open());
    let Client { session, connection } = Client::logged_in(&partition, 1);
    drop(session);
    let mut again = Client::new(&partition, 1, 7);
    assert_eq!(rv(again.login(Role::CryptoOfficer, USER_PIN)), CKR_USER_ALREADY_LOGGED_IN);
    drop((connection, again));
    let mut fresh = Client::new(&partition, 1, 8);
    fresh.login(Role::CryptoOfficer, USER_PIN).unwrap();
}

#[test]
fn pins_change_for_whoever_is_logged_in_and_for_the_user_in_public() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let change = |old: &str, new: &str| Request::SetPin { old: Pin::new(old), new: Pin::new(new) };
    assert_eq!(client.code(change("wrong", "new user pin")), CKR_PIN_INCORRECT);
    assert_eq!(client.code(change(USER_PIN, "abc")), CKR_PIN_LEN_RANGE);
    assert_eq!(client.code(change(USER_PIN, &"x".repeat(256))), CKR_PIN_LEN_RANGE);
    assert_eq!(client.code(change(USER_PIN, "new user pin")), CKR_OK);
    assert_eq!(rv(client.login(Role::CryptoOfficer, USER_PIN)), CKR_PIN_INCORRECT);
    client.login(Role::CryptoOfficer, "new user pin").unwrap();
    client.ask(Request::Logout).unwrap();

    client.login(Role::SecurityOfficer, SO_PIN).unwrap();
    assert_eq!(client.code(change(SO_PIN, "new so pin")), CKR_OK);
    client.ask(Request::Logout).unwrap();
    assert_eq!(rv(client.login(Role::SecurityOfficer, SO_PIN)), CKR_PIN_INCORRECT);

    let mut reader = Client::with(&partition, 2, 2, false);
    assert_eq!(reader.code(change("new user pin", "1234")), CKR_SESSION_READ_ONLY);
}

#[test]
fn only_the_role_above_sets_a_pin() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let pin = || Pin::new("fresh");
    assert_eq!(client.code(Request::InitPin { pin: pin() }), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(client.code(Request::InitCryptoUser { pin: pin() }), CKR_OK);
    client.ask(Request::Logout).unwrap();
    client.login(Role::CryptoUser, "fresh").unwrap();
    assert_eq!(client.code(Request::InitCryptoUser { pin: pin() }), CKR_USER_NOT_LOGGED_IN);
    client.ask(Request::Logout).unwrap();
    client.login(Role::SecurityOfficer, SO_PIN).unwrap();
    assert_eq!(client.code(Request::InitCryptoUser { pin: pin() }), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn keys_survive_a_reset_of_the_users_pin() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    let key = client.create(with(secret_key(CKK_AES, &[7; 16]), vec![yes(CKA_TOKEN)])).unwrap();
    partition.init_crypto_officer(&Pin::new(SO_PIN), &Pin::new("forgotten"), NOW).unwrap();
    client.ask(Request::Logout).unwrap();
    client.login(Role::CryptoOfficer, "forgotten").unwrap();
    assert_eq!(client.bytes(key, CKA_VALUE), [7; 16]);
}

#[test]
fn open_profile_counts_shows_locks_and_lets_the_officer_reset() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    client.create(token_data("stays")).unwrap();
    client.ask(Request::Logout).unwrap();
    let mask = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    assert_eq!(token(&mut client).flags & mask, 0);
    fail_logins(&mut client, Role::CryptoOfficer, 1);
    assert_eq!(token(&mut client).flags & mask, CKF_USER_PIN_COUNT_LOW);
    fail_logins(&mut client, Role::CryptoOfficer, 8);
    assert_eq!(token(&mut client).flags & mask, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    fail_logins(&mut client, Role::CryptoOfficer, 1);
    assert_eq!(token(&mut client).flags & mask, CKF_USER_PIN_LOCKED);
    assert_eq!(rv(client.login(Role::CryptoOfficer, USER_PIN)), CKR_PIN_LOCKED);

    client.login(Role::SecurityOfficer, SO_PIN).unwrap();
    assert_eq!(client.code(Request::InitPin { pin: Pin::new(USER_PIN) }), CKR_OK);
    client.ask(Request::Logout).unwrap();
    client.login(Role::CryptoOfficer, USER_PIN).unwrap();
    assert_eq!(token(&mut client).flags & mask, 0);
    assert_eq!(token(&mut client).objects, 1, "nothing is erased");
}

#[test]
fn open_profile_locks_the_officer_too_and_erases_nothing() {
    let (_, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    client.create(token_data("stays")).unwrap();
    client.ask(Request::Logout).unwrap();
    fail_logins(&mut client, Role::SecurityOfficer, 9);
    assert_ne!(token(&mut client).flags & CKF_SO_PIN_FINAL_TRY, 0);
    fail_logins(&mut client, Role::SecurityOfficer, 1);
    assert_ne!(token(&mut client).flags & CKF_SO_PIN_LOCKED, 0);
    assert_eq!(rv(client.login(Role::SecurityOfficer, SO_PIN)), CKR_PIN_LOCKED);
    client.login(Role::CryptoOfficer, USER_PIN).unwrap();
    assert_eq!(token(&mut client).objects, 1);
}

#[test]
fn a_right_pin_resets_the_count_and_writes_only_then() {
    let (store, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    let before = store.token_writes.load(SeqCst);
    client.login(Role::CryptoOfficer, USER_PIN).unwrap();
    client.ask(Request::Logout).unwrap();
    assert_eq!(store.token_writes.load(SeqCst), before, "nothing to reset, nothing written");
    for _ in 0..3 {
        fail_logins(&mut client, Role::CryptoOfficer, 9);
        client.login(Role::CryptoOfficer, USER_PIN).unwrap();
        client.ask(Request::Logout).unwrap();
    }
    assert_eq!(store.token_writes.load(SeqCst), before + 30);
}

#[test]
fn a790_officer_at_ten_wrong_pins_loses_the_contents_for_good() {
    let (_, partition) = provisioned(a790());
    let mut client = Client::logged_in(&partition, 1);
    client.create(token_data("lost")).unwrap();
    let mut other = Client::new(&partition, 2, 2);
    fail_logins(&mut other, Role::CryptoOfficer, 10);
    assert_eq!(token(&mut client).objects, 0);
    assert_eq!(rv(other.login(Role::CryptoOfficer, USER_PIN)), CKR_USER_LOCKED_OUT);
    assert_eq!(rv(other.login(Role::CryptoUser, CU_PIN)), CKR_USER_LOCKED_OUT);
    other.login(Role::SecurityOfficer, SO_PIN).unwrap();
    let pin = Pin::new("new user pin");
    assert_eq!(other.code(Request::InitPin { pin }), CKR_USER_LOCKED_OUT);
    other.ask(Request::Logout).unwrap();
    provision(&partition, 2);
    other.login(Role::CryptoOfficer, USER_PIN).unwrap();
}

#[test]
fn a790_partition_so_at_ten_wrong_pins_zeroizes_the_partition() {
    let (store, partition) = provisioned(a790());
    let mut user = Client::logged_in(&partition, 1);
    let key = user.create(with(secret_key(CKK_AES, &[7; 16]), vec![yes(CKA_TOKEN)])).unwrap();
    let mut client = Client::new(&partition, 2, 2);
    fail_logins(&mut client, Role::SecurityOfficer, 9);
    assert_eq!(
        rv(client.login(Role::SecurityOfficer, "wrong pin")),
        CKR_SO_LOGIN_FAILURE_THRESHOLD
    );
    assert!(store.dump().is_empty());
    assert_eq!(rv(client.login(Role::SecurityOfficer, SO_PIN)), CKR_USER_PIN_NOT_INITIALIZED);
    // The login of before does not outlive the token it belongs to.
    assert_eq!(user.code(Request::Size { object: key }), CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(user.code(Request::Logout), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a790_crypto_user_locks_and_the_officer_resets() {
    let (_, partition) = provisioned(a790());
    let mut client = Client::new(&partition, 1, 1);
    fail_logins(&mut client, Role::CryptoUser, 10);
    assert_eq!(rv(client.login(Role::CryptoUser, CU_PIN)), CKR_USER_LOCKED_OUT);
    client.login(Role::CryptoOfficer, USER_PIN).unwrap();
    let pin = Pin::new("seven77");
    assert_eq!(client.code(Request::InitCryptoUser { pin }), CKR_OK);
    client.ask(Request::Logout).unwrap();
    client.login(Role::CryptoUser, "seven77").unwrap();
}

#[test]
fn a_timed_lock_ends_with_its_time() {
    let mut personality = open();
    personality.login_limits.crypto_officer =
        LoginLimit { limit: 2, effect: LoginEffect::LockFor(Duration::from_secs(600)) };
    let (_, partition) = provisioned(personality);
    let mut client = Client::new(&partition, 1, 1);
    fail_logins(&mut client, Role::CryptoOfficer, 2);
    assert_eq!(rv(client.login(Role::CryptoOfficer, USER_PIN)), CKR_PIN_LOCKED);
    let login = |pin: &str| Request::Login {
        user: UserType::Role(Role::CryptoOfficer),
        pin: Pin::new(pin),
    };
    let later = NOW + Duration::from_secs(600);
    assert_eq!(rv(client.session.handle(login("wrong"), later)), CKR_PIN_INCORRECT);
    client.session.handle(login(USER_PIN), later).unwrap();
}

#[test]
fn wrong_old_pins_count_as_well() {
    let (_, partition) = provisioned(open());
    let mut client = Client::new(&partition, 1, 1);
    for _ in 0..10 {
        let (old, new) = (Pin::new("wrong"), Pin::new("12345"));
        assert_eq!(client.code(Request::SetPin { old, new }), CKR_PIN_INCORRECT);
    }
    assert_eq!(rv(client.login(Role::CryptoOfficer, USER_PIN)), CKR_PIN_LOCKED);
}

#[test]
fn the_crypto_user_uses_keys_and_changes_none() {
    for (personality, refusal) in
        [(open(), CKR_USER_NOT_LOGGED_IN), (a790(), CKR_USER_NOT_AUTHORIZED)]
    {
        let (_, partition) = provisioned(personality);
        let mut officer = Client::logged_in(&partition, 1);
        let template = with(secret_key(CKK_GENERIC_SECRET, &[7; 20]), vec![yes(CKA_TOKEN)]);
        let key = officer.create(template.clone()).unwrap();
        let mut user = Client::new(&partition, 2, 2);
        user.login(Role::CryptoUser, CU_PIN).unwrap();
        assert!(user.sign(&Mechanism::plain(CKM_SHA256_HMAC), key, b"data").is_ok());
        assert_eq!(rv(user.create(template.clone())), refusal);
        assert_eq!(rv(user.create(without(template, CKA_TOKEN))), refusal, "private session key");
        assert_eq!(user.set(key, Attribute::bytes(CKA_LABEL, "x")), refusal);
        assert_eq!(user.destroy(key), refusal);
        let template = Template(vec![no(CKA_TOKEN)]);
        assert_eq!(user.code(Request::Copy { object: key, template }), refusal);
        assert_eq!(
            rv(user.generate(CKM_AES_KEY_GEN, vec![Attribute::ulong(CKA_VALUE_LEN, 16)])),
            refusal
        );
        assert!(
            user.create(without(token_data("own"), CKA_TOKEN)).is_ok(),
            "public session object"
        );
    }
}

#[test]
fn private_objects_are_invisible_without_the_users_login() {
    let (_, partition) = provisioned(open());
    let mut owner = Client::logged_in(&partition, 1);
    let template = with(
        secret_key(CKK_AES, &[7; 16]),
        vec![yes(CKA_TOKEN), Attribute::bytes(CKA_LABEL, "hidden")],
    );
    let key = owner.create(template.clone()).unwrap();
    let label = vec![Attribute::bytes(CKA_LABEL, "hidden")];
    let unique = vec![Attribute::bytes(CKA_UNIQUE_ID, key.to_string())];
    assert_eq!(owner.find(label.clone()), [key]);

    let mut public = Client::new(&partition, 2, 2);
    let mut so = Client::new(&partition, 3, 3);
    so.login(Role::SecurityOfficer, SO_PIN).unwrap();
    for stranger in [&mut public, &mut so] {
        assert!(stranger.find(vec![]).is_empty());
        assert!(stranger.find(label.clone()).is_empty());
        assert!(stranger.find(unique.clone()).is_empty());
        assert_eq!(stranger.code(Request::Size { object: key }), CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(
            rv(stranger.sign(&Mechanism::plain(CKM_AES_CMAC), key, b"x")),
            CKR_KEY_HANDLE_INVALID
        );
        assert_eq!(stranger.destroy(key), CKR_OBJECT_HANDLE_INVALID);
        assert_eq!(rv(stranger.create(template.clone())), CKR_USER_NOT_LOGGED_IN);
    }
    owner.ask(Request::Logout).unwrap();
    assert!(owner.find(label).is_empty());
    assert_eq!(owner.code(Request::Size { object: key }), CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn pins_and_the_domain_key_are_not_in_the_store() {
    let (store, partition) = provisioned(open());
    let mut client = Client::logged_in(&partition, 1);
    client.create(with(secret_key(CKK_AES, &[0xA7; 32]), vec![yes(CKA_TOKEN)])).unwrap();
    let dump = store.dump();
    let contains = |secret: &[u8]| dump.windows(secret.len()).any(|window| window == secret);
    assert!(!contains(USER_PIN.as_bytes()));
    assert!(!contains(SO_PIN.as_bytes()));
    assert!(!contains(&[1; 32]), "the domain's key");
    assert!(!contains(&[0xA7; 16]), "a key's value");
}
