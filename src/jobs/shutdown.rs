//! Waiting for the end: every loop of the process ends when one value turns true.

use tokio::sync::watch;

/// Returns once the value is true, or nobody can set it any more.
pub async fn turned_true(mut shutdown: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good as true.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
