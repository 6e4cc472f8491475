//! Bugs that a test plants to see whether it would find them. Nothing but a simulated run can plant
//! one, and a client without one pays a comparison on paths that are rare.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A copy that a lost member missed is not owed.
    CopyNotOwed,
    /// One debt in two is struck off without being paid.
    DebtDropped,
    /// One row in two that a device has for its peers is struck out without having arrived.
    RowDropped,
    /// A returning member is not told what was destroyed meanwhile.
    DeletionNotReplayed,
    /// A part of an operation whose member was lost is sent to another member.
    MultiPartRetried,
    /// A returning member serves before it is brought up to date.
    StaleMemberServes,
}

impl Planted {
    /// Every bug under its word.
    pub const ALL: [(&'static str, Planted); 6] = [
        ("copy-not-owed", Planted::CopyNotOwed),
        ("debt-dropped", Planted::DebtDropped),
        ("row-dropped", Planted::RowDropped),
        ("deletion-not-replayed", Planted::DeletionNotReplayed),
        ("multi-part-retried", Planted::MultiPartRetried),
        ("stale-member-serves", Planted::StaleMemberServes),
    ];
}
