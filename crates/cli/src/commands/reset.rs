//! `hsmsim reset`: everything goes, and the state is as on first use.

use std::io::{Write, stdout};

use crate::{
    commands::partition::confirm,
    context::Context,
    failure::{Failure, Outcome},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Even while clients run
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> Outcome {
    let cluster = context.cluster()?;
    let clients: Vec<String> = cluster.clients().iter().map(u32::to_string).collect();
    if !clients.is_empty() && !args.force {
        let pids = clients.join(", ");
        return Err(Failure::new(format!(
            "processes {pids} use this state: end them, or add --force"
        )));
    }
    confirm("this removes every key, token and fault of the state", args.yes)?;
    cluster.reset()?;
    writeln!(stdout(), "the state is as on first use")?;
    Ok(0)
}
