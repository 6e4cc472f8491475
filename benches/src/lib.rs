//! hsmsim-benches
