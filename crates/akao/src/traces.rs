//! Traces: which request led to which steps, told to a collector in OpenTelemetry's protocol over HTTP, as JSON.
//!
//! A trace begins with a request, goes on with the execution that it started and with each step, and reaches external nodes by
//! the `traceparent` of their context. Spans wait in a bounded queue and are sent together; when the collector does not take
//! them they are thrown away and counted, and nothing waits for them. See decision record 0044 for why this is not the
//! collector's own library.

use akao_api::{RequestSpan, Traces};
use akao_contract::{ExecutionId, Permission};
use akao_step::{Egress, HttpCall};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use url::Url;

/// Spans that wait to be sent.
const WAITING_MAX: usize = 4_096;

/// Spans that are sent together.
const TOGETHER_MAX: usize = 512;

/// How long a span waits for others.
const TOGETHER: Duration = Duration::from_secs(1);

/// How long the collector may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What the collector's answer may have.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// A place in a trace: what `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

impl Place {
    /// Reads a `traceparent` of version 00.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || parts.next().is_some() || flags.len() != 2 {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self { trace: from_hex(trace)?, span: from_hex(span)?, sampled: flags & 1 == 1 })
    }

    /// As a `traceparent`.
    pub(crate) fn text(&self) -> String {
        format!("00-{}-{}-0{}", hex(&self.trace), hex(&self.span), u8::from(self.sampled))
    }

    /// A new place below this one.
    pub(crate) fn below(&self) -> Self {
        Self { span: random(), ..*self }
    }

    /// The place of an execution in the trace of what started it: everybody who knows its id finds the same.
    pub(crate) fn of_execution(&self, execution: ExecutionId) -> Self {
        let digest = Sha256::digest(format!("execution {execution}").as_bytes());
        let mut span = [0; 8];
        span.copy_from_slice(&digest[..8]);
        Self { span, ..*self }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without random numbers spans have one id, which only makes the trace harder to read.
    let _ = getrandom::fill(&mut bytes);
    bytes[N - 1] |= 1;
    bytes
}

/// A span that is over.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) place: Place,
    pub(crate) parent: Option<Place>,
    pub(crate) name: String,
    /// 1 internal, 2 server.
    pub(crate) kind: u8,
    pub(crate) began_ns: u64,
    pub(crate) ended_ns: u64,
    pub(crate) attributes: Vec<(&'static str, Value)>,
    /// Why it failed, when it did.
    pub(crate) failure: Option<String>,
}

/// Now, in Unix nanoseconds.
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What the operator decides about traces.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Where the collector is; `/v1/traces` is added.
    pub(crate) endpoint: Url,
    /// Headers of each request, such as a key.
    pub(crate) headers: Vec<(String, String)>,
    /// Which part of the traces that begin here is told, from 0 to 1.
    pub(crate) ratio: f64,
    /// The name under which this server is told.
    pub(crate) service: String,
}

/// Where spans are told.
#[derive(Clone)]
pub(crate) struct Tracer {
    spans: mpsc::Sender<Span>,
    ratio: f64,
    lost: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
}

impl Tracer {
    /// Tells spans by this way out, in a task that ends when the tracer and its copies are gone.
    pub(crate) fn begin(options: Options, egress: Arc<dyn Egress>) -> (Self, JoinHandle<()>) {
        let (spans, waiting) = mpsc::channel(WAITING_MAX);
        let tracer = Self { spans, ratio: options.ratio, lost: Arc::default(), sent: Arc::default() };
        let (lost, sent) = (Arc::clone(&tracer.lost), Arc::clone(&tracer.sent));
        (tracer, tokio::spawn(send_all(options, egress, waiting, lost, sent)))
    }

    /// Tells a span, if its trace is told.
    pub(crate) fn tell(&self, span: Span) {
        if span.place.sampled && self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans that were told, and that were thrown away.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// Whether a trace that begins here is told: the same for the same trace, whoever asks.
    fn is_sampled(&self, trace: &[u8; 16]) -> bool {
        let mut low = [0; 8];
        low.copy_from_slice(&trace[8..]);
        // 53 bits are what a float holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "the number has 53 bits")]
        let part = (u64::from_be_bytes(low) >> 11) as f64 / (1_u64 << 53) as f64;
        part < self.ratio
    }
}

impl Traces for Tracer {
    fn open(&self, parent: Option<&str>, known: bool) -> String {
        match parent.and_then(Place::read) {
            Some(parent) if known => parent.below().text(),
            // Who chooses the number of a trace does not choose whether it is told either.
            Some(parent) => Place { sampled: self.is_sampled(&random()), ..parent.below() }.text(),
            None => {
                let trace = random();
                Place { trace, span: random(), sampled: self.is_sampled(&trace) }.text()
            }
        }
    }

    fn close(&self, request: &RequestSpan<'_>) {
        let Some(place) = Place::read(request.traceparent) else { return };
        let ended_ns = now_ns();
        let took = u64::try_from(request.took.as_nanos()).unwrap_or(u64::MAX);
        self.tell(Span {
            place,
            parent: request.parent.and_then(Place::read),
            name: format!("{} {}", request.method, request.path),
            kind: 2,
            began_ns: ended_ns.saturating_sub(took),
            ended_ns,
            attributes: vec![
                ("http.request.method", json!(request.method)),
                ("http.route", json!(request.path)),
                ("http.response.status_code", json!(request.status)),
                ("akao.correlation_id", json!(request.correlation_id)),
            ],
            failure: (request.status >= 500).then(|| format!("status {}", request.status)),
        });
    }
}

async fn send_all(
    options: Options,
    egress: Arc<dyn Egress>,
    mut waiting: mpsc::Receiver<Span>,
    lost: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
) {
    let mut told_trouble = false;
    while let Some(first) = waiting.recv().await {
        let mut spans = vec![first];
        let end = Instant::now() + TOGETHER;
        while spans.len() < TOGETHER_MAX {
            match tokio::time::timeout_at(end, waiting.recv()).await {
                Ok(Some(span)) => spans.push(span),
                Ok(None) | Err(_) => break,
            }
        }
        let count = spans.len() as u64;
        match send(&options, egress.as_ref(), &spans).await {
            Ok(()) => {
                told_trouble = false;
                sent.fetch_add(count, Ordering::Relaxed);
            }
            Err(problem) => {
                lost.fetch_add(count, Ordering::Relaxed);
                if !told_trouble {
                    tracing::warn!("the collector of traces does not take them: {problem}");
                    told_trouble = true;
                }
            }
        }
    }
}

async fn send(options: &Options, egress: &dyn Egress, spans: &[Span]) -> Result<(), String> {
    let url = traces_url(&options.endpoint);
    let port = options.endpoint.port_or_known_default().unwrap_or(4318);
    let host = options.endpoint.host_str().unwrap_or_default();
    let grant: Permission = format!("network.http={host}:{port}")
        .parse()
        .map_err(|error| format!("the endpoint is not usable: {error}"))?;
    let mut headers = options.headers.clone();
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    let call = HttpCall {
        method: "POST".to_owned(),
        url,
        headers,
        body: document(&options.service, spans).to_string().into_bytes(),
        timeout: ANSWER_WITHIN,
        redirects_max: 0,
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    match egress.http(&[grant], call).await {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => Err(format!("it answered {}", answer.status)),
        Err(error) => Err(error.to_string()),
    }
}

/// The endpoint as OpenTelemetry means it: the signal's path is added.
fn traces_url(endpoint: &Url) -> String {
    format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'))
}

/// Spans in the JSON form of the protocol: ids in hexadecimal, times as decimal text.
fn document(service: &str, spans: &[Span]) -> Value {
    let attribute = |(key, value): &(&str, Value)| {
        let value = match value {
            Value::Number(number) if number.is_i64() || number.is_u64() => json!({"intValue": number.to_string()}),
            Value::Number(number) => json!({"doubleValue": number}),
            Value::Bool(truth) => json!({"boolValue": truth}),
            Value::String(text) => json!({"stringValue": text}),
            other => json!({"stringValue": other.to_string()}),
        };
        json!({"key": key, "value": value})
    };
    let span = |span: &Span| {
        let status = match &span.failure {
            Some(message) => json!({"code": 2, "message": message}),
            None => json!({}),
        };
        let mut document = json!({
            "traceId": hex(&span.place.trace), "spanId": hex(&span.place.span), "name": span.name, "kind": span.kind,
            "startTimeUnixNano": span.began_ns.to_string(), "endTimeUnixNano": span.ended_ns.to_string(),
            "attributes": span.attributes.iter().map(attribute).collect::<Vec<_>>(), "status": status, "flags": 1,
        });
        if let Some(parent) = &span.parent {
            document["parentSpanId"] = json!(hex(&parent.span));
        }
        document
    };
    let resource = [("service.name", json!(service)), ("service.version", json!(env!("CARGO_PKG_VERSION")))];
    json!({"resourceSpans": [{
        "resource": {"attributes": resource.iter().map(attribute).collect::<Vec<_>>()},
        "scopeSpans": [{"scope": {"name": "akao"}, "spans": spans.iter().map(span).collect::<Vec<_>>()}],
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let place = Place::read(PARENT).unwrap();
        assert_eq!(place.text(), PARENT);
        let below = place.below();
        assert!(below.trace == place.trace && below.span != place.span && below.sampled);
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_ratio_is_that_of_the_traces() {
        let tracer = |ratio| Tracer { spans: mpsc::channel(1).0, ratio, lost: Arc::default(), sent: Arc::default() };
        let sampled = |ratio| {
            let tracer = tracer(ratio);
            (0..2_000).filter(|_| tracer.open(None, true).ends_with("-01")).count()
        };
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 2_000));
        let tenth = sampled(0.1);
        assert!((120..=290).contains(&tenth), "{tenth} of 2000");
        let unsampled = PARENT.replace("-01", "-00");
        assert!(tracer(1.0).open(Some(&unsampled), true).ends_with("-00"), "who asked has decided");
        assert!(tracer(1.0).open(Some(&unsampled), false).ends_with("-01"), "strangers do not");
    }

    #[test]
    fn spans_are_told_in_the_form_of_the_protocol() {
        let place = Place::read(PARENT).unwrap();
        let span = Span {
            place: place.below(),
            parent: Some(place),
            name: "step".to_owned(),
            kind: 1,
            began_ns: 1,
            ended_ns: 2,
            attributes: vec![("n", json!(5)), ("t", json!("x"))],
            failure: Some("no".to_owned()),
        };
        let told = document("here", &[span]);
        let span = &told["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!((&span["traceId"], &span["parentSpanId"]), (&json!(hex(&place.trace)), &json!("b7ad6b7169203331")));
        assert_eq!(span["attributes"][0], json!({"key": "n", "value": {"intValue": "5"}}));
        assert_eq!((&span["endTimeUnixNano"], &span["status"]["code"]), (&json!("2"), &json!(2)));
        assert_eq!(traces_url(&Url::parse("http://localhost:4318/").unwrap()), "http://localhost:4318/v1/traces");
    }
}
