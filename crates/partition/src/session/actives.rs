//! The active operations of a session: most sessions have none, few more than one, so that a session has no place
//! for each kind.

use crate::{api::OperationKind, operation::Active};

/// At most one of each kind.
#[derive(Default)]
pub(super) struct Actives(Vec<(OperationKind, Box<Active>)>);

impl Actives {
    pub(super) fn get(&self, kind: OperationKind) -> Option<&Active> {
        self.0.iter().find(|(other, _)| *other == kind).map(|(_, active)| &**active)
    }

    pub(super) fn take(&mut self, kind: OperationKind) -> Option<Box<Active>> {
        let at = self.0.iter().position(|(other, _)| *other == kind)?;
        Some(self.0.swap_remove(at).1)
    }

    /// In the place of one of that kind.
    pub(super) fn put(&mut self, kind: OperationKind, active: Box<Active>) {
        self.take(kind);
        self.0.push((kind, active));
    }

    /// Ends all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
