//! What the server counts, in the text format of Prometheus: for each route how often, how it ended and how long it took; and
//! how the process is. No name of a tenant or person is in it.

use crate::routes;
use axum::http::StatusCode;
use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the classes of durations, in microseconds; the last class has none.
const BOUNDS_US: [u64; 10] = [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// Classes of statuses: 1xx to 5xx.
const CLASSES: usize = 5;

/// Counters of the server.
pub(crate) struct Metrics {
    routes: Vec<RouteMetrics>,
    unrouted: AtomicU64,
    /// Streams of events that are open.
    pub(crate) streams: AtomicU64,
}

#[derive(Default)]
struct RouteMetrics {
    by_class: [AtomicU64; CLASSES],
    by_duration: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

/// What the engine says of itself, for the same page.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EngineHealth {
    pub(crate) live: u64,
    pub(crate) steps: u64,
}

impl Metrics {
    pub(crate) fn new(routes: usize) -> Self {
        let routes = (0..routes).map(|_| RouteMetrics::default()).collect();
        Self { routes, unrouted: AtomicU64::new(0), streams: AtomicU64::new(0) }
    }

    /// Counts an answer of a route.
    pub(crate) fn request(&self, route: usize, status: StatusCode, took: Duration) {
        let Some(route) = self.routes.get(route) else { return };
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES) - 1;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        route.by_class[class].fetch_add(1, Ordering::Relaxed);
        route.by_duration[place].fetch_add(1, Ordering::Relaxed);
        route.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Counts an answer to what no route was asked for.
    pub(crate) fn unrouted(&self) {
        self.unrouted.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything as text. Routes that nobody has used yet are left out.
    pub(crate) fn text(&self, engine: Option<EngineHealth>) -> String {
        let mut text = String::new();
        // Writing to memory cannot fail; so for all below.
        let _ = self.write(&mut text, engine);
        text
    }

    fn write(&self, text: &mut String, engine: Option<EngineHealth>) -> std::fmt::Result {
        let used = || {
            let named = routes::table().iter().zip(&self.routes);
            named.filter(|(_, counted)| counted.by_class.iter().any(|count| count.load(Ordering::Relaxed) > 0))
        };
        head(text, "akao_http_requests_total", "counter", "Answers, by route and class of status.")?;
        for (route, counted) in used() {
            for (class, count) in (1..).zip(&counted.by_class) {
                let (name, count) = (route.operation, count.load(Ordering::Relaxed));
                if count > 0 {
                    writeln!(text, "akao_http_requests_total{{operation=\"{name}\",status=\"{class}xx\"}} {count}")?;
                }
            }
        }
        let unrouted = self.unrouted.load(Ordering::Relaxed);
        writeln!(text, "akao_http_requests_total{{operation=\"none\",status=\"4xx\"}} {unrouted}")?;
        head(text, "akao_http_request_duration_seconds", "histogram", "Time until the head of an answer.")?;
        for (route, counted) in used() {
            durations(text, route.operation, counted)?;
        }
        gauge(text, "akao_event_streams", "Streams of events that are open.", self.streams.load(Ordering::Relaxed))?;
        if let Some(engine) = engine {
            gauge(text, "akao_executions_live", "Executions in memory.", engine.live)?;
            gauge(text, "akao_steps_running", "Steps under way.", engine.steps)?;
        }
        if let Some(bytes) = resident_bytes() {
            gauge(text, "process_resident_memory_bytes", "Memory of the process.", bytes)?;
        }
        Ok(())
    }
}

fn head(text: &mut String, name: &str, kind: &str, what: &str) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {what}\n# TYPE {name} {kind}")
}

fn gauge(text: &mut String, name: &str, what: &str, value: u64) -> std::fmt::Result {
    head(text, name, "gauge", what)?;
    writeln!(text, "{name} {value}")
}

#[expect(clippy::cast_precision_loss, reason = "seconds are shown to a microsecond, and no server runs that long")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

fn durations(text: &mut String, operation: &str, counted: &RouteMetrics) -> std::fmt::Result {
    const NAME: &str = "akao_http_request_duration_seconds";
    let mut sum = 0;
    for (place, count) in counted.by_duration.iter().enumerate() {
        sum += count.load(Ordering::Relaxed);
        let bound = BOUNDS_US.get(place).map_or("+Inf".to_owned(), |bound| seconds(*bound).to_string());
        writeln!(text, "{NAME}_bucket{{operation=\"{operation}\",le=\"{bound}\"}} {sum}")?;
    }
    let total = seconds(counted.total_us.load(Ordering::Relaxed));
    writeln!(text, "{NAME}_sum{{operation=\"{operation}\"}} {total}\n{NAME}_count{{operation=\"{operation}\"}} {sum}")
}

/// The memory of this process, where the system tells it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class_and_duration() {
        let metrics = Metrics::new(routes::table().len());
        metrics.request(0, StatusCode::OK, Duration::from_micros(700));
        metrics.request(0, StatusCode::NOT_FOUND, Duration::from_secs(9));
        let (text, name) = (metrics.text(None), routes::table()[0].operation);
        for line in [
            format!("akao_http_requests_total{{operation=\"{name}\",status=\"2xx\"}} 1"),
            format!("akao_http_requests_total{{operation=\"{name}\",status=\"4xx\"}} 1"),
            format!("akao_http_request_duration_seconds_bucket{{operation=\"{name}\",le=\"0.0005\"}} 0"),
            format!("akao_http_request_duration_seconds_bucket{{operation=\"{name}\",le=\"0.001\"}} 1"),
            format!("akao_http_request_duration_seconds_bucket{{operation=\"{name}\",le=\"+Inf\"}} 2"),
            format!("akao_http_request_duration_seconds_count{{operation=\"{name}\"}} 2"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("akao_steps_running"), "an engine that does not answer has no figures");
    }
}
