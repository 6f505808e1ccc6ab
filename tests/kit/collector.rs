//! A collector of traces: takes OTLP over HTTP on a loopback port and keeps what it is given.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;

/// A request that the collector was sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub authorization: String,
    pub body: ExportTraceServiceRequest,
}

/// A running collector; its thread ends with the test's process.
pub struct Collector {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let kept = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = kept.clone();
                std::thread::spawn(move || serve(stream.unwrap(), &kept));
            }
        });
        Self { port, requests }
    }

    /// Its address, without a path.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// All spans that came.
    pub fn spans(&self) -> Spans {
        let mut spans = Spans::default();
        for resource in self.requests().iter().flat_map(|request| &request.body.resource_spans) {
            spans.resource =
                resource.resource.as_ref().map(|found| texts(&found.attributes)).unwrap_or_default();
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let kind = match span.kind() {
                    SpanKind::Server => "server",
                    SpanKind::Client => "client",
                    SpanKind::Consumer => "consumer",
                    _ => "other",
                };
                spans.all.push(Span {
                    service: spans.resource["service.name"].clone(),
                    name: span.name.clone(),
                    kind: kind.to_owned(),
                    trace: hex::encode(&span.trace_id),
                    id: hex::encode(&span.span_id),
                    parent: hex::encode(&span.parent_span_id),
                    attributes: texts(&span.attributes),
                });
            }
        }
        spans
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Request>>) {
    let mut bytes = Vec::new();
    loop {
        let head_end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let header = |name: &str| {
            let line =
                head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
            Some(line.split_once(':').unwrap().1.trim().to_owned())
        };
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
        let length: usize = header("content-length").unwrap().parse().unwrap();
        while bytes.len() < head_end + length {
            let mut piece = [0; 4096];
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
        }
        let body = ExportTraceServiceRequest::decode(&bytes[head_end..head_end + length]).unwrap();
        bytes.drain(..head_end + length);
        kept.lock()
            .unwrap()
            .push(Request { authorization: header("authorization").unwrap_or_default(), body });
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A span, as texts.
#[derive(Debug, Clone)]
pub struct Span {
    /// The process that it is from.
    pub service: String,
    pub name: String,
    pub kind: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub attributes: BTreeMap<String, String>,
}

/// All spans of a test.
#[derive(Debug, Default)]
pub struct Spans {
    pub all: Vec<Span>,
    pub resource: BTreeMap<String, String>,
}

impl Spans {
    pub fn named(&self, name: &str) -> Vec<&Span> {
        self.all.iter().filter(|span| span.name == name).collect()
    }

    /// Those of one trace.
    pub fn of_trace(&self, trace: &str) -> Self {
        let all = self.all.iter().filter(|span| span.trace == trace).cloned().collect();
        Self { all, resource: self.resource.clone() }
    }

    pub fn only(&self, name: &str) -> &Span {
        let found = self.named(name);
        assert_eq!(found.len(), 1, "{name}: {:#?}", self.all);
        found[0]
    }

    pub fn parent(&self, span: &Span) -> Option<&Span> {
        self.all.iter().find(|other| other.id == span.parent)
    }

    pub fn children(&self, span: &Span) -> Vec<&Span> {
        self.all.iter().filter(|other| other.parent == span.id).collect()
    }
}
