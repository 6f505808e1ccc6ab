//! The line of connections that wait for a request, and give way when all slots are taken.
//!
//! A connection costs a client nothing: whoever opens many of them and sends nothing, or a header byte by byte, would keep everybody
//! else out. So the one that has waited longest for its next request is cut for the sake of a newcomer. Connections whose
//! request is being served, or whose answer is being written, are left alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::Response;
use http_body_util::BodyExt;
use tokio::sync::Notify;

/// All connections that wait for a request, by how long they do.
#[derive(Default)]
pub struct Line(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place in the line.
pub struct Place {
    line: Arc<Line>,
    cut: Arc<Notify>,
    at: Mutex<At>,
}

/// What a connection does.
#[derive(Default)]
struct At {
    /// Requests being served; more than one with HTTP/2.
    served: usize,
    /// Its number in the line while there are none.
    number: Option<u64>,
}

/// A request being served: its connection doesn't wait.
pub struct Serving(Arc<Place>);

impl Line {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the connection that has waited longest to end, if there is one.
    pub fn give_way(&self) {
        let first = self.queue().waiting.pop_first();
        if let Some((_, cut)) = first {
            cut.notify_one();
        }
    }

    fn join(&self, cut: &Arc<Notify>) -> u64 {
        let mut queue = self.queue();
        let number = queue.next;
        queue.next += 1;
        queue.waiting.insert(number, cut.clone());
        number
    }
}

impl Place {
    /// A new connection, at the end of the line.
    pub fn new(line: Arc<Line>) -> Arc<Self> {
        let cut = Arc::default();
        let number = Some(line.join(&cut));
        Arc::new(Self { line, cut, at: Mutex::new(At { served: 0, number }) })
    }

    /// Ready once the connection is to end.
    pub async fn cut(&self) {
        loop {
            self.cut.notified().await;
            // A request may have come at the last moment.
            if self.at().served == 0 {
                return;
            }
        }
    }

    /// Leaves the line for as long as the answer lives.
    pub fn serve(self: &Arc<Self>) -> Serving {
        let mut at = self.at();
        at.served += 1;
        self.leave(&mut at);
        Serving(self.clone())
    }

    fn at(&self) -> MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, at: &mut At) {
        if let Some(number) = at.number.take() {
            self.line.queue().waiting.remove(&number);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut at = std::mem::take(&mut *self.at());
        self.leave(&mut at);
    }
}

impl Serving {
    /// Holds on until the whole answer has been handed out.
    pub fn until_written(self, response: Response<Body>) -> Response<Body> {
        // `map_err` hands everything on; its closure lives as long as the body, and holds what is to be held.
        response.map(|body| {
            Body::new(body.map_err(move |error| {
                let _held = &self;
                error
            }))
        })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let place = &self.0;
        let mut at = place.at();
        at.served -= 1;
        if at.served == 0 {
            at.number = Some(place.line.join(&place.cut));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn the_one_that_has_waited_longest_gives_way() {
        let line = Arc::<Line>::default();
        let [first, second, third] = [0; 3].map(|_| Place::new(line.clone()));
        let is_cut = |place: &Arc<Place>| place.cut().now_or_never().is_some();
        // The first is served, and so is the last in the line afterwards.
        let serving = first.serve();
        line.give_way();
        assert!(is_cut(&second) && !is_cut(&first) && !is_cut(&third));
        drop(serving);
        line.give_way();
        assert!(is_cut(&third) && !is_cut(&first));
        line.give_way();
        assert!(is_cut(&first));
        // Nobody is left to ask.
        line.give_way();
        assert!(![first, second, third].iter().any(is_cut));
    }

    #[test]
    fn a_request_at_the_last_moment_is_served() {
        let line = Arc::<Line>::default();
        let place = Place::new(line.clone());
        line.give_way();
        let both = [place.serve(), place.serve()];
        assert!(place.cut().now_or_never().is_none());
        drop(both);
        assert_eq!(line.queue().waiting.len(), 1, "it waits again, once");
        drop(place);
        assert!(line.queue().waiting.is_empty());
    }

    #[tokio::test]
    async fn an_answer_is_served_until_its_body_is_gone() {
        let line = Arc::<Line>::default();
        let place = Place::new(line.clone());
        let answer = place.serve().until_written(Response::new(Body::from("answer")));
        assert!(line.queue().waiting.is_empty());
        assert_eq!(axum::body::to_bytes(answer.into_body(), 10).await.unwrap(), "answer");
        assert_eq!(line.queue().waiting.len(), 1);
    }
}
