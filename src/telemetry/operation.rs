//! One call of a store: how long it takes and how it ends, as a metric and, within a trace, as a span.

use std::time::Instant;

use prometheus::HistogramVec;
use tracing::Span;

use super::metrics;
use super::trace::{self, TARGET};

/// A call under way. One that is dropped before its end (its caller has lost interest) is not counted.
pub struct Operation {
    seconds: &'static HistogramVec,
    name: &'static str,
    started: Instant,
    span: Span,
}

impl Operation {
    /// A call of the metadata store, which is a database of this system.
    pub fn database(system: &'static str, name: &'static str) -> Self {
        let span = match trace::within() {
            true => tracing::info_span!(
                target: TARGET,
                "database",
                otel.name = name,
                otel.kind = "client",
                db.system.name = system,
                db.operation.name = name,
                error.type = tracing::field::Empty,
            ),
            false => Span::none(),
        };
        Self { seconds: &metrics().database_seconds, name, started: Instant::now(), span }
    }

    /// A call of the object store.
    pub fn store(name: &'static str) -> Self {
        let span = match trace::within() {
            true => tracing::info_span!(
                target: TARGET,
                "store",
                otel.name = name,
                otel.kind = "client",
                anonlink.store.operation = name,
                error.type = tracing::field::Empty,
            ),
            false => Span::none(),
        };
        Self { seconds: &metrics().store_seconds, name, started: Instant::now(), span }
    }

    /// It has ended: `ok`, `error`, or another word of few.
    pub fn end(self, outcome: &'static str) {
        if outcome == "error" {
            self.span.record("error.type", outcome);
        }
        self.seconds.with_label_values(&[self.name, outcome]).observe(self.started.elapsed().as_secs_f64());
    }

    /// It has ended, well or not.
    pub fn ended<T, E>(self, result: Result<T, E>) -> Result<T, E> {
        self.end(if result.is_ok() { "ok" } else { "error" });
        result
    }
}
