//! Long lists: whole, as a stream of pages, so that none is ever held; or one page, with a link to the next.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::stream;
use serde::Serialize;

use super::json::JSON;
use super::problem::ApiError;
use crate::db::{DbResult, ListPage};
use crate::domain::Timestamp;

/// Entries of a page at most, and of each piece of a whole list.
const LONGEST: u32 = 1000;

/// An entry of a list.
pub trait Entry: Serialize + Send + Sync + 'static {
    /// Its place in the list: its time, and its identifier among those of one time.
    fn place(&self) -> (Timestamp, String);
}

/// Gets a part of a list.
pub type Fetch<T> = Arc<dyn Fn(ListPage) -> BoxFuture<'static, DbResult<Vec<T>>> + Send + Sync>;

/// Which part of a list a request wants: `limit`, and `after` from the link of the page before.
#[derive(Debug, PartialEq)]
struct Wanted {
    after: Option<(Timestamp, String)>,
    limit: Option<u32>,
}

impl Wanted {
    fn of(uri: &Uri) -> Result<Self, ApiError> {
        let mut wanted = Self { after: None, limit: None };
        let parameters = uri.query().unwrap_or_default().split('&');
        for (name, value) in parameters.filter_map(|parameter| parameter.split_once('=')) {
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LONGEST).contains(limit));
                    let wrong =
                        || ApiError::bad(format!("`limit` must be a whole number from 1 to {LONGEST}"));
                    wanted.limit = Some(limit.ok_or_else(wrong)?);
                }
                "after" => {
                    let wrong = || ApiError::bad("`after` must be taken from the link to the next page");
                    let (time, id) = value.split_once('-').ok_or_else(wrong)?;
                    let known = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
                    let time = time.parse().ok().filter(|_| known).ok_or_else(wrong)?;
                    wanted.after = Some((Timestamp(time), id.to_owned()));
                }
                _ => {}
            }
        }
        Ok(wanted)
    }
}

fn page(after: Option<(Timestamp, String)>, limit: u32) -> ListPage {
    after.map_or(ListPage::first(limit), |after| ListPage { after, limit })
}

/// Answers with the part of a list that a request for this address wants.
///
/// # Errors
/// 400 for a part that makes no sense; the metadata store can't be read.
pub async fn list<T: Entry>(uri: &Uri, fetch: Fetch<T>) -> Result<Response, ApiError> {
    let Wanted { after, limit } = Wanted::of(uri)?;
    let Some(limit) = limit else { return whole(fetch(page(after, LONGEST)).await?, fetch) };
    let mut entries = fetch(page(after, limit + 1)).await?;
    let more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries.last().filter(|_| more).map(|last| {
        let (time, id) = last.place();
        format!("<{}?limit={limit}&after={}-{id}>; rel=\"next\"", uri.path(), time.0)
    });
    let mut answer = Json(entries).into_response();
    if let Some(next) = next {
        let next = HeaderValue::from_str(&next).map_err(|error| ApiError::Internal(error.to_string()))?;
        answer.headers_mut().insert(LINK, next);
    }
    Ok(answer)
}

/// What is left of a whole list.
enum Rest<T> {
    Entries(Vec<T>, &'static str),
    End,
}

/// A whole list, from its first entries on. An error of the metadata store on the way breaks the answer off.
fn whole<T: Entry>(first: Vec<T>, fetch: Fetch<T>) -> Result<Response, ApiError> {
    let start = (Rest::Entries(first, "["), fetch);
    let pieces = stream::try_unfold(start, |(rest, fetch)| async move {
        let Rest::Entries(entries, before) = rest else { return Ok(None) };
        let mut text = before.as_bytes().to_vec();
        for (place, entry) in entries.iter().enumerate() {
            if place > 0 {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, entry)?;
        }
        let more = match entries.last().filter(|_| entries.len() == LONGEST as usize) {
            Some(last) => fetch(ListPage { after: last.place(), limit: LONGEST }).await?,
            None => Vec::new(),
        };
        let rest = match more.is_empty() {
            true => Rest::End,
            false => Rest::Entries(more, ","),
        };
        if let Rest::End = rest {
            text.push(b']');
        }
        Ok::<_, axum::BoxError>(Some((Bytes::from(text), (rest, fetch))))
    });
    Ok(([(CONTENT_TYPE, JSON)], Body::from_stream(pieces)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Number(u32);

    impl Entry for Number {
        fn place(&self) -> (Timestamp, String) {
            // Three have one time each.
            (Timestamp(i64::from(self.0 / 3)), format!("{:08x}", self.0))
        }
    }

    fn numbers(end: u32) -> Fetch<Number> {
        Arc::new(move |page: ListPage| {
            assert!(page.limit <= LONGEST + 1);
            let all = (0..end).map(Number).filter(|number| number.place() > page.after);
            let found = all.take(page.limit as usize).collect();
            Box::pin(async move { Ok(found) })
        })
    }

    async fn ask(query: &str, end: u32) -> Result<(Vec<u32>, Option<String>), ApiError> {
        let uri = Uri::try_from(format!("/list{query}")).unwrap();
        let answer = list(&uri, numbers(end)).await?;
        let next = answer.headers().get(LINK).map(|link| link.to_str().unwrap().to_owned());
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        Ok((serde_json::from_slice(&body).unwrap(), next))
    }

    #[tokio::test]
    async fn a_whole_list_comes_in_pieces() {
        for end in [0, 1, 999, 1000, 1001, 2000, 2500] {
            assert_eq!(ask("", end).await.unwrap(), ((0..end).collect(), None), "{end}");
        }
    }

    #[tokio::test]
    async fn pages_follow_one_another_without_gap_or_double() {
        for (end, limit) in [(0, 5), (5, 5), (10, 5), (11, 5), (7, 1), (1500, 1000)] {
            let (mut seen, mut query) = (Vec::new(), format!("?limit={limit}"));
            loop {
                let (page, next) = ask(&query, end).await.unwrap();
                assert!(page.len() <= limit);
                seen.extend(page);
                let Some(next) = next else { break };
                let address = next.strip_prefix("</list").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
                query = address.to_owned();
            }
            assert_eq!(seen, (0..end).collect::<Vec<_>>(), "{end} by {limit}");
        }
    }

    #[tokio::test]
    async fn parts_that_make_no_sense_are_refused() {
        for query in
            ["?limit=0", "?limit=1001", "?limit=x", "?limit=-1", "?after=7", "?after=x-00", "?after=7-"]
        {
            assert!(matches!(ask(query, 3).await, Err(ApiError::BadRequest(_))), "{query}");
        }
        assert_eq!(
            ask("?other=1&limit=2&flag", 3).await.unwrap().0,
            [0, 1],
            "others' parameters don't matter"
        );
        assert_eq!(ask("?after=0-00000001", 4).await.unwrap().0, [2, 3], "a rest of the whole list");
    }
}
