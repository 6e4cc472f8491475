//! `hsmsim dev`: makes the state ready and says how to use it. Whatever it prints below "Try" can be
//! pasted into a shell as it stands.

use std::path::Path;

use hsmsim_cluster::{CONFIG_VARIABLE, Cluster, STATE_VARIABLE};
use hsmsim_sim_config::Topology;
use serde::Serialize;

use crate::{
    args::Format,
    context::{Context, default_state, state_name},
    failure::{Exit, Failure},
    groups, module,
    text::{
        out::{print, print_json},
        paint::{Paint, Tone},
        table::{Cell, Table},
    },
};

/// Options of `dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    format: Format,
}

/// Everything an application needs to be told.
#[derive(Debug, Serialize)]
struct Ready {
    module: String,
    state: String,
    topology: String,
    profile: String,
    slots: Vec<Slot>,
    /// Variables that the application's environment needs, with their values.
    environment: Vec<(String, String)>,
}

/// A slot. PINs are those of the topology file: what an application changed is known to it alone.
#[derive(Debug, Serialize)]
struct Slot {
    id: u64,
    label: String,
    user_pin: Option<String>,
    so_pin: Option<String>,
    initialized: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let module = module::find()?;
    let cluster = context.open()?;
    let ready = gather(&cluster, &module, context)?;
    if args.format.json {
        print_json(&ready)?;
    } else {
        print(&text(&ready, &cluster, Paint::stdout()))?;
    }
    Ok(Exit::Well)
}

fn gather(cluster: &Cluster, module: &Path, context: &Context) -> Result<Ready, Failure> {
    let topology = cluster.topology();
    let pins = &topology.provisioning;
    let mut slots = Vec::with_capacity(topology.groups.len());
    for group in &topology.groups {
        let token = cluster.partition_of(group.primary()).token_info()?;
        let initialized = groups::is_initialized(cluster, group.primary())?;
        let known = initialized && topology.is_provisioned(group);
        let label = match initialized {
            true => String::from_utf8_lossy(&token.label).trim_end().to_owned(),
            false => group.label.clone(),
        };
        slots.push(Slot {
            id: groups::slot(cluster, group),
            label,
            user_pin: known.then(|| pins.user_pin.reveal().to_owned()),
            so_pin: known.then(|| pins.so_pin.reveal().to_owned()),
            initialized,
        });
    }
    Ok(Ready {
        module: module.display().to_string(),
        state: state_name(cluster),
        topology: topology.name.clone(),
        profile: cluster.profile().name.clone(),
        slots,
        environment: environment(cluster, context),
    })
}

/// What must be exported so that an application finds the same cluster.
fn environment(cluster: &Cluster, context: &Context) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    if cluster.path() != default_state().as_deref() {
        variables.push((STATE_VARIABLE.to_owned(), state_name(cluster)));
    }
    if let Some(name) = &context.global.topology
        && context.topology_left_in_state().as_ref() != Some(cluster.topology())
    {
        let value = match Topology::shipped_text(name) {
            Some(_) => name.clone(),
            None => std::path::absolute(name).map_or(name.clone(), |p| p.display().to_string()),
        };
        variables.push((CONFIG_VARIABLE.to_owned(), value));
    }
    variables
}

fn text(ready: &Ready, cluster: &Cluster, paint: Paint) -> String {
    let mut out = String::new();
    out += &paint.strong("hsmsim: a simulated HSM cluster, ready");
    out += "\nFor tests and drills. It protects nothing: keep no real keys in it.\n\n";
    out += &format!("module    {}\n", ready.module);
    out += &format!("state     {}\n", ready.state);
    out += &format!("topology  {}\n", cluster.topology());
    out += &format!("profile   {}\n\n", ready.profile);
    out += &slots(&ready.slots).render(paint);
    if ready.slots.iter().any(|slot| !slot.initialized) {
        out += "\nBlank slots: C_InitToken and C_InitPIN, or hsmsim partition init --group LABEL\n";
    }
    for (index, (name, value)) in ready.environment.iter().enumerate() {
        if index == 0 {
            out += &format!("\n{}\n", paint.strong("First, in the shell of the application"));
        }
        out += &format!("export {name}={}\n", quoted(value));
    }
    if let Some(slot) = ready.slots.iter().find(|slot| slot.user_pin.is_some()) {
        out += &format!("\n{}\n", paint.strong("Try"));
        out += &recipes(&ready.module, slot);
    }
    out += "\nBreak something:  hsmsim fault add device.power_loss ";
    out += &format!("{} --for 90s\n", cluster.topology().devices[0].id);
    out += "Watch:            hsmsim status --watch\n";
    out
}

fn slots(slots: &[Slot]) -> Table {
    let mut table = Table::new(["SLOT", "TOKEN", "USER PIN", "SO PIN", "STATE"]);
    let mut blank: Vec<&Slot> = Vec::new();
    for slot in slots {
        if slot.initialized {
            let pin = |pin: &Option<String>| Cell::from(pin.as_deref().unwrap_or("set by you"));
            table.row([
                Cell::number(slot.id),
                slot.label.as_str().into(),
                pin(&slot.user_pin),
                pin(&slot.so_pin),
                Cell::from("initialised").tone(Tone::Good),
            ]);
        } else {
            blank.push(slot);
        }
    }
    for slot in blank {
        table.row([
            Cell::number(slot.id),
            Cell::from(slot.label.as_str()).tone(Tone::Faint),
            "".into(),
            "".into(),
            Cell::from("blank").tone(Tone::Faint),
        ]);
    }
    table
}

/// Lines for a shell: make a key pair, look at it, make a certificate with it.
fn recipes(module: &str, slot: &Slot) -> String {
    let (module, label) = (quoted(module), &slot.label);
    let pin = slot.user_pin.as_deref().unwrap_or_default();
    let token = quoted(label);
    let uri = label.replace('%', "%25").replace(' ', "%20").replace(';', "%3B");
    format!(
        "\
pkcs11-tool --module {module} --token-label {token} --login --pin {pin} \\
  --keypairgen --key-type EC:prime256v1 --label demo --id 01

PKCS11_MODULE_PATH={module} openssl req -new -x509 -subj /CN=demo \\
  -engine pkcs11 -keyform engine \\
  -key 'pkcs11:token={uri};object=demo;type=private;pin-value={pin}'

p11tool --provider {module} --login --set-pin {pin} \\
  --list-all 'pkcs11:token={uri}'
",
        pin = quoted(pin)
    )
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
