//! This process as the runner of its steps: what its machine has, and the processes of external nodes.

use crate::observe::label;
use akao_api::{Runner, RunnerPool};
use akao_contract::Tenant;
use akao_engine::Config;
use akao_nodes::ExternalNodes;
use akao_sandbox::Tier;
use std::{
    collections::BTreeMap,
    fs,
    num::NonZero,
    sync::{Arc, OnceLock},
    thread,
};

/// Where a container's bound on memory stands.
const CONTAINER_MEMORY: &str = "/sys/fs/cgroup/memory.max";

/// See the module.
pub(super) struct Local {
    nodes: Arc<ExternalNodes>,
    tier: Arc<OnceLock<Tier>>,
}

impl Local {
    pub(super) fn new(nodes: Arc<ExternalNodes>, tier: Arc<OnceLock<Tier>>) -> Self {
        Self { nodes, tier }
    }
}

impl Runner for Local {
    fn isolation(&self) -> Option<&'static str> {
        self.tier.get().map(|tier| tier.name())
    }

    fn steps_max(&self) -> u64 {
        Config::default().step_slots as u64
    }

    fn cpu_millis(&self) -> u64 {
        thread::available_parallelism().map_or(1, NonZero::get) as u64 * 1_000
    }

    fn memory_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total =
            text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
        let bound = fs::read_to_string(CONTAINER_MEMORY).ok().and_then(|text| text.trim().parse().ok());
        total.map(|kib: u64| kib * 1_024).into_iter().chain(bound).min()
    }

    fn pools(&self, tenant: Option<&Tenant>) -> Vec<RunnerPool> {
        let mut packages: BTreeMap<String, RunnerPool> = BTreeMap::new();
        for pool in self.nodes.snapshot() {
            // Names of custom nodes say whose they are.
            let package = match tenant {
                None => label(&pool.package),
                Some(tenant) if pool.tenant == *tenant => &pool.package,
                Some(_) => continue,
            };
            let found = packages.entry(package.to_owned()).or_default();
            found.processes += pool.instances.len() as u64;
            found.busy += pool.instances.iter().filter(|instance| instance.in_flight > 0).count() as u64;
            found.waiting += pool.waiting as u64;
            found.stopped |= pool.is_stopped();
        }
        packages.into_iter().map(|(package, pool)| RunnerPool { package, ..pool }).collect()
    }
}
