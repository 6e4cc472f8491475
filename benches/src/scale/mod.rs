//! How cost grows: the same measurement over a range of sizes, each point in a process of its own.
//!
//! | module | what |
//! |---|---|
//! | [`curve`] | the curves: what grows, over which sizes, what is measured |
//! | [`probe`] | what the process of one point does |
//! | [`owed`] | a member that returns to ten thousand keys, beside an application that signs |
//! | [`load`] | a customer's load on devices with engines, beside queueing theory |
//! | [`process`] | memory and threads of this process |
//! | [`chart`] | curves as a drawing |

pub mod chart;
pub mod curve;
pub mod load;
pub mod owed;
pub mod probe;
pub mod process;
