//! Reads that tolerate age, from a replica that the sentinels name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand};

use super::connect;
use super::link::{Link, PATIENCE};
use super::{CacheError, Task};
use crate::config::{Address, RedisServers, RedisSettings};

/// Time between two looks for a replica, while there is none.
const LOOK: Duration = Duration::from_secs(2);
/// Time after which a replica is chosen anew: it may have lost its master.
const KEEP: Duration = Duration::from_secs(15);

/// A connection to some replica, if there is one.
#[derive(Clone, Default)]
pub(super) struct Replica {
    current: Arc<Mutex<Option<(Link, Address, Arc<Task>)>>>,
}

impl Replica {
    /// Reads a key; `None` if no replica answers.
    pub async fn get(&self, key: &str) -> Option<Option<String>> {
        let link = self.lock().as_ref().map(|(link, ..)| link.clone())?;
        let answer = link.command("GET", vec![key.to_owned()], PATIENCE).await;
        if answer.is_err() {
            *self.lock() = None;
        }
        answer.ok()
    }

    /// Where the replica in use listens.
    pub fn address(&self) -> Option<Address> {
        self.lock().as_ref().map(|(_, address, _)| address.clone())
    }

    /// Looks for replicas again and again. Never returns.
    pub async fn keep(self, settings: RedisSettings) {
        loop {
            let found = find(&settings).await;
            if let Err(error) = &found {
                tracing::debug!(%error, "no replica can be read from; the master is");
            }
            let found = found.ok();
            let wait = if found.is_some() { KEEP } else { LOOK };
            *self.lock() = found;
            let lost = async {
                while self.address().is_some() {
                    tokio::time::sleep(LOOK).await;
                }
            };
            let _ = tokio::time::timeout(wait, lost).await;
            if wait == LOOK {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Link, Address, Arc<Task>)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to the first replica that answers, of those that the first sentinel that answers thinks well of.
async fn find(settings: &RedisSettings) -> Result<(Link, Address, Arc<Task>), CacheError> {
    let RedisServers::Sentinel { sentinels, name, password } = &settings.servers else {
        return Err(CacheError::Away("there is no Sentinel".into()));
    };
    let mut last = CacheError::Away("no replica is known".into());
    for address in sentinels {
        let client = connect::sentinel(settings, address, password.as_ref())?;
        match replicas(&client, name).await {
            Err(error) => last = error,
            Ok(mut replicas) => {
                // Each process starts elsewhere in the list, so that all replicas are read from.
                let shift = std::process::id() as usize % replicas.len().max(1);
                replicas.rotate_left(shift);
                for address in replicas {
                    let client = connect::replica(settings, &address)?;
                    match client.init().await {
                        Ok(running) => {
                            return Ok((Link::new(client), address, Arc::new(Task(running.abort_handle()))));
                        }
                        Err(error) => last = error.into(),
                    }
                }
            }
        }
    }
    Err(last)
}

/// Addresses of the replicas that are up and have their master.
async fn replicas(client: &Client, name: &str) -> Result<Vec<Address>, CacheError> {
    let _running = Task(client.init().await?.abort_handle());
    let command = CustomCommand::new_static("SENTINEL", ClusterHash::FirstKey, false);
    let known: Vec<HashMap<String, String>> =
        client.custom(command, vec!["REPLICAS".to_owned(), name.to_owned()]).await?;
    let good = |replica: &&HashMap<String, String>| {
        let flags = replica.get("flags").map_or("", String::as_str);
        let down =
            ["s_down", "o_down", "disconnected"].iter().any(|flag| flags.split(',').any(|f| f == *flag));
        !down && replica.get("master-link-status").is_some_and(|status| status == "ok")
    };
    let address = |replica: &HashMap<String, String>| {
        Some((replica.get("ip")?.clone(), replica.get("port")?.parse().ok()?))
    };
    Ok(known.iter().filter(good).filter_map(address).collect())
}
