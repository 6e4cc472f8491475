//! hsmsim-drill
