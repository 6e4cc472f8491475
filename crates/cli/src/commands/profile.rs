//! `hsmsim profile`: what devices look like to an application.

use clap::Subcommand;
use hsmsim_sim_config::Profile;
use serde_json::json;

use crate::{
    args::Format,
    context::Context,
    failure::{Exit, Failure},
    text::{
        out::{print, print_json},
        paint::Paint,
        table::Table,
    },
};

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// List the shipped profiles
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Print the file of a shipped profile: strings, limits, PIN rules, mechanisms
    Show {
        /// Its name
        name: String,
    },
}

pub(crate) fn run(action: &Action, _context: &Context) -> Result<Exit, Failure> {
    match action {
        Action::List { format } => list(*format)?,
        Action::Show { name } => {
            Profile::shipped(name)?;
            print(Profile::shipped_text(name).unwrap_or_default())?;
        }
    }
    Ok(Exit::Well)
}

fn list(format: Format) -> Result<(), Failure> {
    let mut table = Table::new(["NAME", "WHAT"]);
    let mut values = Vec::new();
    for name in Profile::shipped_names() {
        let profile = Profile::shipped(name)?;
        values.push(json!({ "name": name, "description": profile.description }));
        table.row([name.into(), profile.description.into()]);
    }
    if format.json { print_json(&values) } else { print(&table.render(Paint::stdout())) }
}
