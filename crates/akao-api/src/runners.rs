//! What runs the steps of this server, as `/runners` tells of it. Whoever has the processes says how they are by a [`Runner`].

use akao_contract::Tenant;

/// What runs steps in this process, beside the engine.
pub trait Runner: Send + Sync {
    /// The isolation that its machine reaches for programs; none until it was found.
    fn isolation(&self) -> Option<&'static str>;
    /// Steps that it runs at once, of all tenants together.
    fn steps_max(&self) -> u64;
    /// Processor time that its machine has, in thousandths of one processor.
    fn cpu_millis(&self) -> u64;
    /// Memory that its machine has; none where the system does not say.
    fn memory_bytes(&self) -> Option<u64>;
    /// Its processes for a tenant, or for all, which are not told apart then.
    fn pools(&self, tenant: Option<&Tenant>) -> Vec<RunnerPool>;
}

/// The processes of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunnerPool {
    /// The package.
    pub package: String,
    /// Processes that are ready.
    pub processes: u64,
    /// Those of them that work.
    pub busy: u64,
    /// Calls that wait for one.
    pub waiting: u64,
    /// Whether nothing is started for now, because it failed again and again.
    pub stopped: bool,
}
