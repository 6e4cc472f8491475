//! The path of a call, piece by piece, so that a regression names its place.
//!
//! ```text
//! cargo bench -p hsmsim-benches --bench path
//! ```
//!
//! The groups go from the outside to the inside; each holds what is below it, so a change that shows
//! in one and not in the next lies between the two. The call is HMAC-SHA256 of 32 bytes with a
//! token key throughout, because its primitive is the shortest; beside it stands what has no key.
//!
//! | group | what is called |
//! |---|---|
//! | `1 C boundary` | the module's function list |
//! | `2 virtual session` | the client library, without C |
//! | `3 device` | a device's session over its undelayed link |
//! | `4 link` | a future that is driven, and an undelayed link with nothing behind it |
//! | `5 partition` | a partition's session: role, key, attributes, mechanism |
//! | `6 sealing` | what a token object is wrapped in at rest |
//! | `7 primitive` | the mechanism as a function |

#![forbid(unsafe_code)]

use std::{error::Error, future::poll_fn, hint::black_box, path::Path, sync::Arc, time::Duration};

use criterion::Criterion;
use cryptoki_sys::{CK_OBJECT_HANDLE, CKA_VALUE_LEN};
use hsmsim_benches::{
    contender::{Contender, Entry, prepare_environment},
    locate::fresh_module,
    raw::{Session, set_environment},
    words::{Attribute as CAttribute, Mechanism as CMechanism},
};
use hsmsim_client::{Client, Room};
use hsmsim_cluster::{Cluster, OpenOptions};
use hsmsim_crypto::{
    digest::HashAlg,
    mac::{MacAlg, MacKey},
    seal::SealingKey,
};
use hsmsim_device::{DeviceSession, TrustLink};
use hsmsim_network::{Clock, Flow, LatencyModel, Link, NoTick, drive};
use hsmsim_partition::{
    Session as PartitionSession,
    api::{AppId, GivesAway, OpenSession, Operation, OperationKind, Reply, Request, SessionTag},
};
use hsmsim_types::{Attribute, Mechanism, ObjectId, Pin, Role, Template, ck::*, role::UserType};

const MESSAGE: [u8; 32] = [0x5a; 32];
const KEY: [u8; 32] = [0xa5; 32];
const PIN: &str = "12345678";

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let directory = tempfile::tempdir()?;
    prepare_environment(directory.path())?;
    set_environment(&[("HSMSIM_STATE", Some(Path::new("memory")))]);
    let mut criterion = Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    boundary(&mut criterion)?;
    let cluster = Cluster::open(OpenOptions {
        state: Some("memory".to_owned()),
        topology: Some("instant".to_owned()),
        ..OpenOptions::default()
    })?;
    virtual_session(&mut criterion, &cluster)?;
    device(&mut criterion, &cluster)?;
    link(&mut criterion);
    partition(&mut criterion, &cluster)?;
    sealing(&mut criterion)?;
    primitive(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn boundary(criterion: &mut Criterion) -> Done {
    let contender = Contender::enter(Entry::hsmsim(fresh_module()?))?;
    let token = &contender.token;
    let session = token.open_session().map_err(|refusal| refusal.to_string())?;
    let key = c_key(&session).map_err(|refusal| refusal.to_string())?;
    let opener = token.opener();
    let mechanism = CMechanism::Plain(CKM_SHA256_HMAC);
    let mut group = criterion.benchmark_group("1 C boundary");
    group.bench_function("C_GetSessionInfo", |bencher| bencher.iter(|| session.state()));
    group.bench_function("C_OpenSession, C_CloseSession", |bencher| {
        bencher.iter(|| opener.open_session().and_then(Session::close));
    });
    group.bench_function("C_GetAttributeValue", |bencher| {
        bencher.iter(|| session.attribute(key, CKA_LABEL, &mut [0; 16]));
    });
    group.bench_function("C_SignInit, C_Sign", |bencher| {
        bencher.iter(|| session.sign(&mechanism, key, black_box(&MESSAGE), &mut [0; 32]));
    });
    group.finish();
    drop(session);
    contender.token.leave().map_err(|refusal| refusal.to_string().into())
}

fn c_key(session: &Session) -> hsmsim_benches::words::Result<CK_OBJECT_HANDLE> {
    let len = 32_u64.to_ne_bytes();
    let yes = [CK_TRUE];
    let is = |kind, value| CAttribute { kind, value };
    session.generate_key(
        &CMechanism::Plain(CKM_GENERIC_SECRET_KEY_GEN),
        &[
            is(CKA_TOKEN, &yes),
            is(CKA_PRIVATE, &yes),
            is(CKA_SENSITIVE, &yes),
            is(CKA_SIGN, &yes),
            is(CKA_LABEL, b"path"),
            is(CKA_VALUE_LEN, &len),
        ],
    )
}

fn virtual_session(criterion: &mut Criterion, cluster: &Arc<Cluster>) -> Done {
    let client = Client::over(Arc::clone(cluster))?;
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let slot = *client.slots(true).first().ok_or("no slot has a token")?;
    let session = client.run(client.open_session(slot, flags))?;
    let officer = UserType::Role(Role::CryptoOfficer);
    client.run(client.login(session, officer, Pin::new(PIN)))?;
    let key = client.run(client.create_object(session, key_template()))?;
    let mut group = criterion.benchmark_group("2 virtual session");
    group.bench_function("session info", |bencher| {
        bencher.iter(|| client.session_info(session));
    });
    group.bench_function("open and close", |bencher| {
        bencher.iter(|| {
            let session = client.run(client.open_session(slot, flags))?;
            client.run(client.close_session(session))
        });
    });
    group.bench_function("attributes", |bencher| {
        bencher.iter(|| client.run(client.attributes(session, key, vec![CKA_LABEL])));
    });
    group.bench_function("init and one part", |bencher| {
        let kind = OperationKind::Sign;
        bencher.iter(|| {
            let mut mechanism = Mechanism::plain(CKM_SHA256_HMAC);
            client.operation_init_now(session, kind, &mut mechanism, Some(key))?;
            let (data, lend) = (black_box(&MESSAGE), || Ok((&MESSAGE).into()));
            client.one_part_now(session, kind, data, (Room::Bytes(32), None), lend)
        });
    });
    group.bench_function("init and one part, by request", |bencher| {
        let kind = OperationKind::Sign;
        bencher.iter(|| {
            let mechanism = Mechanism::plain(CKM_SHA256_HMAC);
            client.run(client.operation_init(session, kind, mechanism, Some(key)))?;
            client.run(client.one_part(session, kind, black_box(&MESSAGE), Room::Bytes(32)))
        });
    });
    group.finish();
    client.shut_down();
    Ok(())
}

fn device(criterion: &mut Criterion, cluster: &Arc<Cluster>) -> Done {
    let (device, partition) = first_member(cluster)?;
    let (app, clock) = (AppId::new(std::process::id(), 1 << 20), cluster.clock().clone());
    let appliance = Arc::clone(cluster.device(device));
    let connecting = TrustLink::connect(appliance, partition, app, cluster.wire(device));
    let refused = |_| "the link refuses";
    let trust = drive(&clock, &NoTick, connecting).map_err(refused)?;
    let open =
        OpenSession { app, tag: SessionTag(1), read_write: true, gives_away: GivesAway::Nothing };
    let mut session = drive(&clock, &NoTick, trust.open(open)).map_err(refused)??;
    let mut ask = |request| asked(&clock, &mut session, request);
    ask(login())?;
    let operation = sign_with(created(ask(Request::Create { template: key_template() })?)?);
    let mut group = criterion.benchmark_group("3 device");
    group.bench_function("one part, by request", |bencher| {
        bencher.iter(|| ask(one_part(&operation)));
    });
    group.bench_function("random 32 B", |bencher| {
        bencher.iter(|| ask(Request::Random { len: 32 }));
    });
    group.bench_function("one part", |bencher| {
        bencher.iter(|| session.one_part_at_once(&operation, black_box(&MESSAGE), None, &[]));
    });
    group.finish();
    Ok(())
}

/// A request to the session, which the caller polls.
fn asked(
    clock: &Clock,
    session: &mut DeviceSession,
    request: Request,
) -> Result<Reply, Box<dyn Error>> {
    session.ask(request);
    let answer = drive(clock, &NoTick, poll_fn(|cx| session.poll_answer(cx)));
    Ok(answer.ok_or("the session is gone")??)
}

fn link(criterion: &mut Criterion) {
    let clock = Clock::real();
    let link = Link::new(1, "a>b", LatencyModel::INSTANT);
    let mut flow = Flow::new();
    let mut group = criterion.benchmark_group("4 link");
    group.bench_function("a ready future, driven", |bencher| {
        bencher.iter(|| drive(&clock, &NoTick, std::future::ready(black_box(1))));
    });
    group.bench_function("an undelayed link", |bencher| {
        bencher.iter(|| drive(&clock, &NoTick, link.carry(&clock, &mut flow)).is_ok());
    });
    group.finish();
}

fn partition(criterion: &mut Criterion, cluster: &Arc<Cluster>) -> Done {
    let (device, partition) = first_member(cluster)?;
    let partition = &cluster.device(device).partitions()[partition];
    let app = AppId::new(std::process::id(), 1 << 21);
    let open =
        OpenSession { app, tag: SessionTag(2), read_write: true, gives_away: GivesAway::Nothing };
    let mut session = partition.open_session(open)?;
    let now = Duration::from_nanos(cluster.clock().unix_now());
    let mut ask = |request: Request| PartitionSession::handle(&mut session, request, now);
    ask(login())?;
    let key = created(ask(Request::Create { template: key_template() })?)?;
    let operation = sign_with(key);
    let mut group = criterion.benchmark_group("5 partition");
    group.bench_function("check", |bencher| {
        bencher.iter(|| ask(Request::Check { operation: operation.clone() }));
    });
    group.bench_function("attributes", |bencher| {
        bencher.iter(|| {
            ask(Request::GetAttributes { object: key, kinds: vec![CKA_LABEL], lengths: false })
        });
    });
    group.bench_function("find by label", |bencher| {
        let template: Template = [Attribute::bytes(CKA_LABEL, *b"path")].into_iter().collect();
        bencher.iter(|| ask(Request::Find { template: template.clone() }));
    });
    group.bench_function("one part", |bencher| {
        let data = black_box(&MESSAGE);
        bencher.iter(|| session.handle_one_part(&operation, data, None, &[], || now));
    });
    group.finish();
    Ok(())
}

fn sealing(criterion: &mut Criterion) -> Done {
    let key = SealingKey::generate()?;
    let (name, object) = ([7; 16], [0x5a; 256]);
    let sealed = key.seal(&name, &object)?;
    let mut group = criterion.benchmark_group("6 sealing");
    group.bench_function("seal 256 B", |bencher| bencher.iter(|| key.seal(&name, &object)));
    group.bench_function("open 256 B", |bencher| bencher.iter(|| key.open(&name, &sealed)));
    group.bench_function("tag of a label", |bencher| {
        bencher.iter(|| key.tag(b"label", black_box(b"path")));
    });
    group.finish();
    Ok(())
}

fn primitive(criterion: &mut Criterion) -> Done {
    let key = MacKey::new(MacAlg::Hmac(HashAlg::Sha256), &KEY)?;
    let mut group = criterion.benchmark_group("7 primitive");
    group.bench_function("HMAC-SHA256 32 B", |bencher| {
        bencher.iter(|| key.sign(black_box(&MESSAGE)));
    });
    group.finish();
    Ok(())
}

/// Device and partition of the first group's primary.
fn first_member(cluster: &Cluster) -> Result<(usize, usize), Box<dyn Error>> {
    let topology = cluster.topology();
    let member = topology.groups.first().and_then(|group| group.members.first());
    let member = member.ok_or("the topology has no group")?;
    let device = topology.device_index(&member.device).ok_or("the group has no device")?;
    Ok((device, usize::from(member.partition)))
}

fn login() -> Request {
    Request::Login { user: UserType::Role(Role::CryptoOfficer), pin: Pin::new(PIN) }
}

fn key_template() -> Template {
    let template = [
        Attribute::ulong(CKA_CLASS, CKO_SECRET_KEY),
        Attribute::ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        Attribute::bool(CKA_TOKEN, true),
        Attribute::bool(CKA_PRIVATE, true),
        Attribute::bool(CKA_SENSITIVE, true),
        Attribute::bool(CKA_SIGN, true),
        Attribute::bytes(CKA_LABEL, *b"path"),
        Attribute::bytes(CKA_VALUE, KEY),
    ];
    template.into_iter().collect()
}

fn created(reply: Reply) -> Result<ObjectId, Box<dyn Error>> {
    match reply {
        Reply::Created(creation) => Ok(creation.objects.first().ok_or("nothing was created")?.id),
        _ => Err("not created".into()),
    }
}

fn sign_with(key: ObjectId) -> Operation {
    let mechanism = Arc::new(Mechanism::plain(CKM_SHA256_HMAC));
    Operation { kind: OperationKind::Sign, mechanism, key: Some(key) }
}

fn one_part(operation: &Operation) -> Request {
    let data = MESSAGE.to_vec().into();
    Request::OnePart { operation: operation.clone(), data, signature: Vec::new() }
}
