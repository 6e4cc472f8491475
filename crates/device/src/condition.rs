//! What an appliance is doing, and in which power epoch: one atomic word, read at every arrival.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// How an appliance meets what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It serves.
    On,
    /// No power: silence. Nothing that arrives has an effect.
    Off,
    /// It has power and accepts what arrives, and does nothing with it until it is resumed.
    Hung,
    /// It refuses at once: starting up, or its trust link refuses the client.
    Refusing,
}

/// Condition and power epoch together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The condition.
    pub condition: Condition,
    /// Counts losses of power (and whatever else ends all sessions). A session ends when its
    /// device's epoch is no longer the one it was opened in, even if power is back.
    pub epoch: u64,
}

impl State {
    fn to_word(self) -> u64 {
        self.epoch << 8 | self.condition as u64
    }

    fn from_word(word: u64) -> Self {
        let condition = match word & 0xFF {
            0 => Condition::On,
            1 => Condition::Off,
            2 => Condition::Hung,
            _ => Condition::Refusing,
        };
        Self { condition, epoch: word >> 8 }
    }
}

/// The word, and what wakes those who wait for it to change, in the order in which they began to wait.
/// Not tokio's `watch`: it spreads its waiters by chance where tokio is built with a runtime, and a run in
/// virtual time must not depend on that.
pub(crate) struct Switch {
    word: AtomicU64,
    changed: Notify,
}

/// The session's power epoch is over, or the appliance refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAdmitted;

impl Switch {
    pub(crate) fn new() -> Self {
        let on = State { condition: Condition::On, epoch: 0 };
        Self { word: AtomicU64::new(on.to_word()), changed: Notify::new() }
    }

    pub(crate) fn state(&self) -> State {
        State::from_word(self.word.load(Ordering::Acquire))
    }

    /// Gives the state there was before.
    pub(crate) fn set(&self, state: State) -> State {
        let before = self.word.swap(state.to_word(), Ordering::AcqRel);
        if before != state.to_word() {
            self.changed.notify_waiters();
        }
        State::from_word(before)
    }

    /// What happens to something that belongs to `epoch`; `None`: silence, for now.
    pub(crate) fn decide(&self, epoch: Option<u64>) -> Option<Result<u64, NotAdmitted>> {
        decide(self.state(), epoch)
    }

    /// Completes when something that belongs to `epoch` may take effect; pends while there is
    /// silence. `None` as epoch asks for whatever epoch there is: a new connection.
    pub(crate) async fn admit(&self, epoch: Option<u64>) -> Result<u64, NotAdmitted> {
        loop {
            // Before the look: it hears of every change from now on, polled or not.
            let changed = self.changed.notified();
            if let Some(decision) = decide(self.state(), epoch) {
                return decision;
            }
            changed.await;
        }
    }
}

/// `None`: silence, for now.
fn decide(state: State, epoch: Option<u64>) -> Option<Result<u64, NotAdmitted>> {
    match state.condition {
        Condition::Off | Condition::Hung => None,
        Condition::Refusing => Some(Err(NotAdmitted)),
        Condition::On if epoch.is_some_and(|epoch| epoch != state.epoch) => Some(Err(NotAdmitted)),
        Condition::On => Some(Ok(state.epoch)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_keeps_condition_and_epoch() {
        for condition in [Condition::On, Condition::Off, Condition::Hung, Condition::Refusing] {
            let state = State { condition, epoch: 0x1234_5678_9ABC };
            assert_eq!(State::from_word(state.to_word()), state);
        }
    }

    #[test]
    fn a_loss_and_return_of_power_still_ends_what_belongs_to_the_old_epoch() {
        let on = |epoch| State { condition: Condition::On, epoch };
        assert_eq!(decide(on(1), Some(0)), Some(Err(NotAdmitted)));
        assert_eq!(decide(on(1), Some(1)), Some(Ok(1)));
        assert_eq!(decide(on(1), None), Some(Ok(1)));
    }

    #[test]
    fn silence_and_refusal_are_two_things() {
        let at = |condition| State { condition, epoch: 0 };
        assert_eq!(decide(at(Condition::Off), Some(0)), None);
        assert_eq!(decide(at(Condition::Hung), Some(0)), None);
        assert_eq!(decide(at(Condition::Refusing), Some(0)), Some(Err(NotAdmitted)));
    }
}
