//! Messages between processes: rings for queues, projects that are gone, tasks to look after.
//!
//! Nothing waits for a message to be sent. Rings are merged: a process sends at most one per queue and window, and the last of a
//! window is never lost. The window grows while the ringing goes on, because idle workers answer each with a query.

use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::{EventInterface, PubsubInterface};
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

/// Subscribes after every connection, and passes on what other processes tell. Never returns.
pub(super) async fn listen(link: Link, channel: String, origin: String, signals: Arc<Signals>) {
    let mut connections = link.client.reconnect_rx();
    let mut messages = link.client.message_rx();
    let mut subscribed = true;
    loop {
        let retry = async {
            match subscribed {
                true => std::future::pending().await,
                false => tokio::time::sleep(AGAIN).await,
            }
        };
        tokio::select! {
            connection = connections.recv() => match connection {
                Err(RecvError::Closed) => return,
                _ => subscribed = subscribe(&link, &channel, &signals).await,
            },
            message = messages.recv() => match message {
                Ok(message) => handle(&message, &channel, &origin, &signals),
                Err(RecvError::Lagged(_)) => signals.wake.ring_all(),
                Err(RecvError::Closed) => return,
            },
            () = retry => subscribed = subscribe(&link, &channel, &signals).await,
        }
    }
}

async fn subscribe(link: &Link, channel: &str, signals: &Signals) -> bool {
    let done = tokio::time::timeout(LONG_PATIENCE, link.client.subscribe(channel)).await;
    let subscribed = matches!(done, Ok(Ok(())));
    if subscribed {
        // Rings of the time without a subscription were missed.
        signals.wake.ring_all();
    }
    subscribed
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
