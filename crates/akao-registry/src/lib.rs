//! Node types by name, and who runs each.
//!
//! A [`Registry`] is made once, when the program is wired together, and answers two questions: which node types there are
//! and which runner a step goes to. It runs nothing itself and knows neither workflows nor executions.

use akao_contract::{ErrorKind, Invocation, NodeType, Outcome, StepError, manifest::PinnedNode};
use akao_step::{BoxFuture, RunnerTraits, StepIo, StepRunner};
use std::{collections::BTreeMap, sync::Arc};

/// Two node types claim one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the node type name `{0}` is taken already")]
pub struct NameTaken(pub String);

/// Node types and their runners.
#[derive(Default)]
pub struct Registry {
    types: Vec<Arc<NodeType>>,
    /// Position in `types` and the runner, if it is not a control node, by every name and alias.
    names: BTreeMap<String, (usize, Option<Arc<dyn StepRunner>>)>,
    /// Runs the nodes that versions of workflows bring along.
    pinned: Option<Arc<dyn StepRunner>>,
}

impl Registry {
    /// A registry without node types.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds node types. `runner` runs their steps; without one they are control nodes, which the interpreter carries out.
    ///
    /// # Errors
    /// A name or alias is taken. Node types before that one have been added.
    pub fn add(
        &mut self,
        types: impl IntoIterator<Item: Into<Arc<NodeType>>>,
        runner: Option<&Arc<dyn StepRunner>>,
    ) -> Result<(), NameTaken> {
        for node_type in types {
            let node_type: Arc<NodeType> = node_type.into();
            let names: Vec<String> = std::iter::once(&node_type.name).chain(&node_type.aliases).cloned().collect();
            if let Some(taken) = names.iter().find(|name| self.names.contains_key(*name)) {
                return Err(NameTaken(taken.clone()));
            }
            let at = self.types.len();
            self.names.extend(names.into_iter().map(|name| (name, (at, runner.cloned()))));
            self.types.push(node_type);
        }
        Ok(())
    }

    /// Sets who runs the nodes whose names say their content ([`PinnedNode`]). Versions of workflows bring those along, so
    /// they are not listed here.
    pub fn set_pinned(&mut self, runner: Arc<dyn StepRunner>) {
        self.pinned = Some(runner);
    }

    /// The node type of this name or alias.
    pub fn get(&self, name: &str) -> Option<&NodeType> {
        let (at, _) = self.names.get(name)?;
        self.types.get(*at).map(AsRef::as_ref)
    }

    /// Every node type, in the order in which they were added.
    pub fn types(&self) -> &[Arc<NodeType>] {
        &self.types
    }

    /// The runner of a node type and the name that the runner knows it by.
    fn runner<'a>(&'a self, name: &'a str) -> Option<(&'a Arc<dyn StepRunner>, &'a str)> {
        if PinnedNode::is_pinned(name) {
            return Some((self.pinned.as_ref()?, name));
        }
        let (at, runner) = self.names.get(name)?;
        Some((runner.as_ref()?, &self.types.get(*at)?.name))
    }

    /// The invocation as the runner knows it.
    fn route(&self, mut invocation: Invocation) -> Result<(Arc<dyn StepRunner>, Invocation), Box<Outcome>> {
        match self.runner(&invocation.node_type) {
            Some((runner, name)) => {
                let runner = Arc::clone(runner);
                if *invocation.node_type != *name {
                    invocation.node_type = name.into();
                }
                Ok((runner, invocation))
            }
            None => Err(Box::new(unknown(&invocation.node_type))),
        }
    }
}

fn unknown(name: &str) -> Outcome {
    let error = StepError::new(ErrorKind::NotFound, format!("nothing runs the node type `{name}`"));
    Outcome::failure(error.with_suggestion("List the node types with `akao list-nodes`."))
}

impl StepRunner for Registry {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        let (runner, name) = self.runner(node_type)?;
        runner.traits(name)
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        match self.runner(&invocation.node_type) {
            Some((runner, name)) if *name == *invocation.node_type => runner.run_inline(invocation),
            Some((runner, name)) => {
                let node_type = name.into();
                runner.run_inline(&Invocation { node_type, ..invocation.clone() })
            }
            None => unknown(&invocation.node_type),
        }
    }

    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        match self.route(invocation) {
            Ok((runner, invocation)) => runner.run(invocation, io),
            Err(outcome) => Box::pin(std::future::ready(*outcome)),
        }
    }
}
