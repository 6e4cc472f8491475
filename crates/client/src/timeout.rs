//! How long an answer is waited for: the receive time-out, which a device's heartbeats begin anew.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use hsmsim_network::{Clock, Sleep, overdue};

use crate::member::Member;

/// Waits for `future` at most `limit`; the clock is looked at only if the future has to wait.
///
/// Time that the future spends computing does not count: a device that works on a long command sends
/// heartbeats, each of which restarts the receive time-out (Luna guide, "Failover"). Here the caller's
/// own thread does the device's work, so its polls are what the heartbeats would cover.
pub(crate) async fn within<F: Future>(
    clock: &Clock,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    within_beats(clock, limit, &|| false, future).await
}

/// As [`within`]; the time starts anew as long as `beats` says that heartbeats come.
async fn within_beats<F: Future>(
    clock: &Clock,
    limit: Duration,
    beats: &(dyn Fn() -> bool + Sync),
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleep: Option<Sleep> = None;
    poll_fn(move |cx| {
        if let Some(running) = &sleep
            && overdue() > Duration::ZERO
        {
            // Nobody has looked in the meantime, as at a call that is left pending.
            sleep = Some(clock.sleep_until(running.deadline() + overdue()));
        }
        let begin = sleep.as_ref().map(|_| clock.now());
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if let (Some(begin), Some(running)) = (begin, &sleep) {
            let computed = clock.now() - begin;
            if computed > COMPUTING {
                sleep = Some(clock.sleep_until(running.deadline() + computed));
            }
        }
        loop {
            let timer = sleep.get_or_insert_with(|| clock.sleep(limit));
            match std::pin::Pin::new(timer).poll(cx) {
                Poll::Ready(()) if beats() => sleep = None,
                timer => return timer.map(|()| None),
            }
        }
    })
    .await
}

/// A poll that takes longer has computed something.
const COMPUTING: Duration = Duration::from_millis(1);

/// Waits for `future` at most `limit`, and not beyond the loss of `member`: when one call has found out
/// that a member is gone, the others that wait for it move on at once.
pub(crate) async fn while_there<F: Future>(
    clock: &Clock,
    member: &Member,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    // Made when it is first needed.
    let mut lost = pin!(None);
    let beats = || member.connection().is_some_and(|connection| connection.heartbeats());
    let future = within_beats(clock, limit, &beats, future);
    let mut future = pin!(future);
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        if lost.is_none() {
            lost.set(Some(member.gone()));
        }
        // The flag: it may have been given up before this call began to listen.
        match lost.as_mut().as_pin_mut() {
            Some(lost) if !member.is_down() => lost.poll(cx).map(|()| None),
            _ => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use hsmsim_network::{NoTick, Time, drive};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What a timeout of 20 s makes of a command that takes `steps` steps of 5 s; of these the device
    /// computes all or is silent for all.
    fn outcome(steps: u32, silent: bool) -> Option<()> {
        let clock = Clock::virtual_at(Time::ZERO);
        let mut left = steps;
        let mut pause = Some(Box::pin(clock.sleep(5 * SECOND)));
        let command = poll_fn(|cx| {
            while left > 0 {
                if !silent {
                    clock.advance_to(clock.now() + 5 * SECOND);
                    left -= 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let Some(running) = &mut pause else { break };
                if running.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                left -= 1;
                pause = Some(Box::pin(clock.sleep(5 * SECOND)));
            }
            Poll::Ready(())
        });
        drive(&clock, &NoTick, within(&clock, 20 * SECOND, command))
    }

    #[test]
    fn the_timeout_counts_silence_and_not_work() {
        assert_eq!(outcome(3, true), Some(()));
        assert_eq!(outcome(5, true), None);
        assert_eq!(outcome(100, false), Some(()), "heartbeats say that it works");
    }
}
