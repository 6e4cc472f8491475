//! Text for people: tables of at most 100 columns, colours where somebody sees them, progress,
//! questions. Text for programs is JSON, and no part of it comes through here.

pub(crate) mod confirm;
pub(crate) mod out;
pub(crate) mod paint;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod words;

/// Columns that text keeps to.
pub(crate) const WIDTH: usize = 100;
