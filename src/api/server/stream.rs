//! A stream with the timers that hyper doesn't set.
//!
//! - *Opening.* hyper reads up to 24 bytes to tell HTTP/2 from HTTP/1 and waits for them without end. Here a connection
//!   whose first bytes don't decide that in time is cut; after that hyper's own header timer rules.
//! - *Stalled writes.* A client that stops reading its answer is cut after a while.
//! - *Lingering.* An answer to a request whose body was not read to its end (a refusal, mostly) would be lost if the stream
//!   were closed at once: the system answers the rest of the body with a reset, and the client then drops what it has
//!   received. So after the last byte has been sent the rest is read and thrown away for a short while.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How an HTTP/2 connection starts; whatever differs from it is HTTP/1.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longest time without progress while an answer is written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest time, and most bytes, that are read after the last answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 << 20;

type Timer = Pin<Box<Sleep>>;

/// The stream.
pub struct GuardedStream<S> {
    stream: S,
    opening: Option<Opening>,
    stalled: Option<Timer>,
    lingering: Option<Lingering>,
}

/// Until it is known which HTTP the client speaks.
struct Opening {
    /// Bytes that were those of the HTTP/2 preface.
    matched: usize,
    deadline: Timer,
}

/// After the last answer.
struct Lingering {
    deadline: Timer,
    thrown_away: usize,
}

impl<S> GuardedStream<S> {
    /// Guards a stream; `opening` is the time for the first bytes.
    pub fn new(stream: S, opening: Duration) -> Self {
        let opening = Opening { matched: 0, deadline: Box::pin(sleep(opening)) };
        Self { stream, opening: Some(opening), stalled: None, lingering: None }
    }

    /// Passes the outcome of a write on, or an error if writing has made no progress for too long.
    fn watch_write<T>(&mut self, outcome: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(timed_out("the client doesn't read its answer")))
    }
}

impl Opening {
    /// Takes the bytes that came; true once they decide which HTTP it is.
    fn decided_by(&mut self, bytes: &[u8]) -> bool {
        let rest = &HTTP2_PREFACE[self.matched..];
        let common = rest.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        self.matched += common;
        bytes.is_empty() || common < bytes.len() || self.matched == HTTP2_PREFACE.len()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if let Some(opening) = &mut this.opening {
            if outcome.is_pending() {
                ready!(opening.deadline.as_mut().poll(cx));
                return Poll::Ready(Err(timed_out("no request came")));
            }
            if opening.decided_by(&buffer.filled()[before..]) {
                this.opening = None;
            }
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.watch_write(outcome, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.watch_write(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let lingering = this
            .lingering
            .get_or_insert_with(|| Lingering { deadline: Box::pin(sleep(LINGER)), thrown_away: 0 });
        let mut scratch = [0; 16 << 10];
        while lingering.deadline.as_mut().poll(cx).is_pending() && lingering.thrown_away < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => lingering.thrown_away += buffer.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    const OPENING: Duration = Duration::from_secs(9);

    fn pair() -> (GuardedStream<DuplexStream>, DuplexStream) {
        let (server, client) = tokio::io::duplex(1024);
        (GuardedStream::new(server, OPENING), client)
    }

    #[tokio::test(start_paused = true)]
    async fn undecided_beginnings_are_cut() {
        for beginning in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            let begun = Instant::now();
            let (mut server, mut client) = pair();
            client.write_all(beginning).await.unwrap();
            let error = server.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{beginning:?}");
            assert_eq!(begun.elapsed().as_secs(), OPENING.as_secs(), "{beginning:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn decided_beginnings_have_all_the_time() {
        for beginning in [&b"G"[..], b"POST", HTTP2_PREFACE] {
            let (mut server, mut client) = pair();
            client.write_all(beginning).await.unwrap();
            let mut read = vec![0; beginning.len()];
            server.read_exact(&mut read).await.unwrap();
            sleep(3 * OPENING).await;
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'x', "{beginning:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_reaches_a_client_that_is_still_sending() {
        // The system's own sockets: one that is closed too soon resets the connection.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut server = GuardedStream::new(listener.accept().await.unwrap().0, OPENING);
        let (mut read, mut write) = client.into_split();
        let sending = tokio::spawn(async move {
            for _ in 0..100 {
                write.write_all(&[0; 65_536]).await.unwrap();
            }
        });
        server.write_all(b"no").await.unwrap();
        server.shutdown().await.unwrap();
        sending.await.unwrap();
        drop(server);
        let mut answer = Vec::new();
        read.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"no");
    }
}
