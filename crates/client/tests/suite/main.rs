//! A client over a cluster in memory, in virtual time: twenty seconds of silence take none.

#![forbid(unsafe_code)]

mod after_failover;
mod asynchronous;
mod at_once;
mod attempts;
mod call_faults;
mod choice;
mod chrystoki;
mod detection;
mod docs;
mod failover;
mod groups;
mod ha_log;
mod lent;
mod login;
mod messages;
mod objects;
mod pending;
mod people;
mod recovery;
mod replication;
mod round_trips;
mod rules;
mod saved;
mod service_times;
mod slot_events;
mod troubles;
mod usage_limit;
mod wire;
mod world;
