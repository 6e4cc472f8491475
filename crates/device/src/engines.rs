//! The engines of an appliance: how long a request occupies one, and when it is its turn.
//!
//! All processes reserve on the same engines, first come, first served. What a request does is done when it
//! arrives, as everywhere; the answer leaves when its engine is done.

use std::{sync::atomic::Ordering, time::Duration};

use hsmsim_partition::Service;

use crate::{Device, trust::Wire};

/// Counts a request as being worked on, until it is dropped.
struct Working<'a>(&'a Device);

impl<'a> Working<'a> {
    fn on(device: &'a Device) -> Self {
        device.working.fetch_add(1, Ordering::AcqRel);
        Self(device)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Device {
    /// Waits until an engine has done its work, which was asked for at `since_ns`. What the computer took
    /// meanwhile is part of it.
    pub(crate) async fn work(&self, service: Option<Service>, since_ns: u64, wire: &Wire) {
        let (Some(engines), Some(service)) = (&self.shared.engines, service) else { return };
        let done_ns = engines(service, since_ns);
        let left = Duration::from_nanos(done_ns.saturating_sub(wire.clock.unix_now()));
        if !left.is_zero() {
            let _working = Working::on(self);
            wire.clock.sleep(left).await;
        }
    }
}
