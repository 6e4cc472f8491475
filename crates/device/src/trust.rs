//! The trust link (NTLS) of one client to one partition: what a connection costs and what ends it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hsmsim_network::{Clock, Duplex, Flow, race};
use hsmsim_partition::{
    Connection,
    api::{AppId, OpenSession},
};
use hsmsim_types::{Result, ck::CKR_SESSION_COUNT, error::fail};

use crate::{
    Device,
    session::{SessionChannel, serve},
};

pub use hsmsim_network::LinkRefused;

/// The way to a device and back, and the clock that its delays go by.
#[derive(Clone)]
pub struct Wire {
    /// The clock.
    pub clock: Clock,
    /// Requests go there, replies come back.
    pub links: Arc<Duplex>,
}

/// How often either direction had been cut when something began: any later cut ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uncut(u64, u64);

impl Wire {
    fn uncut(&self) -> Uncut {
        Uncut(self.links.there.cuts(), self.links.back.cuts())
    }

    pub(crate) fn is_cut_since(&self, begin: Uncut) -> bool {
        self.links.there.is_cut_since(begin.0) || self.links.back.is_cut_since(begin.1)
    }

    /// Completes once a connection that began at `begin` is broken by a cut.
    pub(crate) async fn cut_since(&self, begin: Uncut) {
        race(self.links.there.cut_since(begin.0), self.links.back.cut_since(begin.1)).await;
    }

    /// One message there.
    pub(crate) async fn there(&self, flow: &mut Flow) -> std::result::Result<(), LinkRefused> {
        self.links.there.carry(&self.clock, flow).await
    }

    /// One message back.
    pub(crate) async fn back(&self, flow: &mut Flow) -> std::result::Result<(), LinkRefused> {
        self.links.back.carry(&self.clock, flow).await
    }
}

/// A client's connection to one partition. The application's login on that partition lives as long
/// as the connection (or a session of it) does.
pub struct TrustLink {
    device: Arc<Device>,
    partition: usize,
    wire: Wire,
    epoch: u64,
    begin: Uncut,
    reset: AtomicBool,
    _presence: Connection,
}

/// Round trips to set up a trust link: one for TCP, one for TLS 1.3's handshake.
const HANDSHAKE_ROUND_TRIPS: usize = 2;

impl TrustLink {
    /// Sets up a connection: as many round trips as TCP and TLS take. Pends as long as there is
    /// silence at the other end; the caller has a connect timeout.
    ///
    /// # Errors
    /// [`LinkRefused`] if the link is cut or the device refuses connections.
    ///
    /// # Panics
    /// If the device has no such partition; the topology says which there are.
    pub async fn connect(
        device: Arc<Device>,
        partition: usize,
        app: AppId,
        wire: Wire,
    ) -> std::result::Result<Self, LinkRefused> {
        let begin = wire.uncut();
        let (mut there, mut back) = (Flow::new(), Flow::new());
        let mut epoch = None;
        if device.troubles.now().is_some_and(|trouble| trouble.new_refused) {
            // The handshake is begun, and ends with the certificate.
            wire.there(&mut there).await?;
            wire.back(&mut back).await?;
            return Err(LinkRefused);
        }
        for _ in 0..HANDSHAKE_ROUND_TRIPS {
            wire.there(&mut there).await?;
            epoch = Some(device.admit(epoch, &wire, begin).await?);
            wire.back(&mut back).await?;
        }
        let presence = device.partitions()[partition].connect(app);
        Ok(Self {
            epoch: epoch.unwrap_or_default(),
            device,
            partition,
            begin,
            reset: AtomicBool::new(false),
            _presence: presence,
            wire,
        })
    }

    /// Opens a session: one round trip. The outer result is the wire's word, the inner the
    /// partition's.
    ///
    /// # Errors
    /// [`LinkRefused`] if the connection is broken.
    pub async fn open(
        &self,
        open: OpenSession,
    ) -> std::result::Result<Result<SessionChannel>, LinkRefused> {
        let (mut there, mut back) = (Flow::new(), Flow::new());
        self.wire.there(&mut there).await?;
        self.device.admit(Some(self.epoch), &self.wire, self.begin).await?;
        let session = match self.device.troubles.open_session() {
            Some(place) => self.device.partitions()[self.partition]
                .open_session(open)
                .map(|session| (session, place)),
            None => fail(CKR_SESSION_COUNT, "the device opens no more sessions"),
        };
        self.wire.back(&mut back).await?;
        Ok(session.map(|(session, place)| {
            let device = Arc::clone(&self.device);
            serve(device, session, self.wire.clone(), self.epoch, self.begin, place)
        }))
    }

    /// Whether the connection is known to be dead: the device lost power since, or a link was cut.
    pub fn is_broken(&self) -> bool {
        let broken = self.reset.load(Ordering::Relaxed)
            || self.device.state().epoch != self.epoch
            || self.wire.is_cut_since(self.begin);
        if broken {
            self.reset.store(true, Ordering::Relaxed);
        }
        broken
    }

    /// Whether the device says by heartbeats that it works on what it was asked.
    pub fn heartbeats(&self) -> bool {
        self.device.heartbeats()
    }

    /// The generation of the partition's objects; see
    /// [`PartitionStore::generation`](hsmsim_partition::port::PartitionStore::generation).
    pub fn generation(&self) -> u64 {
        self.device.partitions()[self.partition].store().generation()
    }
}

impl Device {
    /// Completes when something that belongs to power epoch `epoch` (any, if `None`) may take
    /// effect; pends while the device is silent, but not beyond a cut of the link.
    pub(crate) async fn admit(
        &self,
        epoch: Option<u64>,
        wire: &Wire,
        begin: Uncut,
    ) -> std::result::Result<u64, LinkRefused> {
        if let Some(decision) = self.switch.decide(epoch) {
            return decision.map_err(|_| LinkRefused);
        }
        match race(self.switch.admit(epoch), wire.cut_since(begin)).await {
            hsmsim_network::Either::First(Ok(epoch)) => Ok(epoch),
            _ => Err(LinkRefused),
        }
    }
}
