//! Each loss of a member as one row: what struck, when a client noticed, where calls went, and when
//! the member was back.

use std::collections::BTreeMap;

use crate::{
    history::History,
    metrics::{end, failed_by_cluster},
};

/// A member that a client gave up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failover {
    /// When it was given up.
    pub(super) at_ns: u64,
    /// The process of the client.
    pub(super) pid: u32,
    /// The member.
    pub(super) from: String,
    /// `refused`, `silent`, `login refused`.
    pub(super) why: String,
    /// The device that answered most calls of the client while the member was away.
    pub(super) to: Option<String>,
    /// From the fault that struck the member to its loss, in nanoseconds; `None` if none had.
    pub(super) detected_ns: Option<u64>,
    /// Calls that moved to another member.
    pub(super) moved: u64,
    /// Calls of the client that failed between the fault and the member's return.
    pub(super) failed: u64,
    /// Multi-part operations of the client that ended meanwhile.
    pub(super) multi_part: u64,
    /// When it took part again.
    pub(super) back_ns: Option<u64>,
}

/// Every loss of a member, in the order of time.
pub(super) fn failovers(history: &History) -> Vec<Failover> {
    let mut rows = Vec::new();
    for (index, lost) in history.events.iter().enumerate() {
        if lost.event != "member_lost" {
            continue;
        }
        let later = || history.events[index + 1..].iter().filter(|event| event.pid == lost.pid);
        let same = |event: &&hsmsim_client::record::EventRecord| {
            (&event.group, &event.member) == (&lost.group, &lost.member)
        };
        let ends = |event: &&hsmsim_client::record::EventRecord| {
            matches!(event.event.as_str(), "member_recovered" | "member_lost")
        };
        let next = later().filter(same).find(ends);
        let back_ns = next.filter(|event| event.event == "member_recovered").map(|it| it.at_ns);
        let until_ns = next.map_or(u64::MAX, |event| event.at_ns);
        let struck = history
            .faults
            .iter()
            .filter(|fault| fault.from_ns <= lost.at_ns && fault.concerns(&lost.member))
            .map(|fault| fault.from_ns)
            .max();
        let since_ns = struck.unwrap_or(lost.at_ns);
        // A thread that moves on may write that down before the one that gave the member up does.
        let before = history.events[..index].iter().filter(|event| event.pid == lost.pid);
        let after_ns = before.filter(same).rfind(ends).map_or(0, |event| event.at_ns + 1);
        let count = |name: &str| {
            let meant = |event: &&hsmsim_client::record::EventRecord| {
                event.event == name && (after_ns..=until_ns).contains(&event.at_ns)
            };
            let own = history.events.iter().filter(|event| event.pid == lost.pid);
            own.filter(meant).filter(same).count() as u64
        };
        let (to, failed) =
            calls_between(history, lost.pid, &lost.member, since_ns, lost.at_ns, until_ns);
        rows.push(Failover {
            at_ns: lost.at_ns,
            pid: lost.pid,
            from: lost.member.clone(),
            why: lost.detail.clone(),
            to,
            detected_ns: struck.map(|from_ns| lost.at_ns - from_ns),
            moved: count("failover"),
            failed,
            multi_part: count("multi_part_lost"),
            back_ns,
        });
    }
    rows
}

/// The device that answered most of a client's calls from the loss on, and how many failed since the
/// fault.
fn calls_between(
    history: &History,
    pid: u32,
    lost: &str,
    since_ns: u64,
    lost_ns: u64,
    until_ns: u64,
) -> (Option<String>, u64) {
    let mut answered: BTreeMap<&str, u64> = BTreeMap::new();
    let mut errors = 0;
    let calls = history.calls.iter().filter(|call| call.pid == pid);
    for call in calls.filter(|call| end(call) >= since_ns && call.at_ns <= until_ns) {
        if failed_by_cluster(call) {
            errors += 1;
        }
        let served = !call.member.is_empty() && call.member != lost;
        if served && end(call) >= lost_ns && end(call) <= until_ns {
            *answered.entry(&call.member).or_default() += 1;
        }
    }
    let most = answered.into_iter().max_by_key(|&(_, count)| count);
    (most.map(|(device, _)| device.to_owned()), errors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::testing::history;

    #[test]
    fn a_loss_is_told_from_the_fault_to_the_return() {
        let mut history = history(
            "ha-pair",
            "1 1 C_Sign CKR_OK hsm-eus-1
             19 10 C_Sign CKR_OK hsm-eus-2
             22 1 C_SignFinal CKR_DEVICE_ERROR
             30 1 C_Sign CKR_OK hsm-eus-2
             70 1 C_Sign CKR_OK hsm-eus-1",
            "24 failover hsm-eus-1
             25 member_lost hsm-eus-1 silent
             26 failover hsm-eus-1
             27 multi_part_lost hsm-eus-1
             60 member_recovered hsm-eus-1
             80 failover hsm-eus-1",
        );
        history.strike("device.hang hsm-eus-1", 20, 50);
        let rows = failovers(&history);
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.from.as_str(), row.to.as_deref()), ("hsm-eus-1", Some("hsm-eus-2")));
        assert_eq!(row.detected_ns, Some(5_000_000));
        assert_eq!((row.moved, row.failed, row.multi_part), (2, 1, 1));
        assert_eq!(row.back_ns, Some(60_000_000));
    }

    #[test]
    fn a_loss_that_no_fault_explains_was_not_detected_after_anything() {
        let history = history("ha-pair", "", "25 member_lost hsm-eus-1 refused");
        let row = &failovers(&history)[0];
        assert_eq!((row.detected_ns, row.back_ns, &row.to), (None, None, &None));
    }
}
