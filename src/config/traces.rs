//! Settings of traces, under the names that all programs with OpenTelemetry share.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use thiserror::Error;

use super::Secret;

/// Which traces are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SamplerKind {
    /// All
    AlwaysOn,
    /// None
    AlwaysOff,
    /// A share of all
    #[value(name = "traceidratio")]
    TraceIdRatio,
    /// As the client says; all of those that say nothing
    #[value(name = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// As the client says; none of those that say nothing
    #[value(name = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// As the client says; a share of those that say nothing
    #[value(name = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

/// Settings of traces. Without an endpoint there are none.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Traces (OpenTelemetry)")]
pub struct TraceArgs {
    /// URL of a collector that takes OTLP over HTTP, such as http://collector:4318; `v1/traces` is appended [default: no traces]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// The same for traces alone; nothing is appended
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub otlp_traces_endpoint: Option<String>,

    /// Headers for the collector, `name=value,…` with percent-encoded values; they may hold credentials
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", value_name = "HEADERS", hide_env_values = true)]
    pub otlp_headers: Option<Secret>,

    /// File that holds the headers for the collector
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS_FILE", value_name = "FILE")]
    pub otlp_headers_file: Option<PathBuf>,

    /// Trust the certificate authorities in this PEM file, and no other, with the collector
    #[arg(long, env = "OTEL_EXPORTER_OTLP_CERTIFICATE", value_name = "FILE")]
    pub otlp_ca_file: Option<PathBuf>,

    /// Protocol of the collector: http/protobuf is the only one
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", value_name = "NAME", default_value = "http/protobuf")]
    pub otlp_protocol: String,

    /// Name of this service in traces
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", default_value = "anonlink")]
    pub otlp_service_name: String,

    /// Which traces to take
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_name = "NAME", default_value = "parentbased_always_on")]
    pub otlp_sampler: SamplerKind,

    /// The share of traces to take, for samplers that want one: 0 to 1
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "SHARE", default_value = "1", value_parser = share)]
    pub otlp_sampler_arg: f64,
}

/// What is wrong with the settings of traces.
#[derive(Debug, Error)]
pub enum TraceConfigError {
    /// Another protocol than the only one.
    #[error(
        "OTEL_EXPORTER_OTLP_PROTOCOL is {0:?}: http/protobuf is the only protocol, usually on the collector's port 4318"
    )]
    Protocol(String),
    /// No URL.
    #[error(
        "the collector of traces must be named by a URL such as http://collector:4318 (OTEL_EXPORTER_OTLP_ENDPOINT)"
    )]
    Url,
    /// No headers.
    #[error("OTEL_EXPORTER_OTLP_HEADERS must be a list such as authorization=Bearer%20abc,tenant=7")]
    Headers,
    /// The secret can't be had.
    #[error(transparent)]
    Secret(#[from] super::secret::SecretError),
}

impl TraceArgs {
    /// The full URL that spans go to; `None` if none are wanted.
    ///
    /// # Errors
    /// It is no URL, or the protocol isn't spoken here.
    pub fn url(&self) -> Result<Option<String>, TraceConfigError> {
        let given = |url: &Option<String>| url.clone().filter(|url| !url.trim().is_empty());
        let url = match (given(&self.otlp_traces_endpoint), given(&self.otlp_endpoint)) {
            (Some(url), _) => url,
            (None, Some(base)) => format!("{}/v1/traces", base.trim_end_matches('/')),
            (None, None) => return Ok(None),
        };
        if !["", "http/protobuf"].contains(&self.otlp_protocol.as_str()) {
            return Err(TraceConfigError::Protocol(self.otlp_protocol.clone()));
        }
        let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        match address.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            true => Ok(Some(url)),
            false => Err(TraceConfigError::Url),
        }
    }

    /// The headers.
    ///
    /// # Errors
    /// They are no list of names and values, or the file can't be read.
    pub fn headers(&self) -> Result<HashMap<String, String>, TraceConfigError> {
        let file = self.otlp_headers_file.as_deref();
        let Some(secret) = Secret::resolve("OTEL_EXPORTER_OTLP_HEADERS", self.otlp_headers.as_ref(), file)?
        else {
            return Ok(HashMap::new());
        };
        let header = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
            let name = name.trim();
            let token =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            let text = value.bytes().all(|b| (b' '..=b'~').contains(&b));
            (token && text).then(|| (name.to_ascii_lowercase(), value.into_owned()))
        };
        let pairs = secret.expose().split(',').map(str::trim).filter(|pair| !pair.is_empty());
        pairs.map(header).collect::<Option<_>>().ok_or(TraceConfigError::Headers)
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ if text.trim().is_empty() => Ok(1.0),
        _ => Err(format!("{text:?} is no share from 0 to 1, such as 0.05")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        traces: TraceArgs,
    }

    fn parse(line: &str) -> TraceArgs {
        Command::try_parse_from(std::iter::once("x").chain(line.split_whitespace())).unwrap().traces
    }

    #[test]
    fn the_endpoint_for_traces_stands_as_it_is() {
        let url = |line: &str| parse(line).url().map_err(|error| error.to_string());
        assert_eq!(url(""), Ok(None));
        assert_eq!(url("--otlp-endpoint http://c:4318/").unwrap().unwrap(), "http://c:4318/v1/traces");
        let both = "--otlp-endpoint http://c:4318 --otlp-traces-endpoint https://d/x";
        assert_eq!(url(both).unwrap().unwrap(), "https://d/x");
        for bad in ["c:4318", "http://", "grpc://c:4317"] {
            assert!(url(&format!("--otlp-endpoint {bad}")).unwrap_err().contains("URL"), "{bad}");
        }
        let grpc = url("--otlp-endpoint http://c:4317 --otlp-protocol grpc").unwrap_err();
        assert!(grpc.contains("http/protobuf"), "{grpc}");
        assert_eq!(url("--otlp-protocol grpc"), Ok(None), "nobody asked for traces");
    }

    #[test]
    fn headers_are_read_and_never_shown() {
        let args = parse("--otlp-headers Authorization=Bearer%20s3cret,x-tenant=7");
        let headers = args.headers().unwrap();
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert_eq!((headers["x-tenant"].as_str(), headers.len()), ("7", 2));
        assert!(!format!("{args:?}").contains("s3cret"));
        for bad in ["nothing", "=x", "a=%0a", "a%20b=c"] {
            let error = parse(&format!("--otlp-headers {bad}")).headers().unwrap_err().to_string();
            assert!(error.contains("must be a list") && !error.contains(bad), "{error}");
        }
        assert!(parse("").headers().unwrap().is_empty());
    }

    #[test]
    fn a_share_lies_between_nothing_and_all() {
        assert_eq!((share("0.25"), share("")), (Ok(0.25), Ok(1.0)));
        for bad in ["-0.1", "1.5", "NaN", "all"] {
            assert!(share(bad).is_err(), "{bad}");
        }
        let names = ["always_on", "always_off", "traceidratio", "parentbased_traceidratio"];
        for name in names {
            let sampler = parse(&format!("--otlp-sampler {name}")).otlp_sampler;
            assert_eq!(sampler.to_possible_value().unwrap().get_name(), name);
        }
    }
}
