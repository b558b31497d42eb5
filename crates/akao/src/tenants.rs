//! Which way out a step has: the command line's own steps reach the public web and whatever was granted; those of a server's
//! tenants reach what was granted, and of that public addresses alone, since who grants it does not look after this machine.

use akao_builtin::BuiltInRunner;
use akao_contract::{Invocation, Outcome, Tenant};
use akao_host::{CheckedEgress, EgressOptions};
use akao_step::{BoxFuture, Ports, RunnerTraits, StepIo, StepRunner};
use std::sync::Arc;

/// The standard nodes, with the ports that fit the tenant.
pub(crate) struct ByTenant {
    own: BuiltInRunner,
    others: BuiltInRunner,
}

impl ByTenant {
    /// Over these ports, whose way out is the command line's.
    pub(crate) fn new(ports: Ports) -> Self {
        let options = EgressOptions { public_web: false, public_only: true, ..EgressOptions::default() };
        let others = Ports { egress: Arc::new(CheckedEgress::new(options)), ..ports.clone() };
        Self { own: BuiltInRunner::new(ports), others: BuiltInRunner::new(others) }
    }

    fn of(&self, invocation: &Invocation) -> &BuiltInRunner {
        if invocation.context.tenant == Tenant::local() { &self.own } else { &self.others }
    }
}

impl StepRunner for ByTenant {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        self.own.traits(node_type)
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        self.of(invocation).run_inline(invocation)
    }

    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        self.of(&invocation).run(invocation, io)
    }
}
