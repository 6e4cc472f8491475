//! The trust link (NTLS) of one client to one partition: what a connection costs and what ends it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hsmsim_network::{CONNECT_RETRANSMISSION, Clock, Duplex, Either, Flow, Time, race};
use hsmsim_partition::{
    Connection, Partition,
    api::{AppId, OpenSession},
};
use hsmsim_types::{Result, ck::CKR_SESSION_COUNT, error::fail};

use crate::{
    ConnectFault, Device,
    session::{DeviceSession, Seated},
    trouble::Place,
};

pub use hsmsim_network::LinkRefused;

/// The way to a device and back, and the clock that its delays go by.
#[derive(Clone)]
pub struct Wire {
    /// The clock.
    pub clock: Clock,
    /// Requests go there, replies come back.
    pub links: Arc<Duplex>,
    /// How the client's system looks after idle connections; `None`: not at all.
    pub keep_alive: Option<KeepAlive>,
    /// Whether the client knows the device by a name that has to be resolved.
    pub by_name: bool,
}

/// TCP's keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Idle time before the first probe.
    pub idle: Duration,
    /// From the first unanswered probe until the connection is given up.
    pub patience: Duration,
}

/// How often either direction had been cut when something began: any later cut ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uncut(u64, u64);

/// What of a connection its sessions share.
pub(crate) struct Established {
    pub(crate) device: Arc<Device>,
    pub(crate) wire: Wire,
    pub(crate) seat: Seat,
    pub(crate) begin: Uncut,
    /// When it last carried something, as far as a firewall minds; nanoseconds of the clock.
    last_ns: AtomicU64,
}

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

    /// One request there over a connection. What is sent on one that a firewall has forgotten vanishes.
    pub(crate) async fn there(
        &self,
        flow: &mut Flow,
        connection: &Established,
    ) -> std::result::Result<(), LinkRefused> {
        if self.links.there.has_firewall() {
            if self.forgot(connection).is_some() {
                return Box::pin(self.vanished(connection)).await;
            }
            connection.last_ns.store(self.clock.now().as_nanos(), Ordering::Release);
        }
        self.links.there.carry(&self.clock, flow).await
    }

    /// Whether a request passes as in [`Self::there`] without waiting and without a change.
    pub(crate) fn is_free_there(&self, flow: &Flow) -> bool {
        !self.links.there.has_firewall() && self.links.there.is_free(flow)
    }

    /// Whether a reply passes as in [`Self::back`] without waiting and without a change.
    pub(crate) fn is_free_back(&self, flow: &Flow) -> bool {
        !self.links.there.has_firewall() && self.links.back.is_free(flow)
    }

    /// One reply back. A long command's heartbeats have kept the connection in every firewall's memory.
    pub(crate) async fn back(
        &self,
        flow: &mut Flow,
        connection: &Established,
    ) -> std::result::Result<(), LinkRefused> {
        if self.links.there.has_firewall() {
            connection.last_ns.store(self.clock.now().as_nanos(), Ordering::Release);
        }
        self.links.back.carry(&self.clock, flow).await
    }

    /// When the connection last carried something, if a firewall has forgotten it since.
    fn forgot(&self, connection: &Established) -> Option<Time> {
        let mut last = Time::from_nanos(connection.last_ns.load(Ordering::Acquire));
        loop {
            let forgotten = self.links.there.forgot(last, self.clock.now())?;
            match self.keep_alive {
                // A probe came before, and the firewall counts from there.
                Some(keep) if last + keep.idle <= forgotten => last += keep.idle,
                _ => return Some(last),
            }
        }
    }

    /// Whether the client's system has found out by unanswered probes that the connection is dead.
    fn is_probed_dead(&self, connection: &Established) -> bool {
        // In this order: without a firewall the clock is not looked at, which takes as long as the rest.
        if !self.links.there.has_firewall() {
            return false;
        }
        let (Some(keep), Some(last)) = (self.keep_alive, self.forgot(connection)) else {
            return false;
        };
        self.clock.now() >= last + keep.idle + keep.patience
    }

    /// A message on a forgotten connection: at once an error if probes have found out, otherwise silence
    /// until TCP gives up or a cut shows.
    async fn vanished(&self, connection: &Established) -> std::result::Result<(), LinkRefused> {
        if !self.is_probed_dead(connection) {
            let gives_up = self.clock.sleep(RETRANSMISSION_PATIENCE);
            race(self.cut_since(connection.begin), gives_up).await;
        }
        Err(LinkRefused)
    }
}

/// How long TCP sends a segment again before it gives the connection up (Linux, `tcp_retries2`).
const RETRANSMISSION_PATIENCE: Duration = Duration::from_millis(924_600);
/// Whose connection it is, where it leads, and what it was made under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) process: u32,
    pub(crate) partition: usize,
    /// The device's power epoch.
    pub(crate) epoch: u64,
    /// How much had ended on the device.
    pub(crate) endings: usize,
}

/// A client's connection to one partition. The application's login on that partition lives as long
/// as the connection (or a session of it) does.
pub struct TrustLink {
    connection: Arc<Established>,
    reset: AtomicBool,
    _place: Place,
    presence: Connection,
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
        let fault = device.reach_port(&wire, begin).await?;
        let endings = device.endings.count();
        let Some(place) = device.troubles.open_link() else {
            // The handshake is begun, and ends for want of a place.
            wire.links.there.carry(&wire.clock, &mut Flow::connecting()).await?;
            wire.links.back.carry(&wire.clock, &mut Flow::connecting()).await?;
            return Err(LinkRefused);
        };
        let mut epoch = None;
        for round_trip in 0..HANDSHAKE_ROUND_TRIPS {
            let first = round_trip == 0;
            let flow = || if first { Flow::connecting() } else { Flow::new() };
            wire.links.there.carry(&wire.clock, &mut flow()).await?;
            if fault == Some(ConnectFault::PortRefused) {
                wire.links.back.carry(&wire.clock, &mut flow()).await?;
                return Err(LinkRefused);
            }
            epoch = Some(device.admit(epoch, &wire, begin).await?);
            wire.links.back.carry(&wire.clock, &mut flow()).await?;
        }
        match fault {
            None => {}
            Some(ConnectFault::ClientCertificate) => {
                // The client has shown it with its last word; the device's alert answers that.
                wire.links.there.carry(&wire.clock, &mut Flow::new()).await?;
                wire.links.back.carry(&wire.clock, &mut Flow::new()).await?;
                return Err(LinkRefused);
            }
            Some(_) => return Err(LinkRefused),
        }
        let epoch = epoch.unwrap_or_default();
        let presence = device.partitions()[partition].connect(app);
        let last_ns = AtomicU64::new(wire.clock.now().as_nanos());
        let seat = Seat { process: app.process(), partition, epoch, endings };
        Ok(Self {
            connection: Arc::new(Established { device, wire, seat, begin, last_ns }),
            reset: AtomicBool::new(false),
            _place: place,
            presence,
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
    ) -> std::result::Result<Result<DeviceSession>, LinkRefused> {
        let connection = &*self.connection;
        let Established { device, wire, seat, begin, .. } = connection;
        wire.there(&mut Flow::new(), connection).await?;
        device.admit_to(seat, wire, *begin).await?;
        let session = self.open_here(open);
        wire.back(&mut Flow::new(), connection).await?;
        Ok(session)
    }

    /// As [`Self::open`], if nothing on the way has to wait; `None`, and nothing is done, if something may.
    pub fn open_at_once(&self, open: OpenSession) -> Option<Result<DeviceSession>> {
        let Established { device, wire, seat, .. } = &*self.connection;
        let flow = Flow::new();
        let is_free =
            || wire.is_free_there(&flow) && wire.is_free_back(&flow) && device.admits_at_once(seat);
        if !is_free() {
            return None;
        }
        let session = self.open_here(open);
        // Else it is opened anew by a message that meets what has come up meanwhile.
        is_free().then_some(session)
    }

    /// Opens a session when the word for it has arrived.
    fn open_here(&self, open: OpenSession) -> Result<DeviceSession> {
        let Some(seated) = Seated::take(&self.connection) else {
            return fail(CKR_SESSION_COUNT, "the device opens no more sessions");
        };
        let session = self.presence.open_session(open)?;
        Ok(DeviceSession::new(seated, session))
    }

    /// Whether the connection is known to be dead: the device lost power since or dropped it, a link
    /// was cut, or TCP's probes found nobody.
    pub fn is_broken(&self) -> bool {
        let connection = &*self.connection;
        let Established { device, wire, seat, begin, .. } = connection;
        let broken = self.reset.load(Ordering::Relaxed)
            || device.state().epoch != seat.epoch
            || device.has_ended(seat)
            || wire.is_cut_since(*begin)
            || wire.is_probed_dead(connection);
        if broken {
            self.reset.store(true, Ordering::Relaxed);
        }
        broken
    }

    /// Whether the device says by heartbeats that it works on what it was asked.
    pub fn heartbeats(&self) -> bool {
        self.connection.device.heartbeats()
    }

    /// Whether the partition has lost its activation.
    pub fn is_deactivated(&self) -> bool {
        self.connection.device.is_deactivated(self.connection.seat.partition)
    }

    /// The generation of the partition's objects; see
    /// [`PartitionStore::generation`](hsmsim_partition::port::PartitionStore::generation).
    pub fn generation(&self) -> u64 {
        self.partition().store().generation()
    }
}

impl TrustLink {
    fn partition(&self) -> &Partition {
        let Established { device, seat, .. } = &*self.connection;
        &device.partitions()[seat.partition]
    }
}

impl Device {
    /// What a client meets before it can shake hands: completes when a first packet would reach the
    /// device, with what it will find there.
    async fn reach_port(
        &self,
        wire: &Wire,
        begin: Uncut,
    ) -> std::result::Result<Option<ConnectFault>, LinkRefused> {
        let mut timeout = CONNECT_RETRANSMISSION;
        loop {
            let fault = self.troubles.now().and_then(|trouble| trouble.connecting);
            match fault {
                Some(ConnectFault::NameUnknown) if wire.by_name => return Err(LinkRefused),
                Some(ConnectFault::PortDropped) => {
                    // TCP sends its first packet again, and waits twice as long each time.
                    match race(wire.cut_since(begin), wire.clock.sleep(timeout)).await {
                        Either::First(()) => return Err(LinkRefused),
                        Either::Second(()) => timeout = timeout.saturating_mul(2),
                    }
                }
                Some(ConnectFault::NameUnknown) => return Ok(None),
                fault => return Ok(fault),
            }
        }
    }

    fn has_ended(&self, seat: &Seat) -> bool {
        self.endings.ended_since(seat.endings, seat.process, seat.partition)
    }

    /// Completes when something that came over a connection may take effect; see [`Self::admit`].
    pub(crate) async fn admit_to(
        &self,
        seat: &Seat,
        wire: &Wire,
        begin: Uncut,
    ) -> std::result::Result<(), LinkRefused> {
        self.admit(Some(seat.epoch), wire, begin).await?;
        if self.has_ended(seat) { Err(LinkRefused) } else { Ok(()) }
    }

    /// Whether something that came over a connection may take effect now, without waiting.
    pub(crate) fn admits_at_once(&self, seat: &Seat) -> bool {
        matches!(self.switch.decide(Some(seat.epoch)), Some(Ok(_))) && !self.has_ended(seat)
    }

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
        // Boxed, so that the task of each session has no place for what only an outage needs.
        match Box::pin(race(self.switch.admit(epoch), wire.cut_since(begin))).await {
            Either::First(Ok(epoch)) => Ok(epoch),
            _ => Err(LinkRefused),
        }
    }
}
