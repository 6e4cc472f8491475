//! What the store promises, through its public interface: one process, several, and forked ones.

mod behaviour;
mod directory;
mod feeding;
mod fork;
mod full;
mod helper;
mod kill;
mod ledger;
mod processes;
mod support;
