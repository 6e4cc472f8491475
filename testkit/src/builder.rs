//! What a cluster is to be, before it is started.

use std::{fs, path::Path, sync::Arc};

use hsmsim_client::Client;
use hsmsim_sim_config::{Profile, Topology};

use crate::{
    Cluster, Error, Slot,
    cluster::{Facts, TOPOLOGY},
    module,
    operator::{Operator, open},
};

/// How many times as fast HA timers run where neither the test nor the topology says anything: a
/// silent device is given up after 1 s, and boots in 3 s.
pub const DEFAULT_TIME_SCALE: f64 = 20.0;

/// What a cluster is to be. Made by [`Cluster::builder`] and [`Cluster::builder_from_text`].
#[derive(Clone, Debug)]
#[must_use = "nothing is started yet"]
pub struct Builder {
    topology: Source,
    time_scale: Option<f64>,
    profile: Option<String>,
}

#[derive(Clone, Debug)]
enum Source {
    /// A shipped name or a path.
    Named(String),
    Text(String),
}

impl Builder {
    pub(crate) fn named(name_or_path: &str) -> Self {
        Self::new(Source::Named(name_or_path.to_owned()))
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::new(Source::Text(text.to_owned()))
    }

    fn new(topology: Source) -> Self {
        Self { topology, time_scale: None, profile: None }
    }

    /// HA timers, boot times and fault durations run this many times as fast, at least 1. Without it:
    /// what the topology says, or [`DEFAULT_TIME_SCALE`] if that says nothing or 1.
    pub fn time_scale(mut self, scale: f64) -> Self {
        self.time_scale = Some(scale);
        self
    }

    /// Takes the place of the topology's profile: `open`, `a790`, or the path of a file.
    pub fn profile(mut self, name_or_path: &str) -> Self {
        self.profile = Some(name_or_path.to_owned());
        self
    }

    /// Makes the cluster in a temporary folder and provisions its first group.
    ///
    /// # Errors
    /// A topology or profile that is not there or not valid; a module that is not there or older than
    /// its sources; a temporary folder that cannot be written.
    pub fn start(self) -> Result<Cluster, Error> {
        let module = module::find()?;
        let folder = tempfile::Builder::new().prefix("hsmsim-").tempdir()?;
        let config = self.config(folder.path())?;
        let topology = Topology::resolve(&config)?;
        let own = topology.time_scale;
        let default = if own > 1.0 { own } else { DEFAULT_TIME_SCALE };
        let mut facts = Facts {
            folder: folder.path().to_owned(),
            module,
            config,
            time_scale: self.time_scale.unwrap_or(default),
            slots: Vec::new(),
            label: String::new(),
            user_pin: topology.provisioning.user_pin.reveal().to_owned(),
            so_pin: topology.provisioning.so_pin.reveal().to_owned(),
        };
        fs::create_dir(facts.record())?;
        facts.slots = slots(&facts)?;
        if let Some(slot) = facts.slots.iter().find(|slot| slot.provisioned) {
            facts.label = slot.label.clone();
        }
        let operator = Operator::here(facts.clone());
        Ok(Cluster::new(facts, operator, Some(folder)))
    }

    /// What `HSMSIM_CONFIG` is to say: a shipped name, or the whole path of a file.
    fn config(&self, folder: &Path) -> Result<String, Error> {
        let text = match (&self.topology, &self.profile) {
            (Source::Named(name), None) if Topology::shipped_text(name).is_some() => {
                return Ok(name.clone());
            }
            (Source::Named(path), None) => {
                // Says what is wrong with the name or the file.
                Topology::resolve(path)?;
                return text_of(&fs::canonicalize(path)?);
            }
            (Source::Text(text), None) => text.clone(),
            (source, Some(profile)) => {
                let text = match source {
                    Source::Named(name) => match Topology::shipped_text(name) {
                        Some(text) => text.to_owned(),
                        None => {
                            Topology::resolve(name)?;
                            fs::read_to_string(name)?
                        }
                    },
                    Source::Text(text) => text.clone(),
                };
                with_profile(&text, profile)?
            }
        };
        let path = folder.join(TOPOLOGY);
        fs::write(&path, text)?;
        text_of(&path)
    }
}

fn text_of(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::new(format!("{} is not valid UTF-8", path.display())))
}

/// The same topology with another profile.
fn with_profile(text: &str, profile: &str) -> Result<String, Error> {
    Profile::resolve(profile)?;
    let shipped = Profile::shipped_names().contains(&profile);
    let profile = match shipped {
        true => profile.to_owned(),
        // The topology's new place is not where the path starts.
        false => text_of(&fs::canonicalize(profile)?)?,
    };
    let wrong = |error: String| Error::new(format!("the topology: {error}"));
    let mut table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    table.insert("profile".to_owned(), toml::Value::String(profile));
    toml::to_string(&table).map_err(|error| wrong(error.to_string()))
}

/// Sets the cluster up and lists the slots that applications will see for its groups.
fn slots(facts: &Facts) -> Result<Vec<Slot>, Error> {
    let cluster = open(facts)?;
    let client = Client::over(Arc::clone(&cluster))
        .map_err(|error| Error::from(hsmsim_cluster::ClusterError::from(error)))?;
    let numbers = client.slots(false);
    client.shut_down();
    let topology = cluster.topology();
    // Members' own slots, if they are to be seen, come first.
    let members = numbers.len() - topology.groups.len();
    let slots = topology.groups.iter().zip(&numbers[members..]).map(|(group, number)| {
        let provisioned = topology.is_provisioned(group);
        let label = if provisioned { group.token_label.clone() } else { String::new() };
        Slot { id: number.0, label, provisioned }
    });
    Ok(slots.collect())
}
