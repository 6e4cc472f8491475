//! Which member serves a call: pure, so that it can be tested without a cluster.
//!
//! Luna guide, "High-Availability Groups": requests go to the first member unless it is busy (it
//! has not answered the last request sent to it), then to the next that is not; standby members
//! serve only when every active member is gone; multi-part operations and key management stay on
//! the primary, which is the first member that is there.

/// What matters of a member when one is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Not given up.
    pub(crate) usable: bool,
    /// Standby.
    pub(crate) standby: bool,
    /// Requests that it has not answered.
    pub(crate) in_flight: u64,
}

/// The primary: the first usable active member, else the first usable standby.
pub(crate) fn primary(members: impl Iterator<Item = Candidate> + Clone) -> Option<usize> {
    let first =
        |standby| members.clone().position(|member| member.usable && member.standby == standby);
    first(false).or_else(|| first(true))
}

/// The member for a one-part operation: the first that is not busy, else the least busy, among the
/// active; among the standby only if no active one is usable.
pub(crate) fn one_part(members: impl Iterator<Item = Candidate> + Clone) -> Option<usize> {
    let least_busy = |standby| {
        members
            .clone()
            .enumerate()
            .filter(|(_, member)| member.usable && member.standby == standby)
            .min_by_key(|&(index, member)| (member.in_flight, index))
            .map(|(index, _)| index)
    };
    least_busy(false).or_else(|| least_busy(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Vec<Candidate> {
        // `a3`: active with three in flight; `s`: standby; capital letters: given up.
        text.split(' ')
            .map(|word| {
                let letter = word.chars().next().unwrap_or('a');
                Candidate {
                    usable: letter.is_lowercase(),
                    standby: letter.eq_ignore_ascii_case(&'s'),
                    in_flight: word[1..].parse().unwrap_or(0),
                }
            })
            .collect()
    }

    #[test]
    fn choice_follows_the_guide() {
        for (group, first, balanced) in [
            ("a a s s", Some(0), Some(0)),
            ("a1 a s s", Some(0), Some(1)),
            ("a2 a1 s s", Some(0), Some(1)),
            ("a1 a1 s s", Some(0), Some(0)),
            ("A a5 s s", Some(1), Some(1)),
            ("A A s s", Some(2), Some(2)),
            ("A A s1 s", Some(2), Some(3)),
            ("A A S s", Some(3), Some(3)),
            ("A A S S", None, None),
        ] {
            let group_members = members(group);
            assert_eq!(primary(group_members.iter().copied()), first, "{group}");
            assert_eq!(one_part(group_members.iter().copied()), balanced, "{group}");
        }
    }
}
