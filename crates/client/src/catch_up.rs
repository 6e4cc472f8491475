//! Bringing a member up to date: copies and deletions that it is owed, and `ha synchronize`.
//!
//! The client is the conduit, as with every clone: objects come sealed from one member and go sealed
//! into another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hsmsim_partition::api::{InventoryEntry, Reply, Request, SealedObject};
use hsmsim_store::OwedKind;
use hsmsim_types::{Error, ObjectId, Result, ck::*, error::fail};

use crate::{
    Client, MemberRecovery,
    call::Failure,
    group::Group,
    member::Member,
    operations::unexpected,
    planted::Planted,
    replicate::LIBRARY_SESSION,
    session::Sub,
    timeout::within,
    transport::{CallError, Connection, MemberSession},
};

/// Objects that travel in one message when a member catches up.
const BATCH: usize = 256;

impl Client {
    /// Has what the devices told each other arrive, as far as it has by now. That a store cannot be
    /// read or written is logged; the next look tries again.
    pub(crate) fn deliver(&self) {
        if let Err(error) = self.cluster.deliver() {
            tracing::warn!(%error, "replication between devices waits");
        }
    }

    /// Whether a member serves and is owed something, as far as can be read.
    pub(crate) fn serves_with_debts(&self, group: &Group, index: usize) -> bool {
        let member = &group.members[index];
        // What cannot be read may be something.
        !member.is_down() && self.debts.owes(&group.label, &member.device).unwrap_or(true)
    }

    /// Pays what a member is owed, in the order in which it fell due. `false`: there was nothing, or
    /// nothing that could be paid.
    pub(crate) async fn pay(
        &self,
        group: &Group,
        index: usize,
        session: &mut MemberSession,
        report: &mut MemberRecovery,
    ) -> Result<bool> {
        let member = &group.members[index];
        let rows = self.debts.owed_to(&group.label, &member.device)?;
        if rows.is_empty() {
            return Ok(false);
        }
        let replayed = self.planted != Some(Planted::DeletionNotReplayed);
        let deleted: Vec<ObjectId> = rows
            .iter()
            .filter(|row| row.owed.kind == OwedKind::Delete && replayed)
            .map(|row| row.owed.object)
            .collect();
        let gone: BTreeSet<ObjectId> = deleted.iter().copied().collect();
        let copies: BTreeSet<ObjectId> = rows
            .iter()
            .filter(|row| row.owed.kind == OwedKind::Copy && !gone.contains(&row.owed.object))
            .filter(|row| self.planted != Some(Planted::DebtDropped) || row.id % 2 == 0)
            .map(|row| row.owed.object)
            .collect();
        for objects in deleted.chunks(BATCH) {
            let request = Request::ReplayDeletion { objects: objects.to_vec() };
            self.ask_returning(session, request).await?;
            report.deleted += objects.len();
        }
        let mut unpaid = BTreeSet::new();
        if !copies.is_empty() {
            let wanted = copies.len();
            unpaid = self.pay_copies(group, index, session, copies).await?;
            let copied = wanted - unpaid.len();
            self.event("copy_delivered", group, Some(member), format_args!("{copied} objects"));
            report.copied += copied;
        }
        let paid = rows.iter().filter(|row| !unpaid.contains(&row.owed.object)).map(|row| row.id);
        let paid: Vec<u64> = paid.collect();
        self.debts.settle(&paid)?;
        Ok(!paid.is_empty())
    }

    /// Copies what a member is owed, each object from a member that surely has its newest state if there is
    /// one, which is a member that the client feeds and that is not owed it too: members that were away
    /// together return together, and neither has what the other lacks. Members that are given up are asked
    /// as well if they can be reached, since two that wait for each other's copies would else wait for ever.
    ///
    /// Gives what could not be had from anybody. It stays owed if somebody could not be asked. The
    /// member may serve without it: none of those that serve has it either.
    async fn pay_copies(
        &self,
        group: &Group,
        index: usize,
        session: &mut MemberSession,
        mut wanted: BTreeSet<ObjectId>,
    ) -> Result<BTreeSet<ObjectId>> {
        // Those that serve first, of them the primary first.
        let primary = group.primary();
        let mut sources: Vec<usize> =
            (0..group.members.len()).filter(|&source| source != index).collect();
        sources.sort_by_key(|&source| (group.members[source].is_down(), Some(source) != primary));
        let mut all_asked = true;
        // What is owed to all of them may have been changed on one while another was away, and on the
        // other afterwards: then the newest state of all counts, which is what the member keeps. Of a
        // member that devices feed nobody can say that it has the newest.
        for may_be_older in [false, true] {
            for &source in &sources {
                if wanted.is_empty() {
                    break;
                }
                let member = &group.members[source];
                let debts = self.debts.owed_to(&group.label, &member.device)?;
                let owed: BTreeSet<ObjectId> = debts.iter().map(|row| row.owed.object).collect();
                let older = |object| member.asynchronous || owed.contains(object);
                let asked = wanted.iter().filter(|object| older(*object) == may_be_older);
                let objects: Vec<ObjectId> = asked.copied().collect();
                if objects.is_empty() {
                    continue;
                }
                let away = member.is_down();
                match self.copy(group, source, session, &objects).await {
                    Ok(_) if may_be_older => {}
                    Ok(copied) => copied.iter().for_each(|object| {
                        wanted.remove(object);
                    }),
                    // Away, or lost by this: others may have what it would have given.
                    Err(Uncopied::Unread(_)) if away || member.is_down() => {
                        all_asked = false;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if all_asked {
            // What nobody has although everybody was asked was destroyed since.
            wanted.clear();
        }
        Ok(wanted)
    }

    /// A session on a member to copy from, and whether it was given up: then the connection, which
    /// nothing else uses, is given too.
    async fn source(&self, group: &Group, index: usize) -> Result<Source> {
        if !group.members[index].is_down() {
            return Ok(Source::Serving(self.library_sub(group, index).await?));
        }
        let (connection, session) = self.reach(&group.members[index]).await?;
        Ok(Source::Away { _connection: connection, session })
    }

    /// Copies objects between two members, this client in the middle. Gives those that were there.
    async fn copy(
        &self,
        group: &Group,
        source: usize,
        target: &mut MemberSession,
        objects: &[ObjectId],
    ) -> std::result::Result<Vec<ObjectId>, Uncopied> {
        let mut copied = Vec::with_capacity(objects.len());
        let mut from = self.source(group, source).await.map_err(Uncopied::Unread)?;
        let mut done = 0;
        for asked in objects.chunks(BATCH) {
            let sealed = self.read(group, source, &mut from, asked).await;
            let sealed = sealed.map_err(Uncopied::Unread)?;
            let ids: Vec<ObjectId> = sealed.iter().map(|object| object.id).collect();
            self.write(group, target, sealed, &ids).await.map_err(Uncopied::Unwritten)?;
            copied.extend(ids);
            done += asked.len();
            if let Some(progress) = self.progress.get() {
                progress(done, objects.len());
            }
        }
        Ok(copied)
    }

    /// What a member has of some objects, sealed for the others.
    async fn read(
        &self,
        group: &Group,
        source: usize,
        from: &mut Source,
        objects: &[ObjectId],
    ) -> Result<Vec<SealedObject>> {
        let request = Request::CloneAsSource { objects: objects.to_vec() };
        let reply = match from {
            Source::Serving(sub) => {
                let reply = self.ask(group, source, &mut sub.session, request).await;
                reply.map_err(|failure| failed(failure, group, source))?
            }
            Source::Away { session, .. } => self.ask_returning(session, request).await?,
        };
        match reply {
            Reply::Sealed(sealed) => Ok(sealed),
            other => Err(unexpected(&other)),
        }
    }

    /// Has a member take what was read from another.
    async fn write(
        &self,
        group: &Group,
        target: &mut MemberSession,
        sealed: Vec<SealedObject>,
        ids: &[ObjectId],
    ) -> Result<()> {
        self.ask_returning(target, Request::CloneAsTarget { objects: sealed }).await?;
        if self.replays_deletions {
            // What was destroyed since it was read must not come back by this.
            let buried = self.cluster.ledger().buried(&group.label, ids)?;
            if !buried.is_empty() {
                let request = Request::ReplayDeletion { objects: buried };
                self.ask_returning(target, request).await?;
            }
        }
        Ok(())
    }

    /// A connection to a member that is given up, and a session of the library itself on it.
    pub(crate) async fn reach(
        &self,
        member: &Member,
    ) -> Result<(Arc<dyn Connection>, MemberSession)> {
        let connect = self.transport.connect(member.address);
        let connection = match within(self.clock(), self.timers.connect, connect).await {
            Some(Ok(connection)) => connection,
            Some(Err(_)) => return fail(CKR_DEVICE_ERROR, "it refuses the connection"),
            None => return fail(CKR_DEVICE_ERROR, "it does not answer"),
        };
        let open = connection.open(crate::login::library_session(self.app));
        match within(self.clock(), self.timers.receive, open).await {
            Some(Ok(session)) => {
                let session = session?;
                Ok((connection, session))
            }
            Some(Err(_)) => fail(CKR_DEVICE_ERROR, "it refuses sessions"),
            None => fail(CKR_DEVICE_ERROR, "it does not answer"),
        }
    }

    /// A session of the library itself on a member.
    async fn library_sub(&self, group: &Group, index: usize) -> Result<Sub> {
        self.open_on_member(group, index, LIBRARY_SESSION, true)
            .await
            .map_err(|failure| failed(failure, group, index))
    }

    /// A request to a member that is not in use yet: its loss loses nothing but the attempt.
    async fn ask_returning(&self, session: &mut MemberSession, request: Request) -> Result<Reply> {
        match within(self.clock(), self.timers.receive, session.call(request)).await {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(CallError::Member(error))) => Err(error),
            Some(Err(CallError::Refused)) => fail(CKR_DEVICE_ERROR, "it was lost again"),
            None => fail(CKR_DEVICE_ERROR, "it stopped answering"),
        }
    }

    /// Pays what a member that serves is owed; if that fails it stays owed, and is tried again later.
    pub(crate) async fn pay_in_place(&self, group: &Group, index: usize) {
        let member = &group.members[index];
        let mut report = MemberRecovery::of(member);
        if let Err(error) = self.pay_standing(group, index, &mut report).await {
            self.refused_in_place(group, member, &error);
        }
    }

    /// A member that serves was not paid what it is owed, which is tried again later.
    pub(crate) fn refused_in_place(&self, group: &Group, member: &Member, error: &Error) {
        tracing::warn!(group = %group.label, member = %member.device, %error,
            "what it is owed was not delivered");
        if !member.is_down() {
            self.try_again_later();
        }
    }

    /// Pays what a member is owed that this process finds in place.
    pub(crate) async fn pay_standing(
        &self,
        group: &Group,
        index: usize,
        report: &mut MemberRecovery,
    ) -> Result<()> {
        let mut sub = self.library_sub(group, index).await?;
        self.pay(group, index, &mut sub.session, report).await.map(drop)
    }

    /// `ha synchronize`: every member gets every object that any member holds, in its newest version;
    /// deletions that a member missed are applied first (`deletes = replay`) or forgotten (`ignore`).
    /// Other clients are asked to use returning members only then: a member that was replaced has no
    /// keys before.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR if a member cannot be reached; the others are then untouched.
    pub async fn ha_synchronize(&self, label: &str) -> Result<Vec<MemberRecovery>> {
        self.recover_members(label).await?;
        let synchronized = self.level(label).await;
        self.ask_others_to_recover();
        synchronized
    }

    /// Copies between the members of a group what one has and another has not.
    async fn level(&self, label: &str) -> Result<Vec<MemberRecovery>> {
        let group = self.group_by_label(label)?;
        let mut holdings = Vec::with_capacity(group.members.len());
        for index in 0..group.members.len() {
            let mut sub = self.library_sub(&group, index).await?;
            let reply = self.ask(&group, index, &mut sub.session, Request::Inventory).await;
            match reply.map_err(|failure| failed(failure, &group, index))? {
                Reply::Inventory(entries) => holdings.push(entries),
                other => return Err(unexpected(&other)),
            }
        }
        let mut reports = Vec::with_capacity(group.members.len());
        for (index, missing) in plan(&holdings).into_iter().enumerate() {
            let mut target = self.library_sub(&group, index).await?;
            let mut copied = 0;
            for (source, objects) in missing {
                copied += self.copy(&group, source, &mut target.session, &objects).await?.len();
            }
            reports.push(MemberRecovery { copied, ..MemberRecovery::of(&group.members[index]) });
        }
        Ok(reports)
    }
}

/// Why objects were not copied: whether the member that has them is in the way, or the one that should
/// get them.
enum Uncopied {
    Unread(Error),
    Unwritten(Error),
}

impl From<Uncopied> for Error {
    fn from(uncopied: Uncopied) -> Self {
        match uncopied {
            Uncopied::Unread(error) | Uncopied::Unwritten(error) => error,
        }
    }
}

/// A member that objects are copied from.
enum Source {
    /// It serves.
    Serving(Sub),
    /// It is given up, and answers: its own connection lives as long as the copying.
    Away { _connection: Arc<dyn Connection>, session: MemberSession },
}

/// For each member: from whom it gets which objects. The newest version wins; among equals the
/// first member is the source.
fn plan(holdings: &[Vec<InventoryEntry>]) -> Vec<Vec<(usize, Vec<ObjectId>)>> {
    let mut newest: BTreeMap<ObjectId, (u64, usize)> = Default::default();
    for (member, entries) in holdings.iter().enumerate() {
        for entry in entries {
            let best = newest.entry(entry.id).or_insert((entry.version, member));
            if entry.version > best.0 {
                *best = (entry.version, member);
            }
        }
    }
    holdings
        .iter()
        .map(|entries| {
            let has: BTreeMap<_, _> =
                entries.iter().map(|entry| (entry.id, entry.version)).collect();
            let mut by_source: BTreeMap<usize, Vec<ObjectId>> = Default::default();
            for (&id, &(version, source)) in &newest {
                if has.get(&id).is_none_or(|&held| held < version) {
                    by_source.entry(source).or_default().push(id);
                }
            }
            by_source.into_iter().collect()
        })
        .collect()
}

fn failed(failure: Failure, group: &Group, index: usize) -> Error {
    match failure {
        Failure::Member(error) => error,
        Failure::Lost => Error::new(
            CKR_DEVICE_ERROR,
            format!("{} cannot be reached", group.members[index].device),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u8, version: u64) -> InventoryEntry {
        InventoryEntry { id: ObjectId([id; 16]), version }
    }

    #[test]
    fn every_member_gets_the_newest_version_of_everything() {
        let holdings = [vec![entry(1, 1), entry(2, 5)], vec![entry(2, 6), entry(3, 1)], Vec::new()];
        let id = |id: u8| ObjectId([id; 16]);
        assert_eq!(
            plan(&holdings),
            vec![
                vec![(1, vec![id(2), id(3)])],
                vec![(0, vec![id(1)])],
                vec![(0, vec![id(1)]), (1, vec![id(2), id(3)])],
            ]
        );
    }

    #[test]
    fn equal_members_need_nothing() {
        let holdings = [vec![entry(1, 2)], vec![entry(1, 2)]];
        assert!(plan(&holdings).iter().all(Vec::is_empty));
    }
}
