//! `hsmsim dev`: a cluster that is ready, and what to paste.

use std::io::{Write, stdout};

use serde::Serialize;

use crate::{
    context::{Context, is_initialised, module},
    failure::Outcome,
    text::quoted,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the module's path alone, for scripts
    #[arg(long, conflicts_with = "json")]
    module: bool,
}

#[derive(Serialize)]
struct Dev {
    module: String,
    state: String,
    topology: String,
    slots: Vec<Slot>,
}

#[derive(Serialize)]
struct Slot {
    id: u64,
    label: String,
    initialized: bool,
    user_pin: Option<String>,
    so_pin: Option<String>,
}

/// A value as it stands in a PKCS#11 URI (RFC 7512, 2.3): whatever is not unreserved is escaped.
fn in_uri(value: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    value
        .bytes()
        .map(|byte| match plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let module = module()?;
    let cluster = context.cluster()?;
    let topology = cluster.topology();
    let pins = &topology.provisioning;
    let mut slots = Vec::new();
    // Without HA-only the members' own slots come first.
    let members = if topology.ha.ha_only {
        0
    } else {
        topology.groups.iter().filter(|g| g.has_ha()).map(|g| g.members.len()).sum()
    };
    let first = u64::from(cluster.profile().slot_base) + members as u64;
    for (index, group) in topology.groups.iter().enumerate() {
        let initialized = is_initialised(&cluster, group)?;
        let known = initialized && topology.is_provisioned(group);
        let pin = |pin: &hsmsim_sim_config::Pin| known.then(|| pin.reveal().to_owned());
        slots.push(Slot {
            id: first + index as u64,
            label: group.token_label.clone(),
            initialized,
            user_pin: pin(&pins.user_pin),
            so_pin: pin(&pins.so_pin),
        });
    }
    let dev = Dev {
        module: std::fs::canonicalize(&module).unwrap_or(module).display().to_string(),
        state: cluster
            .path()
            .map_or_else(|| "memory".to_owned(), |path| path.display().to_string()),
        topology: topology.name.clone(),
        slots,
    };
    let mut out = stdout().lock();
    if args.module {
        writeln!(out, "{}", dev.module)?;
        return Ok(0);
    }
    if args.json {
        serde_json::to_writer_pretty(&mut out, &dev)?;
        writeln!(out)?;
        return Ok(0);
    }
    writeln!(out, "hsmsim simulates HSMs for tests and drills. It protects no real key.\n")?;
    writeln!(out, "module    {}", dev.module)?;
    writeln!(out, "state     {}", dev.state)?;
    writeln!(out, "topology  {topology}\n")?;
    writeln!(out, "{:>4}  {:<32}  {:<10}  {:<10}", "slot", "token", "user PIN", "SO PIN")?;
    for slot in &dev.slots {
        if slot.initialized {
            let pin = |pin: &Option<String>| pin.clone().unwrap_or_else(|| "(yours)".to_owned());
            let (user, so) = (pin(&slot.user_pin), pin(&slot.so_pin));
            writeln!(out, "{:>4}  {:<32}  {user:<10}  {so:<10}", slot.id, slot.label)?;
        } else {
            writeln!(out, "{:>4}  (blank)", slot.id)?;
        }
    }
    if let Some(slot) = dev.slots.iter().find(|slot| slot.initialized) {
        let pin = slot.user_pin.as_deref().unwrap_or("<PIN>");
        let (module, label) = (quoted(&dev.module), quoted(&slot.label));
        let uri = format!("pkcs11:token={}", in_uri(&slot.label));
        writeln!(out, "\nready to paste:")?;
        writeln!(out, "  export HSMSIM_STATE={}", quoted(&dev.state))?;
        writeln!(out, "  pkcs11-tool --module {module} \\")?;
        writeln!(out, "    --token-label {label} --login --pin {pin} -O")?;
        writeln!(out, "  PKCS11_MODULE_PATH={module} \\")?;
        writeln!(out, "    openssl pkey -engine pkcs11 -inform engine \\")?;
        writeln!(out, "    -in \"{uri};object=NAME;type=private;pin-value={pin}\" -pubout")?;
        writeln!(out, "  GNUTLS_PIN={pin} p11tool --provider {module} \\")?;
        writeln!(out, "    --login --list-all \"{uri}\"")?;
    }
    Ok(0)
}
