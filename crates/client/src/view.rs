//! What this client believes of its members, for others to read: the truth about the devices and
//! each client's view of them are two things, and `hsmsim status` shows both.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use crate::{
    Client,
    member::{Member, Status},
};

/// A client's published view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientView {
    /// The process.
    pub pid: u32,
    /// Its groups that were used.
    pub groups: Vec<GroupView>,
}

/// A group as a client sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupView {
    /// The label.
    pub label: String,
    /// Calls that moved to another member.
    pub failovers: u64,
    /// Its members, in order.
    pub members: Vec<MemberView>,
}

/// A member as a client sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberView {
    /// The device.
    pub device: String,
    /// `idle`, `up`, or why it was given up.
    pub state: String,
    /// Attempts to bring it back.
    pub attempts: u32,
    /// Requests it has answered this client, when the view was published.
    pub served: u64,
}

impl Client {
    /// Publishes the view.
    pub(crate) fn publish_view(&self) {
        let used = |group: &&std::sync::Arc<crate::group::Group>| {
            group.members.iter().any(|member| member.status() != Status::Idle)
        };
        let groups = self.groups.iter().filter(used).map(|group| GroupView {
            label: group.label.clone(),
            failovers: group.failovers.load(Ordering::Relaxed),
            members: group.members.iter().map(view).collect(),
        });
        let view = ClientView { pid: std::process::id(), groups: groups.collect() };
        if let Ok(text) = serde_json::to_string(&view) {
            self.process.publish(&text);
        }
    }

    /// How many requests each device has answered this client, by name.
    pub fn served(&self) -> Vec<(String, u64)> {
        let mut sums = std::collections::BTreeMap::new();
        for member in self.groups.iter().flat_map(|group| &group.members) {
            *sums.entry(member.device.clone()).or_insert(0) += member.load.served();
        }
        sums.into_iter().collect()
    }
}

fn view(member: &Member) -> MemberView {
    let (state, attempts) = match member.status() {
        Status::Idle => ("idle", 0),
        Status::Up => ("up", 0),
        Status::Down(down) => (down.why.as_str(), down.attempts),
    };
    MemberView {
        device: member.device.clone(),
        state: state.to_owned(),
        attempts,
        served: member.load.served(),
    }
}
