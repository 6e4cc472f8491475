//! hsmsim-tests
