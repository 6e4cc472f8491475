//! What a partition promises, through the requests that sessions send.

mod active;
mod asymmetric;
mod attributes;
mod cloning;
mod derivation;
mod keys;
mod objects;
mod operations;
mod roles;
mod sharing;
mod support;
mod wrapping;
