//! What the server counts, in the text format of Prometheus: for each route how often, how it ended and how long it took; and
//! how the process is. No name of a tenant or person is in it.

use crate::{Durations, Exposition, Runner, routes};
use axum::http::StatusCode;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Classes of statuses: 1xx to 5xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters of the server.
pub(crate) struct Metrics {
    routes: Vec<RouteMetrics>,
    unrouted: AtomicU64,
    /// Streams of events that are open.
    pub(crate) streams: AtomicU64,
}

#[derive(Default)]
struct RouteMetrics {
    by_class: [AtomicU64; CLASSES.len()],
    durations: Durations,
}

/// What others count, for the same page; and what runs steps, for `/runners`.
#[derive(Clone, Default)]
pub struct Figures {
    writes: Vec<Arc<dyn Fn(&mut Exposition) + Send + Sync>>,
    runner: Option<Arc<dyn Runner>>,
}

impl Figures {
    /// With those that `write` writes.
    #[must_use]
    pub fn and(mut self, write: impl Fn(&mut Exposition) + Send + Sync + 'static) -> Self {
        self.writes.push(Arc::new(write));
        self
    }

    /// With what runs steps here.
    #[must_use]
    pub fn of_runner(mut self, runner: Arc<dyn Runner>) -> Self {
        self.runner = Some(runner);
        self
    }

    /// What runs steps here, where somebody has said so.
    pub(crate) fn runner(&self) -> Option<&dyn Runner> {
        self.runner.as_deref()
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Figures({})", self.writes.len())
    }
}

/// What the engine says of itself, for the same page.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EngineHealth {
    pub(crate) live: u64,
    pub(crate) steps: u64,
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    pub(crate) limit: u64,
}

impl Metrics {
    pub(crate) fn new(routes: usize) -> Self {
        let routes = (0..routes).map(|_| RouteMetrics::default()).collect();
        Self { routes, unrouted: AtomicU64::new(0), streams: AtomicU64::new(0) }
    }

    /// Counts an answer of a route.
    pub(crate) fn request(&self, route: usize, status: StatusCode, took: Duration) {
        let Some(route) = self.routes.get(route) else { return };
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        route.by_class[class].fetch_add(1, Ordering::Relaxed);
        route.durations.add(took);
    }

    /// Counts an answer to what no route was asked for.
    pub(crate) fn unrouted(&self) {
        self.unrouted.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything as text. Routes that nobody has used yet are left out.
    pub(crate) fn text(&self, engine: Option<EngineHealth>, requests: usize, live: usize, figures: &Figures) -> String {
        let mut page = Exposition::default();
        self.requests(&mut page);
        page.gauge("akao_http_requests_under_way", "Requests under way.", requests as u64);
        let streams = self.streams.load(Ordering::Relaxed);
        page.gauge("akao_event_streams", "Streams of events that are open.", streams);
        page.gauge("akao_live_connections", "Live connections that are open.", live as u64);
        if let Some(engine) = engine {
            page.gauge("akao_executions_live", "Executions in memory.", engine.live);
            page.gauge("akao_steps_running", "Steps under way.", engine.steps);
            page.gauge("akao_queue_waiting", "Executions that wait for a place.", engine.waiting);
            page.gauge("akao_executions_running", "Executions that have a place.", engine.running);
            page.gauge("akao_executions_limit", "Executions that may have a place at once.", engine.limit);
        }
        figures.writes.iter().for_each(|write| write(&mut page));
        if let Some(bytes) = resident_bytes() {
            page.gauge("process_resident_memory_bytes", "Memory of the process.", bytes);
        }
        page.into_text()
    }

    fn requests(&self, page: &mut Exposition) {
        let used = || {
            let named = routes::table().iter().zip(&self.routes);
            named.filter(|(_, counted)| counted.by_class.iter().any(|count| count.load(Ordering::Relaxed) > 0))
        };
        let of_routes = used().flat_map(|(route, counted)| {
            let classes = CLASSES.into_iter().zip(&counted.by_class);
            let counts = classes.map(|(class, count)| (class, count.load(Ordering::Relaxed)));
            counts
                .filter(|(_, count)| *count > 0)
                .map(move |(class, count)| (vec![("operation", route.operation), ("status", class)], count))
        });
        let unrouted = (vec![("operation", "none"), ("status", "4xx")], self.unrouted.load(Ordering::Relaxed));
        page.counters(
            "akao_http_requests_total",
            "Answers, by route and class of status.",
            of_routes.chain([unrouted]),
        );
        page.histograms(
            "akao_http_request_duration_seconds",
            "Time until the head of an answer.",
            used().map(|(route, counted)| (vec![("operation", route.operation)], &counted.durations)),
        );
    }
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
        let own = Figures::default().and(|page| page.counter("mine_total", "Mine.", 5));
        let (text, name) = (metrics.text(None, 1, 2, &own), routes::table()[0].operation);
        for line in [
            format!("akao_http_requests_total{{operation=\"{name}\",status=\"2xx\"}} 1"),
            format!("akao_http_requests_total{{operation=\"{name}\",status=\"4xx\"}} 1"),
            format!("akao_http_request_duration_seconds_bucket{{operation=\"{name}\",le=\"0.0005\"}} 0"),
            format!("akao_http_request_duration_seconds_bucket{{operation=\"{name}\",le=\"0.001\"}} 1"),
            format!("akao_http_request_duration_seconds_bucket{{operation=\"{name}\",le=\"+Inf\"}} 2"),
            format!("akao_http_request_duration_seconds_count{{operation=\"{name}\"}} 2"),
            "akao_live_connections 2".to_owned(),
            "mine_total 5".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("akao_steps_running"), "an engine that does not answer has no figures");
    }
}
