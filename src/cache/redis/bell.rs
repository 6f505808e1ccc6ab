//! Messages between processes: rings for queues, projects that are gone, tasks to look after.
//!
//! Nothing waits for a message to be sent. Rings are merged: a process sends at most one per queue and window, and the last of a
//! window is never lost. The window grows while the ringing goes on, because idle workers answer each with a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::Message;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

use super::link::{LONG_PATIENCE, Link};
use crate::cache::signals::Signals;
use crate::cache::wake::place;
use crate::domain::{ProjectId, Queue};

/// Least time between two rings of a queue by one process.
const WINDOW: Duration = Duration::from_millis(20);
/// The same after long ringing.
const LONGEST_WINDOW: Duration = Duration::from_millis(160);
/// Time between two messages to ourselves, which show that the subscription works: the connection may be dead, or lead to a server
/// that is no longer the master.
const BEAT: Duration = Duration::from_secs(5);
/// Silence after which the subscription counts as dead.
const SILENCE: Duration = Duration::from_secs(12);
/// Time until a failed subscription is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Sends the rings of this process.
#[derive(Clone, Default)]
pub(super) struct Bell {
    pending: [Arc<Notify>; Queue::ALL.len()],
}

impl Bell {
    /// Rings a queue soon.
    pub fn ring(&self, queue: Queue) {
        self.pending[place(queue)].notify_one();
    }

    /// Sends the rings of one queue. Never returns.
    pub async fn send(self, queue: Queue, link: Link, channel: String, origin: String) {
        let pending = &self.pending[place(queue)];
        let mut window = WINDOW;
        loop {
            // A ring inside the last window is sent at its end, and makes the next one longer.
            match tokio::time::timeout(Duration::ZERO, pending.notified()).await {
                Ok(()) => window = (window * 2).min(LONGEST_WINDOW),
                Err(_) => {
                    pending.notified().await;
                    window = WINDOW;
                }
            }
            let message = format!("ring {origin} {}", queue.name());
            // Without Redis the other processes poll.
            let _ = link.command::<i64>("PUBLISH", vec![channel.clone(), message], LONG_PATIENCE).await;
            tokio::time::sleep(window).await;
        }
    }
}

/// Hears what other processes tell.
pub(super) struct Ears {
    /// A client for messages alone.
    pub client: Client,
    /// Whether a subscription is in place.
    pub hearing: Arc<AtomicBool>,
    pub channel: String,
    pub origin: String,
    pub signals: Arc<Signals>,
}

impl Ears {
    /// Subscribes after every connection, and passes on what comes. Never returns.
    pub async fn listen(self, link: Link) {
        let mut connections = self.client.reconnect_rx();
        let mut messages = self.client.message_rx();
        let mut beats = tokio::time::interval(BEAT);
        let mut again = tokio::time::interval(AGAIN);
        for ticks in [&mut beats, &mut again] {
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                connection = connections.recv() => match connection {
                    Err(RecvError::Closed) => return,
                    _ => {
                        self.subscribe().await;
                        heard = Instant::now();
                    }
                },
                message = messages.recv() => match message {
                    Ok(message) => {
                        heard = Instant::now();
                        handle(&message, &self.channel, &self.origin, &self.signals);
                    }
                    Err(RecvError::Lagged(_)) => self.signals.wake.ring_all(),
                    Err(RecvError::Closed) => return,
                },
                _ = again.tick() => {
                    let connected = self.client.is_connected();
                    match (connected, self.hearing.load(Ordering::Relaxed)) {
                        (true, false) => self.subscribe().await,
                        (false, _) => self.hearing.store(false, Ordering::Relaxed),
                        (true, true) => {}
                    }
                },
                _ = beats.tick() => {
                    let beat = vec![self.channel.clone(), format!("beat {}", self.origin)];
                    let sent = link.command::<i64>("PUBLISH", beat, LONG_PATIENCE).await.is_ok();
                    if sent && self.client.is_connected() && heard.elapsed() > SILENCE {
                        tracing::debug!("the subscription is silent, it is made anew");
                        heard = Instant::now();
                        self.hearing.store(false, Ordering::Relaxed);
                        let client = self.client.clone();
                        tokio::spawn(async move { client.force_reconnection().await });
                    }
                },
            }
        }
    }

    async fn subscribe(&self) {
        let done = tokio::time::timeout(LONG_PATIENCE, self.client.subscribe(&*self.channel)).await;
        let subscribed = matches!(done, Ok(Ok(())));
        self.hearing.store(subscribed, Ordering::Relaxed);
        if subscribed {
            // Rings of the time without a subscription were missed.
            self.signals.wake.ring_all();
        }
    }
}

fn handle(message: &Message, channel: &str, own: &str, signals: &Signals) {
    let Some(text) = message.value.as_str().filter(|_| *message.channel == *channel) else { return };
    let mut words = text.split(' ');
    match (words.next(), words.next(), words.next()) {
        (_, Some(origin), _) if origin == own => {}
        (Some("ring"), _, Some(queue)) => {
            if let Ok(queue) = queue.parse::<Queue>() {
                signals.wake.ring(queue);
            }
        }
        (Some("gone"), _, Some(project)) => {
            if let Ok(project) = project.parse::<ProjectId>() {
                signals.gone(project);
            }
        }
        (Some("cancel"), ..) => signals.cancel(),
        // A newer version may tell more.
        _ => {}
    }
}
