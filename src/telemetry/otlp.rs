//! Delivering spans to a collector, by OTLP over HTTP.
//!
//! Spans wait in a bounded queue, which a thread of its own sends off every few seconds. A collector that is away or slow costs spans,
//! never a request: what doesn't fit into the queue is dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, ShouldSample};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::metrics;
use super::trace::TARGET;

/// Longest time for one delivery.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for what is left at the end.
const FLUSH: Duration = Duration::from_secs(3);

/// Where spans go, and which.
pub struct Collector {
    /// The full URL, such as `http://collector:4318/v1/traces`.
    pub url: String,
    /// Headers of each delivery; they may hold credentials.
    pub headers: HashMap<String, String>,
    /// What makes requests: with the right authorities, and with no redirects.
    pub client: reqwest::Client,
    /// Name of this service in traces.
    pub service: String,
    /// Which traces are taken.
    pub sampler: Box<dyn ShouldSample>,
}

/// The traces of this process.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts to deliver; requests are made on the current runtime.
    ///
    /// # Errors
    /// The URL makes no sense.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(collector: Collector) -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
        let Collector { url, headers, client, service, sampler } = collector;
        let client = Client { client, runtime: Handle::current(), away: AtomicBool::new(false) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(url)
            .with_headers(headers)
            .with_timeout(TIMEOUT)
            .build()?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(service).with_attribute(version).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// What hands spans over.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("anonlink"))
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|about| about.is_span() && about.target() == TARGET))
    }

    /// Delivers what is left, if that can be done within a few seconds.
    pub async fn end(self) {
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH));
        match tokio::time::timeout(FLUSH * 2, flushed).await {
            Ok(Ok(Ok(()))) => {}
            _ => tracing::warn!("the last spans could not be delivered to the collector of traces"),
        }
    }
}

/// Makes the exporter's requests, on our runtime: the exporter's thread has none.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last delivery failed: only changes are worth a line in the log.
    away: AtomicBool,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let delivery = self.runtime.spawn(async move {
            let (parts, body) = request.into_parts();
            let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers);
            let answer = request.body(body).timeout(TIMEOUT).send().await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        let outcome: Result<_, HttpError> = match delivery.await {
            Ok(Ok(answer)) => Ok(answer),
            // The URL may hold credentials.
            Ok(Err(error)) => Err(error.without_url().into()),
            Err(error) => Err(error.into()),
        };
        let refused = match &outcome {
            Ok((status, _)) if status.is_success() => None,
            Ok((status, _)) => Some(format!("it answers {status}")),
            Err(error) => Some(error.to_string()),
        };
        metrics().trace_exports.with_label_values(&[if refused.is_none() { "ok" } else { "error" }]).inc();
        match refused {
            None if self.away.swap(false, Ordering::Relaxed) => {
                tracing::info!("the collector of traces is back");
            }
            Some(reason) if !self.away.swap(true, Ordering::Relaxed) => {
                tracing::warn!(reason, "the collector of traces is away: spans are lost");
            }
            _ => {}
        }
        let (status, body) = outcome?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}
