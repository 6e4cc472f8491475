//! What looking for call faults costs a call: the same work with and without the look, in turns.
//! `cargo run --release -p hsmsim-client --example call_fault_cost`

use std::{error::Error, sync::Arc, time::Instant};

use hsmsim_client::Client;
use hsmsim_cluster::{Cluster, OpenOptions};
use hsmsim_types::{Attribute, Pin, Role, ck::*, role::UserType};

const CALLS: u32 = 20_000;
const TURNS: usize = 25;

fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::open(OpenOptions {
        state: Some("memory".to_owned()),
        topology: Some("instant".to_owned()),
        ..OpenOptions::default()
    })?;
    let client = Client::over(Arc::clone(&cluster))?;
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let session = client.run(client.open_session(client.slots(true)[0], flags))?;
    let officer = UserType::Role(Role::CryptoOfficer);
    client.run(client.login(session, officer, Pin::new("12345678")))?;
    let template = [Attribute::ulong(CKA_CLASS, CKO_DATA), Attribute::bytes(CKA_LABEL, *b"k")];
    let object = client.run(client.create_object(session, template.into_iter().collect()))?;

    let plain = |_| client.run(client.attribute_lengths(session, object, vec![CKA_LABEL]));
    let looking = |_| client.run(client.attributes(session, object, vec![CKA_LABEL]));
    let time = |call: &dyn Fn(u32) -> hsmsim_types::Result<Vec<_>>| {
        let begin = Instant::now();
        let wrong = (0..CALLS).filter(|&nth| call(nth).is_err()).count();
        assert_eq!(wrong, 0);
        begin.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    let turns = |name: &str| {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            times[0].push(time(&plain));
            times[1].push(time(&looking));
        }
        let [plain, looking] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[TURNS / 2]
        });
        println!("{name}: {plain:.1} ns without the look, {looking:.1} ns with it");
    };
    turns("no call fault");
    cluster.add_call_fault(&"C_Sign label=web nth=3 code=CKR_DEVICE_ERROR".parse()?, None, None)?;
    turns("one, of another function");
    cluster.add_call_fault(&"any label=other delay=1s".parse()?, None, None)?;
    turns("one more, whose label is looked up");
    Ok(())
}
