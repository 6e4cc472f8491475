//! The log of the command itself: on stderr, off unless `HSMSIM_LOG` is set to a filter such as `info`
//! or `hsmsim_client=debug`, the same words that the module understands.

use std::{env, io};

use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::failure::Failure;

const FILTER: &str = "HSMSIM_LOG";

/// Starts the log, if it is asked for.
///
/// # Errors
/// A filter that is none.
pub(crate) fn start() -> Result<(), Failure> {
    let Some(filter) = env::var(FILTER).ok().filter(|filter| !filter.is_empty()) else {
        return Ok(());
    };
    let filter: Targets = filter.parse().map_err(|_| {
        Failure::new(format!(
            "{FILTER} is \"{filter}\", which is no filter: write a level (error, warn, info, debug, \
             trace) or target=level"
        ))
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_filter(filter);
    tracing_subscriber::registry().with(lines).init();
    Ok(())
}
