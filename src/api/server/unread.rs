//! Tells whether a request's body was read to its end.
//!
//! A refusal mostly leaves it unread, and then the connection can't be used again: what would come next on it is the rest of the
//! body. The answer must say so (`Connection: close`), or a proxy in front goes on sending, finds the connection closed, and makes a
//! 502 of the refusal.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response, Version};
use hyper::body::{Body, Frame, SizeHint};

/// A body that takes note of its end.
pub struct Watched<B> {
    body: B,
    rest: Arc<AtomicBool>,
}

/// What is known about a request's body.
pub struct Rest {
    left: Arc<AtomicBool>,
    /// HTTP/2 ends streams, not connections.
    one_by_one: bool,
}

/// Watches a request's body.
pub fn watch<B: Body>(request: Request<B>) -> (Request<Watched<B>>, Rest) {
    let left = Arc::new(AtomicBool::new(!request.body().is_end_stream()));
    let rest = Rest { left: left.clone(), one_by_one: request.version() <= Version::HTTP_11 };
    (request.map(|body| Watched { body, rest: left }), rest)
}

impl Rest {
    /// Marks the answer to the request as the last of its connection if some of the body was left unread.
    pub fn mark<T>(&self, response: &mut Response<T>) {
        if self.one_by_one && self.left.load(Ordering::Acquire) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if frame.is_none() || this.body.is_end_stream() {
            this.rest.store(false, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    /// What an answer says of the connection after a handler has read the body, or not.
    async fn connection(version: Version, body: &'static str, read: bool) -> Option<HeaderValue> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.version_mut() = version;
        let (request, rest) = watch(request);
        if read {
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), body);
        }
        let mut response = Response::new(());
        rest.mark(&mut response);
        response.headers_mut().remove(CONNECTION)
    }

    #[tokio::test]
    async fn an_unread_body_ends_the_connection() {
        let close = Some(HeaderValue::from_static("close"));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(connection(version, "body", false).await, close);
            assert_eq!(connection(version, "body", true).await, None);
            assert_eq!(connection(version, "", false).await, None);
        }
        assert_eq!(connection(Version::HTTP_2, "body", false).await, None);
    }
}
