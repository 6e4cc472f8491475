//! What happened, in the order in which it happened, and the hash of it.
//!
//! The trace has times, names, identities and codes; never the bytes of a key, a PIN or a signature.

use std::{borrow::Cow, sync::Arc};

use hsmsim_client::record::{CallRecord, EventRecord, EventSink};
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};
use tokio::sync::Notify;

use crate::{metrics::failed_by_cluster, tally::Tally};

/// A trace under way; clones are the same trace. A lock because the client's sinks must be `Sync`; in
/// a run of one thread it is always free.
#[derive(Clone)]
pub(crate) struct Trace {
    inner: Arc<Mutex<Inner>>,
    news: Arc<Notify>,
}

struct Inner {
    hash: Context,
    /// What is not hashed yet: the digest likes long pieces.
    pending: Vec<u8>,
    keep_calls: bool,
    calls: Vec<CallRecord>,
    call_count: u64,
    events: Vec<EventRecord>,
    /// When calls that failed, and not by a call fault, had ended.
    failures: Vec<u64>,
    /// Whether somebody is to be told of events at once.
    listening: bool,
    /// What conditions ask, if the run has any.
    tally: Option<Tally>,
}

/// How much of a trace somebody has heard of.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard {
    events: usize,
    failures: usize,
}

/// A finished trace.
pub(crate) struct Record {
    pub(crate) hash: String,
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) call_count: u64,
    pub(crate) events: Vec<EventRecord>,
}

const PIECE: usize = 4096;

impl Inner {
    /// Fields are kept apart by a byte that no UTF-8 text has.
    fn text(&mut self, text: &str) {
        self.pending.extend_from_slice(text.as_bytes());
        self.pending.push(0xFF);
    }

    fn number(&mut self, number: u64) {
        self.pending.extend_from_slice(&number.to_le_bytes());
    }

    fn flush(&mut self, at_least: usize) {
        if self.pending.len() >= at_least {
            self.hash.update(&self.pending);
            self.pending.clear();
        }
    }
}

impl Trace {
    /// `conditions`: whether the run has any.
    pub(crate) fn new(keep_calls: bool, conditions: bool) -> Self {
        let inner = Inner {
            hash: Context::new(&SHA256),
            pending: Vec::with_capacity(2 * PIECE),
            keep_calls,
            calls: Vec::new(),
            call_count: 0,
            events: Vec::new(),
            failures: Vec::new(),
            listening: false,
            tally: conditions.then(Tally::default),
        };
        Self { inner: Arc::new(Mutex::new(inner)), news: Arc::new(Notify::new()) }
    }

    /// Whether [`Trace::news`] is to end when something happens.
    pub(crate) fn listen(&self, listening: bool) {
        self.inner.lock().listening = listening;
    }

    /// Waits for the next event or failed call.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// What has happened since the last look: events, and when failed calls had ended.
    pub(crate) fn unheard(&self, heard: &mut Heard) -> (Vec<EventRecord>, Vec<u64>) {
        let inner = self.inner.lock();
        let events = inner.events[heard.events..].to_vec();
        let failures = inner.failures[heard.failures..].to_vec();
        *heard = Heard { events: inner.events.len(), failures: inner.failures.len() };
        (events, failures)
    }

    /// What conditions ask.
    pub(crate) fn tally(&self) -> Tally {
        self.inner.lock().tally.clone().unwrap_or_default()
    }

    /// A call has ended; `member` is asked which device answered it, if calls are kept.
    pub(crate) fn call(&self, mut call: CallRecord, member: impl FnOnce() -> String) {
        let mut inner = self.inner.lock();
        inner.pending.push(b'c');
        inner.number(u64::from(call.pid));
        inner.number(call.session);
        inner.number(call.at_ns);
        inner.number(call.took_ns);
        inner.text(&call.function);
        inner.text(&call.code);
        if !call.call_fault.is_empty() {
            inner.text(&call.call_fault);
        }
        inner.flush(PIECE);
        inner.call_count += 1;
        if failed_by_cluster(&call) {
            inner.failures.push(call.at_ns + call.took_ns);
            if inner.listening {
                self.news.notify_one();
            }
        }
        if let Some(tally) = &mut inner.tally {
            tally.call(&call, 1.0);
        }
        if inner.keep_calls {
            call.member = Cow::Owned(member());
            inner.calls.push(call);
        }
    }

    /// Something was done to the cluster, or found out about it.
    pub(crate) fn mark(&self, at_ns: u64, what: &str) {
        let mut inner = self.inner.lock();
        inner.pending.push(b'm');
        inner.number(at_ns);
        inner.text(what);
        inner.flush(PIECE);
    }

    /// What a client is given to tell its events to.
    pub(crate) fn sink(&self) -> EventSink {
        let trace = self.clone();
        Box::new(move |event| trace.event(event))
    }

    fn event(&self, event: EventRecord) {
        let mut inner = self.inner.lock();
        inner.pending.push(b'e');
        inner.number(u64::from(event.pid));
        inner.number(event.at_ns);
        for text in [&event.event, &event.group, &event.member, &event.detail] {
            inner.text(text);
        }
        inner.flush(PIECE);
        if let Some(tally) = &mut inner.tally {
            tally.event(&event);
        }
        inner.events.push(event);
        if inner.listening {
            self.news.notify_one();
        }
    }

    /// The events so far.
    pub(crate) fn events<T>(&self, look: impl FnOnce(&[EventRecord]) -> T) -> T {
        look(&self.inner.lock().events)
    }

    /// Takes what was kept, and the hash of everything.
    pub(crate) fn finish(self) -> Record {
        let mut inner = self.inner.lock();
        inner.flush(0);
        let hash = inner.hash.clone().finish();
        let hash = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Record {
            hash,
            calls: std::mem::take(&mut inner.calls),
            call_count: inner.call_count,
            events: std::mem::take(&mut inner.events),
        }
    }
}
