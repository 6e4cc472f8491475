//! What a link does to the packets that carry messages, as it shows above TCP and TLS.
//!
//! A trust link is TLS over TCP, so whatever befalls a packet reaches the two ends as one of two things
//! only: a message is late, or the connection ends.
//!
//! * **Loss.** TCP sends a lost segment again after its retransmission time-out, and waits twice as long
//!   each time (RFC 6298). A call has one segment under way, so nothing tells the sender earlier: there
//!   are no later segments whose acknowledgements would bring a fast retransmission. The time-out is the
//!   round trip and [`RETRANSMISSION_MIN`], as Linux has it, and [`CONNECT_RETRANSMISSION`] for the first
//!   packet of a connection, whose round trip nobody knows yet. After [`RETRANSMISSIONS`] TCP gives up and
//!   the connection ends; a client's own time-out is over long before.
//! * **Duplicates** are thrown away by the receiver. They cost a place under a limited rate.
//! * **Reordering.** The receiver keeps what came too early until the gap is closed: the message that was
//!   overtaken is late, and so is what follows it on the same [`Flow`](crate::Flow).
//! * **Rate.** Messages leave one after the other; each reserves its time when it is sent, so that nobody
//!   needs to be there when it leaves.
//! * **Corruption** that TCP's checksum finds is loss. What passes it, TLS finds: a record that was changed
//!   is answered with a fatal alert (RFC 8446, `bad_record_mac`), and the connection ends where the
//!   message would have arrived.
//! * **Reset.** Something on the way answers a message with RST: the connection ends likewise.
//!
//! Each kind draws from a stream of its own, and only while it is set.

use std::time::Duration;

use crate::chance::{SimRng, stream};
use crate::time::{Time, nanos_of};

/// What a retransmission time-out is longer than the round trip (Linux, `TCP_RTO_MIN`).
pub const RETRANSMISSION_MIN: Duration = Duration::from_millis(200);
/// The time-out of the first packet of a connection (RFC 6298, section 2.1).
pub const CONNECT_RETRANSMISSION: Duration = Duration::from_secs(1);
/// The longest time-out (Linux, `TCP_RTO_MAX`).
pub const RETRANSMISSION_MAX: Duration = Duration::from_secs(120);
/// How often a segment is sent again before the connection is given up (Linux, `tcp_retries2`).
pub const RETRANSMISSIONS: u32 = 15;

/// The shape of [`Distribution::Pareto`]: mean and variance exist, higher moments do not.
const PARETO_SHAPE: f64 = 3.0;

/// How the random part of an extra delay is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Distribution {
    /// Evenly from zero to the spread.
    #[default]
    Uniform,
    /// Normal around zero, the spread being the standard deviation. The extra delay is never below zero.
    Normal,
    /// Exponential with the spread as mean.
    Exponential,
    /// A Pareto tail (Lomax, shape 3) with the spread as mean: one message in a hundred takes 7.3 times
    /// the mean, one in a thousand 18 times.
    Pareto,
}

/// What messages take longer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ExtraDelay {
    /// The part that all have in common.
    pub base: Duration,
    /// The size of the random part.
    pub spread: Duration,
    /// Its distribution.
    pub distribution: Distribution,
    /// How much one message's part resembles that of the message before it, from 0 to 1. The
    /// distribution stays as it is.
    pub correlation: f64,
}

/// Loss of segments by a link that is good or bad by turns (Gilbert's model). What meets a bad phase is
/// lost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loss {
    /// The part of the time that is bad, and so the part of the segments that is lost.
    pub probability: f64,
    /// How long a bad phase lasts on the average; zero: each segment has its own luck.
    pub burst: Duration,
}

/// One impairment of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Impairment {
    /// Messages take longer.
    Delay(ExtraDelay),
    /// Segments are lost and sent again.
    Loss(Loss),
    /// Packets arrive twice, with this probability.
    Duplicate {
        /// From 0 to 1.
        probability: f64,
    },
    /// Packets are overtaken, with this probability, by those sent up to so much later.
    Reorder {
        /// From 0 to 1.
        probability: f64,
        /// How much later an overtaken packet arrives.
        by: Duration,
    },
    /// So many messages a second pass; the others wait for their turn.
    Rate {
        /// Messages a second; 0 counts as 1.
        per_second: u64,
    },
    /// A message arrives damaged, with this probability, and TLS ends the connection.
    Corrupt {
        /// From 0 to 1.
        probability: f64,
    },
    /// A message is answered with a reset, with this probability.
    Reset {
        /// From 0 to 1.
        probability: f64,
    },
}

/// What one message pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toll {
    /// What it takes longer.
    pub late: Duration,
    /// Whether it ends the connection instead of arriving.
    pub breaks: bool,
}

/// What an impairment remembers from one message to the next.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Memory {
    /// The last normal draw of a correlated delay.
    normal: Option<f64>,
    /// When it was last known whether the link is bad, and whether it was.
    phase: Option<(Time, bool)>,
    /// When the last message under a limited rate has left.
    busy_until: Time,
}

/// The impairments of a link, with their memories and streams.
pub struct Impairments {
    set: Vec<(Impairment, Memory)>,
    spread: SimRng,
    loss: SimRng,
    duplicate: SimRng,
    reorder: SimRng,
    corrupt: SimRng,
    reset: SimRng,
}

impl Impairments {
    /// None yet, on the link of this name.
    pub fn new(seed: u64, link: &str) -> Self {
        let named = |kind: &str| stream(seed, &format!("link {link} {kind}"));
        Self {
            set: Vec::new(),
            spread: named("spread"),
            loss: named("loss"),
            duplicate: named("duplicate"),
            reorder: named("reorder"),
            corrupt: named("corrupt"),
            reset: named("reset"),
        }
    }

    /// Takes these in the place of those there were. One that stays keeps its memory.
    pub fn set(&mut self, impairments: &[Impairment]) {
        let mut before = std::mem::take(&mut self.set);
        for &impairment in impairments {
            let kept = before.iter().position(|(other, _)| *other == impairment);
            let memory = kept.map(|index| before.swap_remove(index).1).unwrap_or_default();
            self.set.push((impairment, memory));
        }
    }

    /// What a message pays that is sent at `now` and takes `delay` without impairments; `connecting`: it
    /// is the first packet of a connection.
    pub fn toll(&mut self, now: Time, delay: Duration, connecting: bool) -> Toll {
        let Self { set, spread, loss, duplicate, reorder, corrupt, reset } = self;
        let mut toll = Toll::default();
        let mut copies = 1;
        for (impairment, memory) in set.iter_mut() {
            match *impairment {
                Impairment::Delay(extra) => {
                    toll.late = toll.late.saturating_add(extra.sample(spread, &mut memory.normal));
                }
                Impairment::Duplicate { probability } => {
                    copies += u32::from(duplicate.chance(probability));
                }
                Impairment::Reorder { probability, by } => {
                    if reorder.chance(probability) {
                        toll.late = toll.late.saturating_add(by);
                    }
                }
                Impairment::Corrupt { probability } => toll.breaks |= corrupt.chance(probability),
                Impairment::Reset { probability } => toll.breaks |= reset.chance(probability),
                Impairment::Loss(_) | Impairment::Rate { .. } => {}
            }
        }
        // Afterwards, since the time-out follows from the round trip and a turn is as long as its copies.
        let timeout = if connecting {
            CONNECT_RETRANSMISSION
        } else {
            RETRANSMISSION_MIN.saturating_add(delay.saturating_add(toll.late).saturating_mul(2))
        };
        for (impairment, memory) in set.iter_mut() {
            match *impairment {
                Impairment::Loss(model) => {
                    let sent_again = model.wait(now, timeout, &mut memory.phase, loss);
                    toll.late = toll.late.saturating_add(sent_again.late);
                    toll.breaks |= sent_again.breaks;
                }
                Impairment::Rate { per_second } => {
                    let turn = Duration::from_secs(1).div_f64(per_second.max(1) as f64) * copies;
                    memory.busy_until = now.max(memory.busy_until) + turn;
                    toll.late = toll.late.saturating_add(memory.busy_until - now);
                }
                _ => {}
            }
        }
        toll
    }
}

impl ExtraDelay {
    /// The extra delay of one message; `last` is the normal draw of the one before it.
    fn sample(&self, rng: &mut SimRng, last: &mut Option<f64>) -> Duration {
        if self.spread.is_zero() {
            return self.base;
        }
        let correlated = self.correlation > 0.0;
        let mut normal = 0.0;
        if correlated || self.distribution == Distribution::Normal {
            let fresh = rng.normal();
            normal = match *last {
                Some(last) if correlated => {
                    let own = libm::sqrt((1.0 - self.correlation * self.correlation).max(0.0));
                    self.correlation * last + own * fresh
                }
                _ => fresh,
            };
            *last = Some(normal);
        }
        // How likely a greater value is. Any distribution can be had from it, so that correlated normal
        // draws give correlated draws of each.
        let exceeded = match self.distribution {
            Distribution::Normal => 0.0,
            _ if correlated => 0.5 * libm::erfc(normal * std::f64::consts::FRAC_1_SQRT_2),
            _ => 1.0 - rng.unit(),
        };
        let part = match self.distribution {
            Distribution::Uniform => 1.0 - exceeded,
            Distribution::Normal => normal,
            Distribution::Exponential => -libm::log(exceeded),
            Distribution::Pareto => {
                (PARETO_SHAPE - 1.0) * (libm::pow(exceeded, -1.0 / PARETO_SHAPE) - 1.0)
            }
        };
        let nanos = nanos_of(self.base) as f64 + nanos_of(self.spread) as f64 * part;
        // The cast takes negative numbers to 0 and what is too large to the greatest duration.
        Duration::from_nanos((nanos + 0.5) as u64)
    }
}

impl Loss {
    /// What sending again costs a segment that leaves at `now`.
    fn wait(
        &self,
        now: Time,
        timeout: Duration,
        phase: &mut Option<(Time, bool)>,
        rng: &mut SimRng,
    ) -> Toll {
        let mut seen = (now, self.is_bad(*phase, now, rng));
        *phase = Some(seen);
        // What is sent again meets the link as it is then, which others need not see alike: they may ask
        // about earlier times.
        let mut toll = Toll::default();
        let mut timeout = timeout.min(RETRANSMISSION_MAX);
        for _ in 0..RETRANSMISSIONS {
            if !seen.1 {
                return toll;
            }
            toll.late = toll.late.saturating_add(timeout);
            timeout = timeout.saturating_mul(2).min(RETRANSMISSION_MAX);
            let at = now + toll.late;
            seen = (at, self.is_bad(Some(seen), at, rng));
        }
        Toll {
            breaks: seen.1,
            late: if seen.1 { toll.late.saturating_add(timeout) } else { toll.late },
        }
    }

    /// Whether the link is bad at `at`, after what was seen of it before.
    fn is_bad(&self, before: Option<(Time, bool)>, at: Time, rng: &mut SimRng) -> bool {
        let good = 1.0 - self.probability;
        if good <= 0.0 {
            return true;
        }
        let likely = match before {
            Some((then, bad)) if !self.burst.is_zero() => {
                // Phases end at random: how much the link still knows of how it was fades with their rates,
                // 1 / burst out of the bad phase and as much into it as keeps the part that is bad.
                let memory =
                    libm::exp(-((at - then).as_secs_f64() / (self.burst.as_secs_f64() * good)));
                self.probability + (f64::from(u8::from(bad)) - self.probability) * memory
            }
            _ => self.probability,
        };
        rng.chance(likely)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const DRAWS: usize = 100_000;

    fn parts(distribution: Distribution, correlation: f64) -> Vec<f64> {
        let extra = ExtraDelay { base: 100 * MS, spread: 10 * MS, distribution, correlation };
        let (mut rng, mut last) = (stream(5, "parts"), None);
        let part = |delay: Duration| (delay.as_secs_f64() - 0.1) / 0.01;
        (0..DRAWS).map(|_| part(extra.sample(&mut rng, &mut last))).collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// The correlation of each draw with the next.
    fn resemblance(values: &[f64]) -> f64 {
        let mean = mean(values);
        let variance: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let product: f64 = values.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
        product / variance
    }

    #[test]
    fn distributions_have_their_means_and_tails_whether_correlated_or_not() {
        for (distribution, expected, tail) in [
            (Distribution::Uniform, 0.5, 0.99),
            (Distribution::Normal, 0.0, 2.326),
            (Distribution::Exponential, 1.0, 4.605),
            (Distribution::Pareto, 1.0, 7.283),
        ] {
            for correlation in [0.0, 0.5] {
                let mut draws = parts(distribution, correlation);
                let near = |a: f64, b: f64| (a - b).abs() < 0.05 * b.abs().max(1.0);
                assert!(near(mean(&draws), expected), "{distribution:?}: {}", mean(&draws));
                draws.sort_by(f64::total_cmp);
                let p99 = draws[DRAWS * 99 / 100];
                assert!(near(p99, tail), "{distribution:?} {correlation}: p99 {p99}");
            }
        }
    }

    #[test]
    fn correlated_delays_resemble_the_one_before() {
        let of = |correlation| resemblance(&parts(Distribution::Normal, correlation));
        assert!(of(0.0).abs() < 0.02 && (of(0.8) - 0.8).abs() < 0.02, "{} {}", of(0.0), of(0.8));
    }

    /// Tolls of messages sent every 10 ms on a link of 5 ms.
    fn tolls(impairments: &[Impairment], count: u64) -> Vec<Toll> {
        let mut set = Impairments::new(3, "a>b");
        set.set(impairments);
        (0..count).map(|n| set.toll(Time::ZERO + 10 * n as u32 * MS, 5 * MS, false)).collect()
    }

    #[test]
    fn lost_segments_cost_a_timeout_that_doubles() {
        let loss = Impairment::Loss(Loss { probability: 0.5, burst: Duration::ZERO });
        let late: Vec<_> = tolls(&[loss], 20_000).iter().map(|toll| toll.late).collect();
        for (lost, part) in [(0, 0.5), (1, 0.25), (2, 0.125)] {
            // The round trip is 10 ms, so the time-out 210 ms.
            let wait = 210 * MS * ((1 << lost) - 1);
            let share = late.iter().filter(|late| **late == wait).count() as f64 / 20_000.0;
            assert!((share - part).abs() < 0.02, "{lost} times lost: {share}");
        }
    }

    #[test]
    fn bursts_strike_neighbours_and_leave_the_rate_as_it_is() {
        let lost = |burst| {
            let loss = Impairment::Loss(Loss { probability: 0.1, burst });
            let lost = |toll: &Toll| f64::from(u8::from(!toll.late.is_zero()));
            tolls(&[loss], 200_000).iter().map(lost).collect::<Vec<_>>()
        };
        let (single, burst) = (lost(Duration::ZERO), lost(100 * MS));
        assert!((mean(&single) - 0.1).abs() < 0.005, "{}", mean(&single));
        assert!((mean(&burst) - 0.1).abs() < 0.01, "{}", mean(&burst));
        // Neighbours are 10 ms apart: e to the power of -10 / (100 · 0.9).
        assert!(resemblance(&single).abs() < 0.02);
        assert!((resemblance(&burst) - 0.895).abs() < 0.02, "{}", resemblance(&burst));
    }

    #[test]
    fn tcp_gives_a_connection_up_in_the_end() {
        let loss = Impairment::Loss(Loss { probability: 1.0, burst: Duration::ZERO });
        let toll = tolls(&[loss], 1)[0];
        assert!(toll.breaks);
        // About what Linux documents for `tcp_retries2`: 924.6 s.
        assert!((924..990).contains(&toll.late.as_secs()), "{:?}", toll.late);
    }

    #[test]
    fn messages_under_a_rate_leave_one_after_the_other() {
        let late = |impairments: &[Impairment]| -> Vec<u128> {
            tolls(impairments, 4).iter().map(|toll| toll.late.as_millis()).collect()
        };
        let rate = Impairment::Rate { per_second: 40 };
        assert_eq!(late(&[rate]), [25, 40, 55, 70]);
        assert_eq!(late(&[Impairment::Rate { per_second: 200 }]), [5, 5, 5, 5]);
        // A duplicate takes a place of its own, and does nothing else.
        let twice = Impairment::Duplicate { probability: 1.0 };
        assert_eq!(late(&[rate, twice]), [50, 90, 130, 170]);
        assert_eq!(late(&[twice]), [0, 0, 0, 0]);
    }

    #[test]
    fn an_impairment_that_stays_keeps_its_memory() {
        let (rate, reset) =
            (Impairment::Rate { per_second: 1 }, Impairment::Reset { probability: 0.0 });
        let mut set = Impairments::new(3, "a>b");
        set.set(&[rate]);
        let late = |set: &mut Impairments| set.toll(Time::ZERO, MS, false).late.as_secs();
        assert_eq!(late(&mut set), 1);
        set.set(&[reset, rate]);
        assert_eq!(late(&mut set), 2);
        set.set(&[reset]);
        assert_eq!(late(&mut set), 0);
        set.set(&[rate]);
        assert_eq!(late(&mut set), 1);
    }
}
