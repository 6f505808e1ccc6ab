//! The connection loop: accepts connections, speaks HTTP/1 and HTTP/2 on them, and ends them in good order.
//!
//! It is our own on hyper because `axum::serve` sets no timers: a client that sends a header byte by byte would hold its
//! connection for ever. Limits here are on what a connection may cost; what a request may do is the handlers' affair.

mod line;
mod stream;
mod tls;
mod unread;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::routes::router;
use super::state::ApiState;
use crate::telemetry::metrics;
use line::{Line, Place};
use stream::GuardedStream;

pub use tls::{CertificateError, Certificates};

/// Time for a request's header to arrive, counted from the moment the connection waits for one.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a silent HTTP/2 peer is asked whether it is still there, and how long it has to answer.
const PING: Duration = Duration::from_secs(20);

/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;

/// Pause after a failure to accept: most likely file descriptors have run out, and some must be closed first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time for a connection to give way before another is asked to.
const GIVE_WAY: Duration = Duration::from_millis(100);

/// Time for broken uploads to be given back at the very end.
const CLEANUP: Duration = Duration::from_secs(2);

/// The address at the other end of a request's connection; each request carries it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Where connections come in.
pub struct Entrance {
    /// The listener.
    pub listener: TcpListener,
    /// The certificate for HTTPS; plain HTTP without one.
    pub certificates: Option<Certificates>,
}

impl From<TcpListener> for Entrance {
    fn from(listener: TcpListener) -> Self {
        Self { listener, certificates: None }
    }
}

/// Serves the API until `shutdown` is ready. Then no connection is accepted any more, idle ones are closed, and running
/// requests have the settings' grace period to finish before they are cut.
pub async fn serve(entrance: Entrance, state: Arc<ApiState>, shutdown: impl Future<Output = ()>) {
    let grace = Duration::from_secs(state.settings.shutdown_grace_seconds);
    let listening = Listening { name: "api", connections: state.settings.max_connections, grace };
    let serving = serve_router(entrance, router(state.clone()), listening, shutdown);
    tokio::select! {
        () = serving => {}
        () = state.refusals.keep_writing(&*state.db) => {}
    }
    state.cleanups.wait(CLEANUP).await;
    if tokio::time::timeout(CLEANUP, state.refusals.write(&*state.db)).await.is_err() {
        tracing::warn!("stopped before the last refused requests were recorded");
    }
}

/// How a router is served.
pub(super) struct Listening {
    /// Name of the listener in metrics.
    pub name: &'static str,
    /// Connections at once.
    pub connections: usize,
    /// Time that running requests have to finish at shutdown.
    pub grace: Duration,
}

/// Serves a router until `shutdown` is ready, and then for the grace period at most.
pub(super) async fn serve_router(
    Entrance { listener, certificates }: Entrance,
    router: Router,
    Listening { name, connections, grace }: Listening,
    shutdown: impl Future<Output = ()>,
) {
    let server = Server {
        router,
        certificates,
        builder: builder(),
        graceful: GracefulShutdown::new(),
        slots: Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS))),
        line: Arc::default(),
        open: metrics().connections.with_label_values(&[name]),
    };
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    // Accepted, and without a slot yet.
    let mut newcomer = None;
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            slot = server.slot(), if newcomer.is_some() => {
                if let Some((stream, peer)) = newcomer.take() {
                    server.start(&mut connections, slot, stream, PeerAddress(peer));
                }
            }
            accepted = listener.accept(), if newcomer.is_none() => match accepted {
                Ok(accepted) => newcomer = Some(accepted),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop((listener, newcomer));
    if tokio::time::timeout(grace, server.graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections outlast the grace period and are cut");
    }
    connections.shutdown().await;
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS);
    builder
}

struct Server {
    router: Router,
    certificates: Option<Certificates>,
    builder: auto::Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    /// One permit for each connection that may be open.
    slots: Arc<Semaphore>,
    /// Those that have a slot and no request.
    line: Arc<Line>,
    /// Counts the connections.
    open: IntGauge,
}

/// A connection that is counted for as long as it is open.
struct Counted(IntGauge);

impl Counted {
    fn new(open: &IntGauge) -> Self {
        open.inc();
        Self(open.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Server {
    /// A slot for one more connection. If there is none the one that has waited longest for a request gives way.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(slot) = self.slots.clone().try_acquire_owned() {
                return Some(slot);
            }
            self.line.give_way();
            if let Ok(slot) = tokio::time::timeout(GIVE_WAY, self.slots.clone().acquire_owned()).await {
                return slot.ok();
            }
        }
    }

    fn start(
        &self,
        connections: &mut JoinSet<()>,
        slot: Option<OwnedSemaphorePermit>,
        stream: TcpStream,
        peer: PeerAddress,
    ) {
        // Answers are small and written whole: waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = &error as &dyn std::error::Error, "TCP_NODELAY could not be set");
        }
        let router = self.router.clone();
        let place = Place::new(self.line.clone());
        let own = place.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let serving = own.serve();
            let (request, rest) = unread::watch(request);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let router = router.clone();
            async move {
                let mut response = router.oneshot(request).await?;
                rest.mark(&mut response);
                Ok::<_, Infallible>(serving.until_written(response))
            }
        });
        let (builder, watcher) = (self.builder.clone(), self.graceful.watcher());
        let acceptor = self.certificates.as_ref().map(Certificates::acceptor);
        let counted = Counted::new(&self.open);
        let conversation = async move {
            let stream: Box<dyn Stream> = match acceptor {
                None => Box::new(stream),
                Some(acceptor) => match tokio::time::timeout(HEADER_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => Box::new(stream),
                    Ok(Err(error)) => {
                        return tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "TLS was not agreed on"
                        );
                    }
                    Err(_) => return tracing::debug!("a client took too long to agree on TLS"),
                },
            };
            let stream = TokioIo::new(GuardedStream::new(stream, HEADER_TIMEOUT));
            let connection = watcher.watch(builder.serve_connection(stream, service).into_owned());
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection broke");
            }
        };
        connections.spawn(async move {
            let _held = (slot, counted);
            tokio::select! {
                biased;
                () = conversation => {}
                () = place.cut() => tracing::debug!("a connection without a request gives way to a newcomer"),
            }
        });
    }
}

/// A connection, plain or by TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
