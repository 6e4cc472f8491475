//! Bringing what was made, changed or destroyed on one member to the others.
//!
//! Luna guide, "Key Replication": the key is made on the primary, cloned to every member, and only
//! then does the call return; a member that fails meanwhile is given up after its time-out, the
//! call still succeeds, and the copy is owed until the member rejoins. The client is the conduit:
//! objects come sealed from the source and go sealed into the targets.

use std::{iter::repeat_n, sync::Arc};

use hsmsim_network::all;
use hsmsim_partition::api::{Reply, Request, SealedObject, SessionTag};
use hsmsim_store::{NewOwed, OwedKind};
use hsmsim_types::{Error, ObjectId, Result, ck::*};
use smallvec::{SmallVec, smallvec};

use crate::{
    Client,
    call::Failure,
    group::Group,
    operations::unexpected,
    planted::Planted,
    session::{Checkout, SessionSlot, Sub},
};

/// Whether a refusal is the device's own trouble (full, failing) and not the object's: different
/// domains stay different.
fn passes(error: &Error) -> bool {
    [
        CKR_CONTAINER_OBJECT_STORAGE_FULL,
        CKR_DEVICE_ERROR,
        CKR_DEVICE_MEMORY,
        CKR_FUNCTION_FAILED,
        CKR_GENERAL_ERROR,
        CKR_HOST_MEMORY,
        CKR_MAX_OBJECT_COUNT_EXCEEDED,
    ]
    .contains(&error.rv())
}

/// Members that a change did not reach.
#[derive(Default)]
struct Missed {
    /// They are given up.
    lost: Vec<usize>,
    /// They serve, and refused it for a reason that may pass.
    refused: Vec<usize>,
}

impl Missed {
    fn all(&self) -> impl Iterator<Item = usize> {
        self.lost.iter().chain(&self.refused).copied()
    }
}

/// Members, by their indices; most groups are pairs.
type Targets = SmallVec<[usize; 4]>;

/// What members have answered, in their order.
pub(crate) type Answers = SmallVec<[(usize, std::result::Result<Reply, Failure>); 1]>;

/// Token objects, and session objects.
fn by_kind(objects: Vec<SealedObject>) -> (Vec<SealedObject>, Vec<SealedObject>) {
    // What one call makes is mostly of one kind.
    match objects.first() {
        Some(first) if objects.iter().all(|object| object.token == first.token) => {
            if first.token {
                (objects, Vec::new())
            } else {
                (Vec::new(), objects)
            }
        }
        _ => objects.into_iter().partition(|object| object.token),
    }
}

/// The tag of sessions that belong to no virtual session.
pub(crate) const LIBRARY_SESSION: SessionTag = SessionTag(0);

impl Client {
    /// Clones objects from `source` to every other member that is to have them; what could not be
    /// delivered is owed. `false`: the source was lost before it gave them away.
    pub(crate) async fn replicate(
        &self,
        session: &mut Checkout,
        source: usize,
        objects: &[ObjectId],
    ) -> Result<bool> {
        let group = Arc::clone(session.group());
        if group.members.len() == 1 {
            return Ok(true);
        }
        let request = Request::CloneAsSource { objects: objects.to_vec() };
        let sealed = match self.call_member(session, source, request).await {
            Ok(Reply::Sealed(sealed)) => sealed,
            Ok(other) => return Err(unexpected(&other)),
            Err(Failure::Member(error)) => return Err(error),
            Err(Failure::Lost) => return Ok(false),
        };
        self.distribute(session, source, sealed).await?;
        Ok(true)
    }

    /// Brings what the source has given away to every other member that is to have it; what could not be
    /// delivered is owed.
    pub(crate) async fn distribute(
        &self,
        session: &mut Checkout,
        source: usize,
        sealed: Vec<SealedObject>,
    ) -> Result<()> {
        let (token, own) = by_kind(sealed);
        if !token.is_empty() {
            let group = Arc::clone(session.group());
            let targets: Targets = (0..group.members.len())
                .filter(|&index| index != source && !group.members[index].asynchronous)
                .collect();
            let ids: Vec<_> = token.iter().map(|object| object.id).collect();
            // The devices themselves tell asynchronous members.
            let request = Request::CloneAsTarget { objects: token };
            let missed = self.spread(session, &targets, request).await;
            self.bury_again(session, &targets, &ids).await?;
            let behind: Vec<usize> = missed.all().collect();
            self.owe(&group, &behind, OwedKind::Copy, &ids)?;
            self.settle_later(&group, &missed).await;
            self.told_by_devices();
        }
        if !own.is_empty() && self.clones_session_objects {
            let members = session.group().members.iter().enumerate();
            let targets: Targets = members
                .filter(|&(index, member)| index != source && !member.standby)
                .map(|(index, _)| index)
                .collect();
            self.spread(session, &targets, Request::CloneAsTarget { objects: own }).await;
        }
        Ok(())
    }

    /// What others have destroyed while its copies were under way must not come back by them. Members that are
    /// lost meanwhile are owed the deletion by whoever destroyed it.
    async fn bury_again(
        &self,
        session: &mut Checkout,
        targets: &[usize],
        objects: &[ObjectId],
    ) -> Result<()> {
        if !self.replays_deletions || targets.is_empty() {
            return Ok(());
        }
        let buried = self.cluster.ledger().buried(&session.group().label, objects)?;
        if !buried.is_empty() {
            let request = Request::ReplayDeletion { objects: buried };
            self.spread(session, targets, request).await;
        }
        Ok(())
    }

    /// Brings a change to other members. Gives those that are owed it: they are lost, or have refused it
    /// for a reason that may pass. Any other refusal is logged: the member then differs from the others
    /// until somebody finds out why.
    async fn spread(&self, session: &mut Checkout, targets: &[usize], request: Request) -> Missed {
        let mut missed = Missed::default();
        for (index, answer) in self.send_to_all(session, targets, request).await {
            let group = session.group();
            let member = &group.members[index];
            match answer {
                Ok(_) => {}
                Err(Failure::Lost) => missed.lost.push(index),
                Err(Failure::Member(error)) => {
                    tracing::error!(group = %group.label, member = %member.device, %error,
                        "not replicated");
                    self.event("not_replicated", group, Some(member), error.rule());
                    if passes(&error) {
                        missed.refused.push(index);
                    }
                }
            }
        }
        missed
    }

    /// Sends one request to several members at the same time, each through the virtual session's
    /// own session there, so that none waits for another.
    pub(crate) async fn send_to_all(
        &self,
        session: &mut Checkout,
        targets: &[usize],
        request: Request,
    ) -> Answers {
        if let &[index] = targets {
            let (slot, place) = session.place(index);
            let answer = match self.call_sub_at_once(&slot.group, index, place, request) {
                Ok(answer) => answer,
                Err(left) => {
                    Box::pin(self.finish_sub_call(slot, index, place, left)).await.flatten()
                }
            };
            return smallvec![(index, answer)];
        }
        let slot = Arc::clone(&session.slot);
        let slot = &*slot;
        let mut answers = Answers::new();
        let mut calls = Vec::new();
        let places = session.subs.iter_mut().enumerate();
        let places = places.filter(|(index, _)| targets.contains(index));
        // The last one gets the request itself.
        let requests = repeat_n(request, targets.len());
        for ((index, place), request) in places.zip(requests) {
            match self.call_sub_at_once(&slot.group, index, place, request) {
                Ok(answer) => answers.push((index, answer)),
                Err(left) => calls.push(async move {
                    (index, self.finish_sub_call(slot, index, place, left).await.flatten())
                }),
            }
        }
        if !calls.is_empty() {
            answers.extend(all(calls).await);
            answers.sort_unstable_by_key(|&(index, _)| index);
        }
        answers
    }

    /// One call through a place for a session, which is filled as needed.
    pub(crate) async fn call_sub(
        &self,
        slot: &SessionSlot,
        index: usize,
        place: &mut Option<Sub>,
        request: &Request,
    ) -> std::result::Result<Reply, Failure> {
        match self.call_sub_at_once(&slot.group, index, place, request.clone()) {
            Ok(answer) => answer,
            Err(left) => self.finish_sub_call(slot, index, place, left).await.flatten(),
        }
    }

    /// Destroys an object on the other members too; those that are lost are owed the deletion.
    pub(crate) async fn spread_deletion(
        &self,
        session: &mut Checkout,
        source: usize,
        object: ObjectId,
    ) -> Result<()> {
        let group = Arc::clone(session.group());
        if group.members.len() == 1 {
            return Ok(());
        }
        let own = session.objects.contains(&object);
        let targets = {
            // A session object is where its session is.
            let has_it = |index: usize| match own {
                true => session.subs[index].is_some(),
                false => !group.members[index].asynchronous,
            };
            let members = 0..group.members.len();
            members.filter(|&index| index != source && has_it(index)).collect::<Targets>()
        };
        if !own && self.replays_deletions {
            // Before the others are told: a copy that was read before the deletion and is written
            // after it looks here.
            self.cluster.ledger().tombstone(&group.label, object, self.clock().unix_now())?;
        }
        let request = Request::ReplayDeletion { objects: vec![object] };
        let missed = self.spread(session, &targets, request).await;
        if own {
            session.objects.remove(&object);
            return Ok(());
        }
        let behind: Vec<usize> = missed.all().collect();
        self.owe(&group, &behind, OwedKind::Delete, &[object])?;
        self.settle_later(&group, &missed).await;
        self.told_by_devices();
        Ok(())
    }

    /// A change was made: devices may have something to tell each other.
    fn told_by_devices(&self) {
        if self.cluster.replicates() {
            self.wake_recovery();
        }
    }

    /// A lost member may have been brought back, and been paid what it was owed by then, while a call that
    /// had found it lost was about to write down one debt more: it is paid now. What a member that serves
    /// has refused is tried again later.
    async fn settle_later(&self, group: &Group, missed: &Missed) {
        for &index in &missed.lost {
            if !group.members[index].is_down() {
                self.pay_in_place(group, index).await;
            }
        }
        if !missed.refused.is_empty() {
            self.try_again_later();
        }
    }

    /// Writes down what members are owed, durably or in this process (`owed_copies`).
    pub(crate) fn owe(
        &self,
        group: &Group,
        members: &[usize],
        kind: OwedKind,
        objects: &[ObjectId],
    ) -> Result<()> {
        // `deletes = ignore` forgets what a lost member missed.
        if members.is_empty() || (kind == OwedKind::Delete && !self.replays_deletions) {
            return Ok(());
        }
        if kind == OwedKind::Copy && self.planted == Some(Planted::CopyNotOwed) {
            return Ok(());
        }
        let (at_ns, pid) = (self.clock().unix_now(), std::process::id());
        let label: Arc<str> = group.label.as_str().into();
        let mut work = Vec::with_capacity(members.len() * objects.len());
        for &index in members {
            let member: Arc<str> = group.members[index].device.as_str().into();
            work.extend(objects.iter().map(|&object| NewOwed {
                group: Arc::clone(&label),
                member: Arc::clone(&member),
                object,
                kind,
                at_ns,
                pid,
            }));
        }
        for &index in members {
            let event = match kind {
                OwedKind::Copy => "copy_owed",
                OwedKind::Delete => "deletion_owed",
            };
            let identities: Vec<String> = objects.iter().map(ToString::to_string).collect();
            let detail = format!("{} objects: {}", objects.len(), identities.join(" "));
            self.event(event, group, Some(&group.members[index]), &detail);
        }
        tracing::info!(group = %group.label, objects = work.len(), ?kind, "owed");
        self.debts.owe(work)
    }
}
