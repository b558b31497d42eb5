//! What the server tells of itself to programs: traces to a collector where the operator names one, figures for Prometheus.

use super::runner::Local;
use crate::{
    failure::Failure,
    observe::{Observer, write_pools},
    traces::{Options, Place, Span, Tracer},
};
use akao_api::Figures;
use akao_contract::ExecutionStatus;
use akao_engine::Attributes;
use akao_host::{CheckedEgress, EgressOptions};
use akao_journal::{ExecutionRow, Readers};
use akao_nodes::ExternalNodes;
use akao_platform::Platform;
use akao_sandbox::Tier;
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::broadcast::error::{RecvError, TryRecvError},
    task::JoinHandle,
};
use url::Url;

/// Arguments about traces; the variables are those of OpenTelemetry.
#[derive(Debug, clap::Args)]
pub(super) struct TelemetryArgs {
    /// Tell traces to this OpenTelemetry collector, by OTLP over HTTP as JSON.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    otlp_endpoint: Option<Url>,
    /// Headers for the collector, such as `api-key=…`, separated by commas; values are percent-encoded.
    #[arg(long, value_name = "NAME=VALUE,…", env = "OTEL_EXPORTER_OTLP_HEADERS", hide_env_values = true)]
    otlp_headers: Option<String>,
    /// Which part of the traces that begin here is told, from 0 to 1.
    #[arg(long, value_name = "RATIO", env = "OTEL_TRACES_SAMPLER_ARG", hide_env_values = true, default_value_t = 0.1)]
    trace_ratio: f64,
    /// The name under which this server is told.
    #[arg(long, value_name = "NAME", env = "OTEL_SERVICE_NAME", hide_env_values = true, default_value = "akao")]
    service_name: String,
}

/// Changes within this time are looked at together.
const CHANGES_TOGETHER: Duration = Duration::from_millis(50);

/// Begins to tell traces, if that is wanted.
pub(super) fn tracer(args: &TelemetryArgs) -> Result<Option<(Tracer, JoinHandle<()>)>, Failure> {
    if !(0.0..=1.0).contains(&args.trace_ratio) {
        return Err(Failure::usage("the ratio of traces is from 0 to 1"));
    }
    let Some(endpoint) = args.otlp_endpoint.clone() else { return Ok(None) };
    if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host_str().is_none() {
        return Err(Failure::usage(format!("`{endpoint}` is not the address of a collector"))
            .hint("Write for example `http://localhost:4318`."));
    }
    let pairs = args.otlp_headers.as_deref().unwrap_or_default().split(',').filter(|pair| !pair.trim().is_empty());
    let headers = pairs.map(|pair| {
        // What stands there may be a key, and is not repeated.
        let bad = || Failure::usage("a header for the collector is not `NAME=VALUE`, percent-encoded where it must be");
        let (name, value) = pair.split_once('=').ok_or_else(bad)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| bad())?;
        Ok((name.trim().to_owned(), value.into_owned()))
    });
    let options = Options {
        endpoint,
        headers: headers.collect::<Result<_, Failure>>()?,
        ratio: args.trace_ratio,
        service: args.service_name.clone(),
    };
    // The collector is the operator's, wherever it is.
    let egress = CheckedEgress::new(EgressOptions { public_web: false, ..EgressOptions::default() });
    Ok(Some(Tracer::begin(options, Arc::new(egress))))
}

/// What is counted beside requests.
pub(super) fn figures(observer: Observer, nodes: Arc<ExternalNodes>, tier: Arc<OnceLock<Tier>>) -> Figures {
    let runner = Local::new(Arc::clone(&nodes), Arc::clone(&tier));
    Figures::default()
        .of_runner(Arc::new(runner))
        .and(move |page| observer.write(page))
        .and(move |page| write_pools(&nodes, tier.get().copied(), page))
}

/// Tells the span of each execution that ends, until the server does.
pub(super) async fn tell_executions(tracer: Tracer, platform: Platform, readers: Arc<Readers>) {
    let mut changes = platform.changes();
    loop {
        let mut changed = BTreeSet::new();
        match changes.recv().await {
            Ok(change) => drop(changed.insert(change.execution)),
            // Spans of some executions are lost, which a trace survives.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
        tokio::time::sleep(CHANGES_TOGETHER).await;
        loop {
            match changes.try_recv() {
                Ok(change) => drop(changed.insert(change.execution)),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let readers = Arc::clone(&readers);
        let read = move || -> Vec<Span> {
            let rows = changed.into_iter().filter_map(|id| readers.with(|reader| reader.execution(id)).ok().flatten());
            rows.filter(|row| row.status.is_final()).filter_map(|row| span(&row)).collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_default().into_iter().for_each(|span| tracer.tell(span));
    }
}

fn span(row: &ExecutionRow) -> Option<Span> {
    let attributes: Attributes = serde_json::from_slice(&row.attributes).ok()?;
    let parent = Place::read(&attributes.trace?)?;
    let ns = |ms: i64| u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000);
    let failed = !matches!(row.status, ExecutionStatus::Success | ExecutionStatus::Skipped);
    Some(Span {
        place: parent.of_execution(row.id),
        parent: Some(parent),
        name: format!("execution {}", row.workflow),
        kind: 1,
        began_ns: ns(row.started_ms),
        ended_ns: ns(row.ended_ms.unwrap_or(row.updated_ms)),
        attributes: vec![
            ("akao.execution", json!(row.id)),
            ("akao.workflow", json!(row.workflow)),
            ("akao.version", json!(row.version)),
            ("akao.status", json!(row.status)),
        ],
        failure: failed.then(|| row.status.to_string()),
    })
}
