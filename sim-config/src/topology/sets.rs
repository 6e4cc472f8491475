//! Groups that are alike: the same members in the same parts, on other partitions.
//!
//! Ten groups over the same four devices differ in nothing a reader wants to see ten times, so
//! pictures and findings speak of the set.

use super::{Group, Topology};

/// Groups with the same members, in the topology's order; at least one.
pub(crate) struct GroupSet<'t> {
    pub(crate) groups: Vec<&'t Group>,
}

impl<'t> GroupSet<'t> {
    /// The group that stands for all of them.
    pub(crate) fn first(&self) -> &'t Group {
        self.groups[0]
    }

    /// How the set is called: `hsmsim-0`, or `hsmsim-0 to hsmsim-9`.
    pub(crate) fn name(&self) -> String {
        let labels: Vec<&str> = self.groups.iter().map(|g| g.label.as_str()).collect();
        names(&labels)
    }
}

/// A list of names, short even when it is long.
pub(crate) fn names(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => (*one).to_owned(),
        [first, .., last] if is_run(names) && names.len() > 2 => format!("{first} to {last}"),
        [first, .., last] if names.len() > 4 => {
            format!("{first}, …, {last} ({} in all)", names.len())
        }
        _ => names.join(", "),
    }
}

/// Whether the names are one stem with consecutive numbers.
fn is_run(names: &[&str]) -> bool {
    let split = |name: &str| {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        name[stem..].parse::<u64>().ok().map(|n| (name[..stem].to_owned(), n))
    };
    names.windows(2).all(|pair| match (split(pair[0]), split(pair[1])) {
        (Some((a, n)), Some((b, m))) => a == b && m == n + 1,
        _ => false,
    })
}

impl Topology {
    /// All groups, gathered into sets of like ones.
    pub(crate) fn group_sets(&self) -> Vec<GroupSet<'_>> {
        let mut sets: Vec<GroupSet<'_>> = Vec::new();
        for group in &self.groups {
            match sets.iter_mut().find(|set| alike(set.first(), group)) {
                Some(set) => set.groups.push(group),
                None => sets.push(GroupSet { groups: vec![group] }),
            }
        }
        sets
    }
}

fn alike(a: &Group, b: &Group) -> bool {
    let part = |g: &Group| -> Vec<_> {
        g.members.iter().map(|m| (m.device.clone(), m.role, m.replication)).collect()
    };
    part(a) == part(b)
}
