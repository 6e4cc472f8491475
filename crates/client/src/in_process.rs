//! The transport to devices that are simulated in this process.

use std::sync::Arc;

use hsmsim_cluster::Cluster;
use hsmsim_device::TrustLink;
use hsmsim_partition::api::{AppId, OpenSession};
use hsmsim_types::Result;

use crate::transport::{Address, BoxFuture, Connection, MemberSession, Refused, Transport};

/// Reaches the devices of a cluster over its simulated links.
pub(crate) struct InProcess {
    cluster: Arc<Cluster>,
    app: AppId,
}

impl InProcess {
    pub(crate) fn new(cluster: Arc<Cluster>, app: AppId) -> Self {
        Self { cluster, app }
    }
}

impl Transport for InProcess {
    fn connect(
        &self,
        member: Address,
    ) -> BoxFuture<'_, std::result::Result<Arc<dyn Connection>, Refused>> {
        Box::pin(async move {
            let device = Arc::clone(self.cluster.device(member.device));
            let wire = self.cluster.wire(member.device);
            TrustLink::connect(device, usize::from(member.partition), self.app, wire)
                .await
                .map(|link| Arc::new(link) as Arc<dyn Connection>)
                .map_err(|_| Refused)
        })
    }
}

impl Connection for TrustLink {
    fn open(
        &self,
        open: OpenSession,
    ) -> BoxFuture<'_, std::result::Result<Result<MemberSession>, Refused>> {
        Box::pin(async move {
            let session = TrustLink::open(self, open).await.map_err(|_| Refused)?;
            Ok(session.map(MemberSession::new))
        })
    }

    fn open_at_once(&self, open: OpenSession) -> Option<Result<MemberSession>> {
        let session = TrustLink::open_at_once(self, open)?;
        Some(session.map(MemberSession::new))
    }

    fn generation(&self) -> Option<u64> {
        Some(TrustLink::generation(self))
    }

    fn is_broken(&self) -> bool {
        TrustLink::is_broken(self)
    }

    fn heartbeats(&self) -> bool {
        TrustLink::heartbeats(self)
    }

    fn is_deactivated(&self) -> bool {
        TrustLink::is_deactivated(self)
    }
}
