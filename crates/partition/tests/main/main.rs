//! What a partition promises, through the requests that sessions send.

mod active;
mod asymmetric;
mod attacks;
mod attacks_streams;
mod attribute_rules;
mod attributes;
mod built_in;
mod classes;
mod cloning;
mod dates;
mod derivation;
mod ecies;
mod features;
mod keys;
mod objects;
mod operations;
mod profiles;
mod roles;
mod saved;
mod sealing;
mod sharing;
mod storage;
mod support;
mod uses;
mod vectors;
mod wrapping;
