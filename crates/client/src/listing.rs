//! A look at every member of a group, as LunaCM takes one for `hagroup listgroups`: by asking each
//! of them now, and without a change to what this client believes of it.

use std::time::Duration;

use hsmsim_network::all;
use hsmsim_partition::api::{Reply, Request};
use hsmsim_types::{Result, SlotId};

use crate::{Client, group::Group, member::Member, timeout::within, transport::MemberSession};

/// A group and what its members answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The label.
    pub label: String,
    /// The group's serial number.
    pub serial: String,
    /// The slot that applications see.
    pub slot: SlotId,
    /// Its members, in order.
    pub members: Vec<MemberListing>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberListing {
    /// Name of its device.
    pub device: String,
    /// Serial number of its partition.
    pub serial: String,
    /// Whether it waits for the last active member to fail.
    pub standby: bool,
    /// The member's own slot; `None` where applications see groups only (`ha_only`).
    pub slot: Option<SlotId>,
    /// The label of its token; `None` if it does not answer.
    pub label: Option<String>,
}

/// How long a member may take to answer, in drill time: what Luna's status call waits by default
/// (`statusTimeout`).
const STATUS_TIMEOUT: Duration = Duration::from_secs(3);

impl Client {
    /// `hagroup listgroups`: asks every member of a group at the same time.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD if no group has this label. A member that does not answer is no error.
    pub async fn list_group(&self, label: &str) -> Result<GroupListing> {
        self.cluster.refresh();
        let group = self.group_by_label(label)?;
        let tokens = all(group.members.iter().map(|member| self.token_label(member))).await;
        let members = group.members.iter().zip(tokens).map(|(member, label)| MemberListing {
            device: member.device.clone(),
            serial: member.serial.clone(),
            standby: member.standby,
            slot: self.member_slot(&group, member),
            label,
        });
        Ok(GroupListing {
            label: group.label.clone(),
            serial: group.serial.clone(),
            slot: group.slot,
            members: members.collect(),
        })
    }

    /// The slot in which an application sees this member by itself.
    fn member_slot(&self, group: &Group, member: &Member) -> Option<SlotId> {
        let own = |other: &&std::sync::Arc<Group>| {
            (!other.ha || !group.ha) && other.members.iter().any(|m| m.address == member.address)
        };
        self.groups.iter().find(own).map(|group| group.slot)
    }

    /// The label of a member's token, if it answers in time.
    async fn token_label(&self, member: &Member) -> Option<String> {
        let limit = self.cluster.scaled(STATUS_TIMEOUT).max(member.expected_connect);
        let label = async {
            let connection = match member.connection().filter(|link| !link.is_broken()) {
                Some(connection) => connection,
                None => self.transport.connect(member.address).await.ok()?,
            };
            let open = crate::login::library_session(self.app);
            let mut session: MemberSession = connection.open(open).await.ok()?.ok()?;
            match session.call(Request::TokenInfo).await.ok()? {
                Reply::Token(token) => {
                    Some(String::from_utf8_lossy(&token.label).trim_end().to_owned())
                }
                _ => None,
            }
        };
        within(self.clock(), limit, label).await.flatten()
    }
}
