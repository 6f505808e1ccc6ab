//! Traces as the settings want them.

use anyhow::{Context, Result};
use opentelemetry_sdk::trace::{Sampler, ShouldSample};

use crate::config::tls::verified;
use crate::config::{SamplerKind, TraceArgs};
use crate::telemetry::otlp::{Collector, Traces};

/// Starts to deliver spans; `None` if no collector is named.
pub(super) fn start(args: &TraceArgs) -> Result<Option<Traces>> {
    let Some(url) = args.url()? else { return Ok(None) };
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(verified(args.otlp_ca_file.as_deref())?)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("anonlink/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("no HTTP client for the collector of traces")?;
    let collector = Collector {
        url,
        headers: args.headers()?,
        client,
        service: args.otlp_service_name.clone(),
        sampler: sampler(args.otlp_sampler, args.otlp_sampler_arg),
    };
    Ok(Some(Traces::start(collector).context("the collector of traces can't be used")?))
}

fn sampler(kind: SamplerKind, share: f64) -> Box<dyn ShouldSample> {
    let root = match kind {
        SamplerKind::AlwaysOn | SamplerKind::ParentBasedAlwaysOn => Sampler::AlwaysOn,
        SamplerKind::AlwaysOff | SamplerKind::ParentBasedAlwaysOff => Sampler::AlwaysOff,
        SamplerKind::TraceIdRatio | SamplerKind::ParentBasedTraceIdRatio => Sampler::TraceIdRatioBased(share),
    };
    match kind {
        SamplerKind::AlwaysOn | SamplerKind::AlwaysOff | SamplerKind::TraceIdRatio => Box::new(root),
        SamplerKind::ParentBasedAlwaysOn
        | SamplerKind::ParentBasedAlwaysOff
        | SamplerKind::ParentBasedTraceIdRatio => Box::new(Sampler::ParentBased(Box::new(root))),
    }
}
