//! What is seen of steps from outside: how often each node type runs, how it ends, how long it takes, and its place in a
//! trace. It stands before the runner of all node types, so that no node has to tell of itself.

use crate::traces::{Place, Span, Tracer, now_ns};
use akao_api::{Durations, Exposition};
use akao_contract::{Invocation, Outcome, OutcomeStatus, manifest::PinnedNode};
use akao_nodes::ExternalNodes;
use akao_sandbox::Tier;
use akao_step::{BoxFuture, RunnerTraits, StepIo, StepRunner};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Node types with figures of their own; those beyond share one line.
const TYPES_MAX: usize = 500;

/// Packages with figures of their own; those beyond share one line.
const PACKAGES_MAX: usize = 200;

/// The name of the others.
const OTHERS: &str = "other";

/// What custom nodes and their packages begin with, and the name that all of them share: their own names say whose they are.
const CUSTOM_PREFIX: &str = "custom.";
const CUSTOM: &str = "custom";

/// A name as figures have it.
pub(crate) fn label(name: &str) -> &str {
    if name.starts_with(CUSTOM_PREFIX) { CUSTOM } else { name }
}

/// What is counted of one node type.
#[derive(Default)]
struct OfType {
    running: AtomicU64,
    success: AtomicU64,
    failure: AtomicU64,
    cancelled: AtomicU64,
    durations: Durations,
}

/// What is seen of steps.
#[derive(Clone, Default)]
pub(crate) struct Observer {
    types: Arc<RwLock<BTreeMap<String, Arc<OfType>>>>,
    tracer: Option<Tracer>,
}

impl Observer {
    /// One that tells traces too.
    pub(crate) fn new(tracer: Option<Tracer>) -> Self {
        Self { types: Arc::default(), tracer }
    }

    /// The same runner, seen.
    pub(crate) fn before(&self, runner: Arc<dyn StepRunner>) -> Arc<dyn StepRunner> {
        Arc::new(Seen { observer: self.clone(), runner })
    }

    fn of(&self, node_type: &str) -> Arc<OfType> {
        let name = label(PinnedNode::shown(node_type));
        let known = self.types.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(name) {
            return Arc::clone(found);
        }
        drop(known);
        let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
        let name = if types.len() < TYPES_MAX { name } else { OTHERS };
        Arc::clone(types.entry(name.to_owned()).or_default())
    }

    /// The figures of all node types.
    pub(crate) fn write(&self, page: &mut Exposition) {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        let ends = |found: &OfType| {
            [("success", &found.success), ("failure", &found.failure), ("cancelled", &found.cancelled)]
                .map(|(status, count)| (status, count.load(Relaxed)))
        };
        let counts = types.iter().flat_map(|(name, found)| {
            ends(found).map(|(status, count)| (vec![("type", name.as_str()), ("status", status)], count))
        });
        page.counters("akao_steps_total", "Attempts of steps that have ended, by node type and how.", counts);
        let running = types.iter().map(|(name, found)| (vec![("type", name.as_str())], found.running.load(Relaxed)));
        page.gauges("akao_steps_under_way", "Attempts of steps under way, by node type.", running);
        let durations = types.iter().map(|(name, found)| (vec![("type", name.as_str())], &found.durations));
        page.histograms("akao_step_duration_seconds", "How long attempts of steps take, by node type.", durations);
        if let Some(tracer) = &self.tracer {
            let (sent, lost) = tracer.counts();
            page.counter("akao_spans_sent_total", "Spans that the collector has taken.", sent);
            page.counter("akao_spans_lost_total", "Spans that were thrown away.", lost);
        }
    }
}

/// A runner that is seen.
struct Seen {
    observer: Observer,
    runner: Arc<dyn StepRunner>,
}

/// Counts an attempt while it is under way, and how it ends, also when it is dropped.
struct UnderWay {
    of_type: Arc<OfType>,
    began: Instant,
    ended: bool,
}

impl UnderWay {
    fn begin(of_type: Arc<OfType>) -> Self {
        of_type.running.fetch_add(1, Relaxed);
        Self { of_type, began: Instant::now(), ended: false }
    }

    fn end(mut self, status: OutcomeStatus) -> Duration {
        self.ended = true;
        let took = self.began.elapsed();
        let count = match status {
            OutcomeStatus::Success => &self.of_type.success,
            OutcomeStatus::Failure => &self.of_type.failure,
            OutcomeStatus::Cancelled => &self.of_type.cancelled,
        };
        count.fetch_add(1, Relaxed);
        self.of_type.durations.add(took);
        took
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.of_type.running.fetch_sub(1, Relaxed);
        if !self.ended {
            self.of_type.cancelled.fetch_add(1, Relaxed);
        }
    }
}

/// The span of an attempt that is under way.
struct Traced {
    tracer: Tracer,
    place: Place,
    parent: Place,
    began_ns: u64,
    name: String,
    attributes: Vec<(&'static str, serde_json::Value)>,
}

impl Traced {
    /// The place of an attempt and of what is above it, where its execution is part of a trace.
    fn places(invocation: &Invocation) -> Option<(Place, Place)> {
        let context = &invocation.context;
        let parent = Place::read(context.trace.as_deref()?)?.of_execution(context.execution);
        Some((parent.below(), parent))
    }

    fn begin(tracer: Option<&Tracer>, invocation: &Invocation, (place, parent): (Place, Place)) -> Option<Self> {
        let (context, node_type) = (&invocation.context, PinnedNode::shown(&invocation.node_type));
        Some(Self {
            tracer: tracer?.clone(),
            place,
            parent,
            began_ns: now_ns(),
            name: format!("step {node_type}"),
            attributes: vec![
                ("akao.execution", json!(context.execution)),
                ("akao.workflow", json!(context.workflow)),
                ("akao.step", json!(context.step)),
                ("akao.node", json!(context.node_id)),
                ("akao.node_type", json!(node_type)),
                ("akao.attempt", json!(context.attempt)),
            ],
        })
    }

    fn end(self, outcome: &Outcome) {
        let failure = outcome.error.as_ref().filter(|_| outcome.status == OutcomeStatus::Failure);
        self.tracer.tell(Span {
            place: self.place,
            parent: Some(self.parent),
            name: self.name,
            kind: 1,
            began_ns: self.began_ns,
            ended_ns: now_ns(),
            attributes: self.attributes,
            // The message may hold values of the work; its kind does not.
            failure: failure.map(|error| error.kind.as_str().to_owned()),
        });
    }
}

impl StepRunner for Seen {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        self.runner.traits(node_type)
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        let under_way = UnderWay::begin(self.observer.of(&invocation.node_type));
        let traced = Traced::places(invocation)
            .and_then(|places| Traced::begin(self.observer.tracer.as_ref(), invocation, places));
        let outcome = self.runner.run_inline(invocation);
        under_way.end(outcome.status);
        if let Some(traced) = traced {
            traced.end(&outcome);
        }
        outcome
    }

    fn run(&self, mut invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        let under_way = UnderWay::begin(self.observer.of(&invocation.node_type));
        let places = Traced::places(&invocation);
        let traced = places.and_then(|places| Traced::begin(self.observer.tracer.as_ref(), &invocation, places));
        if let Some((place, _)) = places {
            // What the node tells of itself is below its attempt, whether that is told or not.
            invocation.context.trace = Some(place.text().into());
        }
        let running = self.runner.run(invocation, io);
        Box::pin(async move {
            let outcome = running.await;
            under_way.end(outcome.status);
            if let Some(traced) = traced {
                traced.end(&outcome);
            }
            outcome
        })
    }
}

/// The figures of the processes of external nodes, by package: tenants are not told apart, nor are their own nodes.
pub(crate) fn write_pools(nodes: &ExternalNodes, tier: Option<Tier>, page: &mut Exposition) {
    #[derive(Default)]
    struct OfPackage {
        processes: u64,
        busy: u64,
        waiting: u64,
        stopped: u64,
        calls: u64,
        starts: u64,
        failed_starts: u64,
        crashes: u64,
        refused: u64,
    }
    let mut packages: BTreeMap<String, OfPackage> = BTreeMap::new();
    for pool in nodes.snapshot() {
        let name = label(&pool.package);
        let is_named = packages.contains_key(name) || packages.len() < PACKAGES_MAX;
        let found = packages.entry(if is_named { name } else { OTHERS }.to_owned()).or_default();
        found.processes += pool.instances.len() as u64;
        found.busy += pool.instances.iter().filter(|instance| instance.in_flight > 0).count() as u64;
        found.waiting += pool.waiting as u64;
        found.stopped += u64::from(pool.is_stopped());
        found.calls += pool.counters.calls;
        found.starts += pool.counters.starts;
        found.failed_starts += pool.counters.failed_starts;
        found.crashes += pool.counters.crashes;
        found.refused += pool.counters.refused;
    }
    let of = |figure: fn(&OfPackage) -> u64| {
        packages.iter().map(|(name, found)| (vec![("package", name.as_str())], figure(found))).collect::<Vec<_>>()
    };
    page.gauges("akao_pool_processes", "Processes that are ready, by package.", of(|found| found.processes));
    page.gauges("akao_pool_busy", "Processes that work, by package.", of(|found| found.busy));
    page.gauges("akao_pool_waiting", "Calls that wait for a process, by package.", of(|found| found.waiting));
    page.gauges("akao_pools_stopped", "Pools that start nothing for now, by package.", of(|found| found.stopped));
    page.counters("akao_pool_calls_total", "Calls that were given to a process, by package.", of(|found| found.calls));
    page.counters("akao_pool_starts_total", "Processes that became ready, by package.", of(|found| found.starts));
    let failed = of(|found| found.failed_starts);
    page.counters("akao_pool_failed_starts_total", "Starts of processes that failed, by package.", failed);
    page.counters("akao_pool_crashes_total", "Processes that ended where they should not.", of(|found| found.crashes));
    page.counters("akao_pool_refused_total", "Calls refused because too many waited.", of(|found| found.refused));
    let tiers = [Tier::T0, Tier::T1, Tier::T2, Tier::T3];
    // Until it was found there is no line.
    let found =
        tier.into_iter().flat_map(|tier| tiers.map(|known| (vec![("tier", known.name())], u64::from(known == tier))));
    page.gauges("akao_sandbox_tier", "1 for the isolation that this machine reaches for external nodes.", found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_name_no_tenant() {
        let observer = Observer::new(None);
        for node_type in ["custom.t-acme.greet@1.0.0#sha256:00", "custom.t-globex.greet@1.0.0#sha256:00", "Delay"] {
            drop(observer.of(node_type));
        }
        let types: Vec<String> = observer.types.read().unwrap().keys().cloned().collect();
        assert_eq!(types, ["Delay", "custom"]);
        assert_eq!([label("custom.t-acme.greet"), label("customs.duty")], ["custom", "customs.duty"]);
    }
}
