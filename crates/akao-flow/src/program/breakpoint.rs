//! Whether a breakpoint names a place of a program. Where it stops is decided by the machine.

use super::{NodeIndex, Predicate, Program, Work};
use crate::{Breakpoint, control::Control};
use akao_contract::Address;
use akao_document::suggest;

/// Why a breakpoint cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BreakpointProblem {
    /// A lower-case fragment that names the place or the condition.
    pub message: String,
    /// A sentence: what was meant.
    pub suggestion: Option<String>,
}

impl BreakpointProblem {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), suggestion: None }
    }
}

impl Program {
    /// Whether a breakpoint names a place of this program.
    ///
    /// # Errors
    /// There is no such node, address or edge, or the condition does not compile.
    pub fn check_breakpoint(&self, breakpoint: &Breakpoint) -> Result<(), BreakpointProblem> {
        if let Some(condition) = &breakpoint.condition {
            Predicate::compile(condition).map_err(|problem| {
                let told = format!("the condition `{condition}` cannot be read: {}", problem.message);
                BreakpointProblem::new(told)
            })?;
        }
        let at = breakpoint.at.as_str();
        if at.starts_with('/') {
            return self.check_address(at);
        }
        let names: Vec<&str> = at.split("->").map(str::trim).collect();
        if names.len() > 2 {
            return Err(BreakpointProblem::new(format!(
                "`{at}` is no place; use a node id, an address or an edge `a->b`"
            )));
        }
        match names.iter().find(|name| self.find(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(BreakpointProblem {
                message: format!("there is no node `{name}` in this workflow"),
                suggestion: self.meant(name),
            }),
        }
    }

    fn check_address(&self, text: &str) -> Result<(), BreakpointProblem> {
        let address: Address =
            text.parse().map_err(|problem: akao_contract::AddressError| BreakpointProblem::new(problem.to_string()))?;
        let mut at = self.root;
        let mut reached = Address::root();
        for segment in &address.segments {
            let Some(child) = self.child(at, segment.index) else {
                let node = self.node(at);
                let suggestion = match self.children(at) {
                    0 => format!("The {} at {reached} has no children.", node.node_type),
                    1 => format!("The {} at {reached} has one child, number 0.", node.node_type),
                    count => format!("The {} at {reached} has the children 0 to {}.", node.node_type, count - 1),
                };
                let message = format!("there is no step {text} in this workflow");
                return Err(BreakpointProblem { message, suggestion: Some(suggestion) });
            };
            reached.segments.push(*segment);
            at = child;
        }
        Ok(())
    }

    /// The node that a step of this number below a node runs. A SubTree runs the root of its tree as number 0.
    fn child(&self, node: NodeIndex, number: u32) -> Option<NodeIndex> {
        let node = self.node(node);
        match &node.work {
            Work::Control(Control::SubTree(plan)) => (number == 0).then_some(plan.tree),
            _ => node.children.get(usize::try_from(number).ok()?).copied(),
        }
    }

    fn children(&self, node: NodeIndex) -> usize {
        let node = self.node(node);
        if matches!(node.work, Work::Control(Control::SubTree(_))) { 1 } else { node.children.len() }
    }

    /// A node id near this one, or all of them when there are few. An id that was not given is a place, not a name.
    fn meant(&self, name: &str) -> Option<String> {
        let named = self.nodes.iter().map(|node| node.id.as_str()).filter(|id| !id.contains('/'));
        suggest::sentence(name, "nodes", named)
    }
}
