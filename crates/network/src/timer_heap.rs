//! A heap of deadlines with their wakers, ordered by (deadline, sequence of registration).
//!
//! Serves the virtual clock and the [`Timers`](crate::Timers) thread. Most timers are receive
//! timeouts that never fire: a call registers one for 20 s and drops it a millisecond later. A
//! dropped timer therefore only leaves its slot; its heap entry is passed over when it comes up, and
//! all such entries are swept out once they are the greater part of the heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use crate::time::Time;

/// Below this size the heap is not worth sweeping.
const SWEEP_MIN: usize = 64;

/// Names one registration; the sequence tells it from earlier users of the slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimerKey {
    slot: u32,
    sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    // The derived order is the firing order: deadline first, then sequence.
    deadline: Time,
    sequence: u64,
    slot: u32,
}

#[derive(Debug)]
struct Slot {
    sequence: u64,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
pub(crate) struct TimerHeap {
    heap: BinaryHeap<Reverse<Entry>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    last_sequence: u64,
    live: usize,
}

impl TimerHeap {
    /// Registers `waker` to be woken at `deadline`.
    pub(crate) fn insert(&mut self, deadline: Time, waker: Waker) -> TimerKey {
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let entry = Slot { sequence, waker: Some(waker) };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = entry;
                slot
            }
            None => {
                self.slots.push(entry);
                (self.slots.len() - 1) as u32
            }
        };
        self.live += 1;
        self.heap.push(Reverse(Entry { deadline, sequence, slot }));
        TimerKey { slot, sequence }
    }

    /// Makes the timer wake `waker` from now on; `false` if it has already fired.
    pub(crate) fn update(&mut self, key: TimerKey, waker: &Waker) -> bool {
        let slot = &mut self.slots[key.slot as usize];
        match &mut slot.waker {
            Some(current) if slot.sequence == key.sequence => {
                current.clone_from(waker);
                true
            }
            _ => false,
        }
    }

    /// Forgets a timer that has not fired; nothing happens if it has.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Waker> {
        let waker = self.vacate(key.slot, key.sequence);
        if waker.is_some() && self.heap.len() > SWEEP_MIN && self.live * 2 < self.heap.len() {
            let slots = &self.slots;
            self.heap.retain(|Reverse(entry)| is_live(slots, entry));
        }
        waker
    }

    /// The earliest deadline that still has a waiter.
    pub(crate) fn next_deadline(&mut self) -> Option<Time> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if is_live(&self.slots, entry) {
                return Some(entry.deadline);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes out the first timer that is due at `now`, in the order of (deadline, sequence).
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Waker> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        self.vacate(entry.slot, entry.sequence)
    }

    /// Number of timers that still have a waiter.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    fn vacate(&mut self, index: u32, sequence: u64) -> Option<Waker> {
        let slot = &mut self.slots[index as usize];
        if slot.sequence != sequence {
            return None;
        }
        let waker = slot.waker.take()?;
        self.free.push(index);
        self.live -= 1;
        Some(waker)
    }
}

fn is_live(slots: &[Slot], entry: &Entry) -> bool {
    let slot = &slots[entry.slot as usize];
    slot.sequence == entry.sequence && slot.waker.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn removed_timer_neither_fires_nor_holds_time_back() {
        let mut timers = TimerHeap::default();
        let early = timers.insert(at(10), Waker::noop().clone());
        timers.insert(at(20), Waker::noop().clone());
        timers.remove(early);
        assert_eq!(timers.next_deadline(), Some(at(20)));
        assert!(timers.pop_due(at(15)).is_none());
        assert!(timers.pop_due(at(20)).is_some());
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn stale_key_does_not_touch_the_next_user_of_the_slot() {
        let mut timers = TimerHeap::default();
        let old = timers.insert(at(10), Waker::noop().clone());
        timers.remove(old);
        timers.insert(at(30), Waker::noop().clone());
        assert!(!timers.update(old, Waker::noop()));
        assert!(timers.remove(old).is_none());
        assert_eq!(timers.len(), 1);
    }

    #[test]
    fn dropped_timeouts_do_not_pile_up() {
        let mut timers = TimerHeap::default();
        for call in 0..100_000u64 {
            let key = timers.insert(at(20_000_000_000 + call), Waker::noop().clone());
            timers.remove(key);
        }
        assert!(timers.heap.len() <= SWEEP_MIN + 1, "{} entries", timers.heap.len());
        assert_eq!(timers.slots.len(), 1);
    }
}
