//! Traces: which spans belong to them, and how a trace goes on in another task or process.
//!
//! Spans of traces have a target of their own, so that logs don't see them, and without a collector nobody does: they cost nothing
//! then. The innermost span must be one of them where a context is asked for.

use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Target of the spans that make up traces.
pub const TARGET: &str = "anonlink::trace";

/// Whether the current span is part of a trace.
pub fn within() -> bool {
    Span::current().metadata().is_some_and(|about| about.target() == TARGET)
}

/// The current span as a W3C `traceparent`, by which another task can go on with its trace.
pub fn current() -> Option<String> {
    if !within() {
        return None;
    }
    let context = Span::current().context();
    text(context.span().span_context())
}

/// Makes a new span the child of the one that this W3C `traceparent` names. One that makes no sense is ignored.
pub fn adopt(span: &Span, traceparent: &str) {
    if !span.is_none() && !span.is_disabled() {
        // Refused if no collector is named: then there is no trace to go on with.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Header(traceparent)));
    }
}

fn text(span: &SpanContext) -> Option<String> {
    let flags = span.trace_flags().to_u8() & 1;
    span.is_valid().then(|| format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()))
}

/// A request's header, as the propagator reads it.
struct Header<'a>(&'a str);

impl Extractor for Header<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_survives_its_text() {
        let context = TraceContextPropagator::new().extract(&Header(PARENT));
        assert_eq!(text(context.span().span_context()).as_deref(), Some(PARENT));
        for bad in ["", "00-0-0-01", "nonsense", &PARENT.to_uppercase(), &PARENT.replace('b', "g")] {
            let context = TraceContextPropagator::new().extract(&Header(bad));
            assert_eq!(text(context.span().span_context()), None, "{bad}");
        }
    }

    #[test]
    fn without_a_collector_there_is_no_context() {
        let span = tracing::info_span!(target: TARGET, "request");
        adopt(&span, PARENT);
        assert_eq!(span.in_scope(current), None);
        assert_eq!(current(), None);
    }
}
