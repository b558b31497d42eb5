//! [`StepRunner`] over the standard nodes.

use crate::{BuiltIn, Run};
use akao_contract::{ErrorKind, Invocation, Outcome, StepError};
use akao_step::{BoxFuture, Ports, RunnerTraits, StepIo, StepRunner};
use std::{collections::BTreeMap, sync::Arc};

/// Runs the standard nodes over a set of ports.
pub struct BuiltInRunner {
    nodes: Arc<BTreeMap<String, BuiltIn>>,
    ports: Ports,
}

impl BuiltInRunner {
    /// A runner of every standard node.
    pub fn new(ports: Ports) -> Self {
        let nodes = crate::all().into_iter().map(|node| (node.node_type.name.clone(), node)).collect();
        Self { nodes: Arc::new(nodes), ports }
    }
}

fn unknown(invocation: &Invocation) -> Outcome {
    let message = format!("there is no standard node `{}`", invocation.node_type);
    Outcome::failure(StepError::new(ErrorKind::NotFound, message))
}

impl StepRunner for BuiltInRunner {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        let node = self.nodes.get(node_type)?;
        let inline = matches!(node.run, Run::Inline(_));
        let (effects, idempotent) = (node.node_type.effects, node.node_type.idempotent);
        Some(RunnerTraits {
            effects,
            idempotent,
            once_when_granted: false,
            inline,
            only_waits: false,
            takes_input: false,
        })
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        match self.nodes.get(invocation.node_type.as_ref()).map(|node| node.run) {
            Some(Run::Inline(run)) => run(invocation),
            _ => unknown(invocation),
        }
    }

    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        let Some(run) = self.nodes.get(invocation.node_type.as_ref()).map(|node| node.run) else {
            return Box::pin(std::future::ready(unknown(&invocation)));
        };
        match run {
            Run::Inline(run) => Box::pin(std::future::ready(run(&invocation))),
            Run::Async(run) => run(invocation, io, self.ports.clone()),
            Run::Blocking(run) => {
                let ports = self.ports.clone();
                Box::pin(async move {
                    let work = tokio::task::spawn_blocking(move || run(&invocation, &io, &ports));
                    work.await.unwrap_or_else(|failure| {
                        Outcome::failure(StepError::new(ErrorKind::Internal, format!("the node broke off: {failure}")))
                    })
                })
            }
        }
    }
}
