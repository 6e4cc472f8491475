//! Directed links: their delay, their faults, and the order of messages on them.
//!
//! A link leads one way, from a place where clients are to a device or back, or between two
//! devices; the two directions of a path are two links with states of their own, so that a fault can
//! strike one of them. What a link does to a message is decided in this order: a cut refuses it, a
//! blackhole drops it, a hold keeps it, and otherwise it arrives after the delay and what its
//! [impairments](Impairment) add, but not before an earlier message of the same [`Flow`], unless one of
//! them ends the connection. What counts is everything that happens to the link until the message has
//! arrived; see [`Passage`]. A firewall on the way that forgets idle connections is asked
//! by whoever keeps a connection: [`Link::forgot`].
//!
//! Faults are set and healed from outside, by whoever keeps the fault table; a link never heals
//! itself. The link's own jitter is drawn for every message, whatever becomes of it, and the faults
//! draw from streams of their own, so that a fault does not change the delays of what it spares.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::chance::{SimRng, stream};
use crate::clock::Clock;
use crate::firewall::Firewall;
use crate::impairment::{Impairment, Impairments, Toll};
use crate::latency::LatencyModel;
use crate::passage::{History, LinkRefused, Passage, Transit};
use crate::time::Time;
use crate::wait::race;

/// What a link does with messages. Ordered by how much it takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Condition {
    /// Carries them.
    #[default]
    Open,
    /// Keeps them until it is released.
    Held,
    /// Drops them; the sender is told nothing.
    Blackhole,
    /// Refuses them; the sender is told at once, as by a connection reset.
    Cut,
}

/// The faults on a link.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinkState {
    /// What happens to messages.
    pub condition: Condition,
    /// What befalls the packets of each message sent from now on.
    pub impairments: Vec<Impairment>,
    /// A firewall on the way forgets connections that are idle for longer.
    pub idle_limit: Option<Duration>,
}

impl LinkState {
    /// A link without faults.
    pub const HEALTHY: LinkState =
        LinkState { condition: Condition::Open, impairments: Vec::new(), idle_limit: None };

    /// A link in this condition with no other fault.
    pub fn in_condition(condition: Condition) -> Self {
        LinkState { condition, ..Self::HEALTHY }
    }

    /// A link with one impairment and no other fault.
    pub fn impaired(impairment: Impairment) -> Self {
        LinkState { impairments: vec![impairment], ..Self::HEALTHY }
    }

    /// Two faults at once on one link: the worse condition, the impairments of both, the shorter idle
    /// limit.
    #[must_use]
    pub fn and(mut self, other: LinkState) -> LinkState {
        self.impairments.extend(other.impairments);
        LinkState {
            condition: self.condition.max(other.condition),
            impairments: self.impairments,
            idle_limit: match (self.idle_limit, other.idle_limit) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }
}

/// The order of messages of one channel on one link, kept by the sender.
///
/// Messages of one flow arrive in the order in which they were sent, as on a TCP connection; flows do
/// not wait for each other. A session has one for each direction.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// When the last message arrives that may still be under way; zero if there is none.
    last_arrival: Time,
    /// Whether its messages are the first packets of a connection.
    connecting: bool,
}

impl Flow {
    /// A channel on which nothing has been sent.
    pub const fn new() -> Self {
        Flow { last_arrival: Time::ZERO, connecting: false }
    }

    /// The first packets of a connection, whose round trip nobody knows yet: if they are lost, they are
    /// missed later.
    pub const fn connecting() -> Self {
        Flow { last_arrival: Time::ZERO, connecting: true }
    }
}

/// A directed link. Cheap to clone; clones are the same link.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    name: Box<str>,
    /// No delay and no fault: messages need not look any further. The only thing read on the way of
    /// a call in an undelayed cluster.
    plain: AtomicBool,
    generation: AtomicU64,
    /// Twice the cuts so far, and one more while the link is cut: whoever has a connection asks before
    /// every message.
    cuts: AtomicU64,
    /// Whether a firewall with an idle limit has ever been on the way.
    walled: AtomicBool,
    seed: u64,
    /// A plain mutex, since it is held for a few instructions and never across an await.
    wire: Mutex<Wire>,
    changed: Notify,
}

struct Wire {
    latency: LatencyModel,
    state: LinkState,
    history: History,
    firewall: Firewall,
    delay_rng: SimRng,
    /// Made when first needed: most links never have any.
    impairments: Option<Box<Impairments>>,
}

impl Link {
    /// A healthy link. Its delays and impairments are drawn from streams of `seed` and `name`, so the
    /// name must be the link's own in the whole cluster: `place>device` is usual.
    pub fn new(seed: u64, name: &str, latency: LatencyModel) -> Self {
        let shared = Shared {
            name: name.into(),
            plain: AtomicBool::new(latency.is_instant()),
            generation: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            walled: AtomicBool::new(false),
            seed,
            wire: Mutex::new(Wire {
                latency,
                state: LinkState::HEALTHY,
                history: History::default(),
                firewall: Firewall::default(),
                delay_rng: stream(seed, &format!("link {name} delay")),
                impairments: None,
            }),
            changed: Notify::new(),
        };
        Link { shared: Arc::new(shared) }
    }

    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The faults set at present.
    pub fn state(&self) -> LinkState {
        self.shared.wire.lock().state.clone()
    }

    /// The delay it was given, without faults.
    pub fn latency(&self) -> LatencyModel {
        self.shared.wire.lock().latency
    }

    /// Sets the faults of the link as of `now` and wakes everyone who waits on it. Setting the state
    /// it already has changes nothing.
    pub fn set_state(&self, now: Time, state: LinkState) {
        let Shared { seed, name, walled, .. } = &*self.shared;
        self.change(|wire| {
            let differs = wire.state != state;
            wire.history.record(wire.state.condition, state.condition, now);
            if wire.firewall.set(state.idle_limit, now) {
                walled.store(true, Ordering::Release);
            }
            if wire.state.impairments != state.impairments {
                let new = || Box::new(Impairments::new(*seed, name));
                wire.impairments.get_or_insert_with(new).set(&state.impairments);
            }
            wire.state = state;
            differs
        });
    }

    /// Gives the link another delay, for messages sent from now on.
    pub fn set_latency(&self, latency: LatencyModel) {
        self.change(|wire| {
            let differs = wire.latency != latency;
            wire.latency = latency;
            differs
        });
    }

    fn change(&self, apply: impl FnOnce(&mut Wire) -> bool) {
        let mut wire = self.shared.wire.lock();
        if !apply(&mut wire) {
            return;
        }
        let is_cut = wire.state.condition == Condition::Cut;
        self.shared.cuts.store(wire.history.cuts() * 2 + u64::from(is_cut), Ordering::Release);
        let plain = wire.latency.is_instant() && wire.state == LinkState::HEALTHY;
        self.shared.plain.store(plain, Ordering::Release);
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        drop(wire);
        self.shared.changed.notify_waiters();
    }

    /// Whether messages pass without delay and without fault at present. One atomic load.
    pub fn is_plain(&self) -> bool {
        self.shared.plain.load(Ordering::Acquire)
    }

    /// Whether a message of the flow passes at once: the link is plain, and no earlier one is under way.
    pub fn is_free(&self, flow: &Flow) -> bool {
        self.is_plain() && flow.last_arrival == Time::ZERO
    }

    /// Counts the changes of state and delay. One atomic load.
    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Completes once [`Link::generation`] differs from `seen`.
    pub async fn changed(&self, seen: u64) -> u64 {
        self.until(|link| Some(link.generation()).filter(|generation| *generation != seen)).await
    }

    /// Completes once the link holds nothing back.
    pub async fn released(&self) {
        let held = |link: &Link| link.shared.wire.lock().state.condition == Condition::Held;
        self.until(|link| (!held(link)).then_some(())).await;
    }

    /// Counts the cuts so far. A connection made over the link is broken by the next one, even if
    /// that is healed before anybody uses the connection again: see [`Link::cut_since`].
    /// One atomic load.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Acquire) / 2
    }

    /// Whether a connection made when [`Link::cuts`] was `seen` is broken. One atomic load.
    pub fn is_cut_since(&self, seen: u64) -> bool {
        self.shared.cuts.load(Ordering::Acquire) != seen * 2
    }

    /// Completes once [`Link::is_cut_since`] holds: what a caller races with an answer that it waits
    /// for, so that a cut ends the wait at once.
    pub async fn cut_since(&self, seen: u64) {
        self.until(|link| link.is_cut_since(seen).then_some(())).await;
    }

    /// When a firewall on the way forgot a connection that has carried nothing since `last`; `None` if it
    /// has not. One atomic load on a link that never had such a firewall.
    pub fn forgot(&self, last: Time, now: Time) -> Option<Time> {
        self.has_firewall().then(|| self.shared.wire.lock().firewall.forgot(last, now))?
    }

    /// Whether there ever was a firewall on the way that forgets connections.
    pub fn has_firewall(&self) -> bool {
        self.shared.walled.load(Ordering::Acquire)
    }

    /// Waits until `condition` gives a value, asking at every change.
    async fn until<T>(&self, condition: impl Fn(&Link) -> Option<T>) -> T {
        loop {
            // In this order: what is made hears of every change after it, polled or not.
            let changed = self.shared.changed.notified();
            if let Some(value) = condition(self) {
                return value;
            }
            changed.await;
        }
    }

    /// Puts a message on the link at `now`. What becomes of it is for [`Link::passage`] to say, or
    /// all in one for [`Link::carry`].
    pub fn send(&self, now: Time, flow: &mut Flow) -> Passage {
        let mut wire = self.shared.wire.lock();
        let wire = &mut *wire;
        let delay = wire.latency.sample(&mut wire.delay_rng);
        let toll = match &mut wire.impairments {
            Some(set) if !wire.state.impairments.is_empty() => {
                set.toll(now, delay, flow.connecting)
            }
            _ => Toll::default(),
        };
        let arrival = (now + delay + toll.late).max(flow.last_arrival);
        let passage = wire.history.depart(wire.state.condition, arrival, toll.breaks);
        if !passage.is_dropped() {
            flow.last_arrival = if arrival > now { arrival } else { Time::ZERO };
        }
        passage
    }

    /// What has become of a message, or will if nothing else happens to the link.
    pub fn passage(&self, passage: &Passage) -> Transit {
        let wire = self.shared.wire.lock();
        wire.history.transit(wire.state.condition, passage)
    }

    /// Sends a message at `now` and says what will become of it if nothing else happens to the link:
    /// [`Link::send`] and [`Link::passage`] in one.
    pub fn transmit(&self, now: Time, flow: &mut Flow) -> Transit {
        let passage = self.send(now, flow);
        self.passage(&passage)
    }

    /// Sends a message and completes when it has arrived. A held message waits for the release. One that
    /// a blackhole swallowed is never heard of: the future then completes only if the link is cut, and the
    /// caller has a timeout. Dropping the future does not call the message back.
    ///
    /// On a link without delay or fault it completes at the first poll, after one atomic load.
    ///
    /// # Errors
    /// [`LinkRefused`] as soon as the link is cut, also while the message is under way, or the message
    /// ends its connection.
    pub async fn carry(&self, clock: &Clock, flow: &mut Flow) -> Result<(), LinkRefused> {
        if self.is_free(flow) {
            return Ok(());
        }
        let passage = self.send(clock.now(), flow);
        self.arrival(clock, &passage).await?;
        // `flow` is ours until here, so nothing was sent after this message.
        flow.last_arrival = Time::ZERO;
        Ok(())
    }

    /// Completes when a message already sent has arrived; otherwise as [`Link::carry`].
    ///
    /// # Errors
    /// [`LinkRefused`] as soon as the link is cut before the message has arrived.
    pub async fn arrival(&self, clock: &Clock, passage: &Passage) -> Result<(), LinkRefused> {
        loop {
            // Before the look, as in `until`; and asked last, so that in the usual case, in which nothing
            // changes, a message enters the list of those who wait once and leaves it once.
            let changed = self.shared.changed.notified();
            match self.passage(passage) {
                Transit::Refused => return Err(LinkRefused),
                Transit::Lost | Transit::Held => changed.await,
                Transit::Arrives(at) if clock.now() >= at => return Ok(()),
                Transit::Breaks(at) if clock.now() >= at => return Err(LinkRefused),
                Transit::Arrives(at) | Transit::Breaks(at) => {
                    race(clock.sleep_until(at), changed).await;
                }
            }
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire = self.shared.wire.lock();
        f.debug_struct("Link")
            .field("name", &self.shared.name)
            .field("latency", &wire.latency)
            .field("state", &wire.state)
            .finish()
    }
}

/// The two directions of a path.
#[derive(Debug, Clone)]
pub struct Duplex {
    /// From the near end to the far one: requests.
    pub there: Link,
    /// From the far end to the near one: replies.
    pub back: Link,
}

impl Duplex {
    /// A healthy path between two places, with the same delay in both directions. The links are
    /// named `near>far` and `far>near`.
    pub fn new(seed: u64, near: &str, far: &str, one_way: LatencyModel) -> Self {
        Duplex {
            there: Link::new(seed, &format!("{near}>{far}"), one_way),
            back: Link::new(seed, &format!("{far}>{near}"), one_way),
        }
    }

    /// Sets the faults of both directions.
    pub fn set_state(&self, now: Time, state: LinkState) {
        self.there.set_state(now, state.clone());
        self.back.set_state(now, state);
    }
}
