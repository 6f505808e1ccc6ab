//! Request bodies as bounded pieces: decompressed, counted, and never waited for without end.

use std::io::Write;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::problem::ApiError;

/// Largest piece of a plain body that is handed on at once, so that parsing one never holds up other requests for long.
const PIECE: usize = 256 << 10;

/// Compressed bytes that are unpacked at once: gzip grows them at most a thousandfold, which bounds memory.
const COMPRESSED_PIECE: usize = 2 << 10;

/// Bytes that must come within the time that a sender may be silent: one that sends a byte now and then is as good as silent, and would
/// hold its connection for ever.
const LEAST: usize = 16 << 10;

/// A request body.
pub struct RequestBody {
    body: Body,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
    /// Received, not yet unpacked or handed on.
    pending: Bytes,
    /// Bytes handed on.
    taken: u64,
    limit: u64,
    idle: Duration,
    /// Time spent waiting for the sender, and what came meanwhile, since so much had come last.
    waited: Duration,
    came: usize,
    ended: bool,
}

impl RequestBody {
    /// A body of at most `limit` bytes after decompression, whose sender may be silent, or next to silent, for `idle` at most.
    ///
    /// # Errors
    /// The headers announce too large a body (413) or a coding that isn't understood (415).
    pub fn new(headers: &HeaderMap, body: Body, limit: u64, idle: Duration) -> Result<Self, ApiError> {
        let gzip = match headers
            .get(header::CONTENT_ENCODING)
            .map(|value| value.to_str().unwrap_or("?").trim())
        {
            None | Some("" | "identity") => None,
            Some(coding) if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => {
                Some(MultiGzDecoder::new(Vec::new()))
            }
            Some(other) => return Err(ApiError::ContentEncoding(other.chars().take(40).collect())),
        };
        if content_length(headers).is_some_and(|length| length > limit) {
            return Err(ApiError::TooLarge { limit });
        }
        let (pending, waited) = (Bytes::new(), Duration::ZERO);
        Ok(Self { body, gzip, pending, taken: 0, limit, idle, waited, came: 0, ended: false })
    }

    /// The next piece, never an empty one; `None` at the end.
    ///
    /// # Errors
    /// The body is too large (413), broken (400), or nothing came for too long (408).
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let piece = self.unpack()?;
            if !piece.is_empty() {
                self.taken += piece.len() as u64;
                return match self.taken > self.limit {
                    true => Err(ApiError::TooLarge { limit: self.limit }),
                    false => Ok(Some(piece)),
                };
            }
            if self.ended {
                return Ok(None);
            }
            if self.pending.is_empty() {
                self.receive().await?;
            }
        }
    }

    /// The whole body; for requests with a small limit.
    ///
    /// # Errors
    /// As [`RequestBody::next`].
    pub async fn collect(mut self) -> Result<Vec<u8>, ApiError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// Waits for bytes or the end.
    async fn receive(&mut self) -> Result<(), ApiError> {
        let since = Instant::now();
        let frame = tokio::time::timeout(self.idle.saturating_sub(self.waited), self.body.frame()).await;
        match frame.map_err(|_| ApiError::Idle(self.idle))? {
            Some(Ok(frame)) => {
                // Frames other than data are trailers, which mean nothing here.
                self.pending = frame.into_data().unwrap_or_default();
                self.waited += since.elapsed();
                self.came += self.pending.len();
                if self.came >= LEAST {
                    (self.waited, self.came) = (Duration::ZERO, 0);
                }
                Ok(())
            }
            Some(Err(_)) => Err(ApiError::Disconnected),
            None => {
                self.ended = true;
                match &mut self.gzip {
                    Some(gzip) => gzip.try_finish().map_err(|error| bad_gzip(&error)),
                    None => Ok(()),
                }
            }
        }
    }

    /// Unpacks some of what was received; empty if more must come first.
    fn unpack(&mut self) -> Result<Bytes, ApiError> {
        let Some(gzip) = &mut self.gzip else {
            return Ok(self.pending.split_to(self.pending.len().min(PIECE)));
        };
        while gzip.get_ref().is_empty() && !self.pending.is_empty() {
            let some = self.pending.split_to(self.pending.len().min(COMPRESSED_PIECE));
            gzip.write_all(&some).map_err(|error| bad_gzip(&error))?;
        }
        Ok(std::mem::take(gzip.get_mut()).into())
    }
}

fn bad_gzip(error: &std::io::Error) -> ApiError {
    ApiError::bad(format!("the body is declared as gzip but can't be unpacked: {error}"))
}

/// The declared length of the body as it is sent, before decompression.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Checks the media type of a request body; parameters such as `charset` don't matter.
///
/// # Errors
/// 400 that names the type that is wanted.
pub fn expect_content_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), ApiError> {
    let found = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let Some(found) = found else {
        return Err(ApiError::bad(format!("the request header Content-Type is required here: {wanted}")));
    };
    let media_type = found.split(';').next().unwrap_or_default().trim();
    match media_type.eq_ignore_ascii_case(wanted) {
        true => Ok(()),
        false => {
            let found: String = media_type.chars().take(80).collect();
            Err(ApiError::bad(format!("Content-Type must be {wanted} here, not {found:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const IDLE: Duration = Duration::from_secs(30);

    fn gzipped() -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))])
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn collect(headers: HeaderMap, bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, ApiError> {
        RequestBody::new(&headers, Body::from(bytes), limit, IDLE)?.collect().await
    }

    #[tokio::test]
    async fn plain_and_packed_bodies_arrive_whole() {
        let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        let limit = bytes.len() as u64;
        assert_eq!(collect(HeaderMap::new(), bytes.clone(), limit).await.unwrap(), bytes);
        assert_eq!(collect(gzipped(), gzip(&bytes), limit).await.unwrap(), bytes);
        let members = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(
            collect(gzipped(), members, limit).await.unwrap(),
            b"one two",
            "several members are one body"
        );
    }

    #[tokio::test]
    async fn the_limit_holds_after_decompression() {
        let bytes = vec![0; 1_000_000];
        let packed = gzip(&bytes);
        assert!(packed.len() < 10_000);
        assert!(collect(gzipped(), packed.clone(), 1_000_000).await.is_ok());
        for (headers, bytes) in [(gzipped(), packed), (HeaderMap::new(), bytes)] {
            let error = collect(headers, bytes, 999_999).await.unwrap_err();
            assert!(matches!(error, ApiError::TooLarge { limit: 999_999 }), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_bomb_is_defused_in_small_pieces() {
        let packed = gzip(&vec![0; 64 << 20]);
        let mut body = RequestBody::new(&gzipped(), Body::from(packed), 1 << 30, IDLE).unwrap();
        let mut largest = 0;
        while let Some(piece) = body.next().await.unwrap() {
            largest = largest.max(piece.len());
        }
        assert!(largest < 4 << 20, "{largest}");
    }

    #[tokio::test]
    async fn broken_gzip_is_refused() {
        let whole = gzip(&[b"some text ".repeat(1000)].concat());
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let mut trailing = whole.clone();
        trailing.extend_from_slice(b"rubbish");
        let cut = whole[..whole.len() - 1].to_vec();
        for bytes in [b"plain".to_vec(), whole[..20].to_vec(), cut, flipped, trailing, Vec::new()] {
            let result = collect(gzipped(), bytes.clone(), 1 << 20).await;
            assert!(matches!(result, Err(ApiError::BadRequest(_))), "{} bytes: {result:?}", bytes.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_the_request() {
        let silent = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let mut body = RequestBody::new(&HeaderMap::new(), silent, 10, IDLE).unwrap();
        assert!(matches!(body.next().await, Err(ApiError::Idle(IDLE))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_ends_the_request_and_a_stream_does_not() {
        let sent = |bytes: usize, every: Duration| {
            let pieces = futures::stream::unfold(0, move |sent| async move {
                tokio::time::sleep(every).await;
                (sent < 300).then(|| (Ok::<_, std::io::Error>(Bytes::from(vec![1; bytes])), sent + 1))
            });
            RequestBody::new(&HeaderMap::new(), Body::from_stream(pieces), 1 << 30, IDLE).unwrap()
        };
        let begun = Instant::now();
        let error = sent(1, Duration::from_secs(1)).collect().await.unwrap_err();
        assert!(matches!(error, ApiError::Idle(IDLE)), "{error:?}");
        assert_eq!(begun.elapsed(), IDLE);
        // As slow as may be: some minutes for a few hundred pieces, or a pause before each large one.
        assert_eq!(sent(700, Duration::from_secs(1)).collect().await.unwrap().len(), 210_000);
        assert_eq!(sent(LEAST, Duration::from_secs(29)).collect().await.unwrap().len(), 300 * LEAST);
    }

    #[test]
    fn other_codings_are_refused() {
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static("br"))]);
        let refused = RequestBody::new(&headers, Body::empty(), 10, IDLE);
        assert!(matches!(refused.err(), Some(ApiError::ContentEncoding(coding)) if coding == "br"));
    }

    #[test]
    fn content_types_may_have_parameters() {
        let with = |value| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
        let json = "application/json";
        for good in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(expect_content_type(&with(good), json).is_ok(), "{good}");
        }
        for bad in ["text/plain", "application/jsonp", ""] {
            assert!(expect_content_type(&with(bad), json).is_err(), "{bad}");
        }
        assert!(expect_content_type(&HeaderMap::new(), json).is_err());
    }
}
