//! Work that stays on its thread between calls, for what is bound to a thread and dear to make: an interpreter, a connection.

use crate::{
    context::Context,
    failure::{Failure, Kind},
    inputs::Inputs,
    outputs,
    state::{Job, Shared},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

/// The calls of a node, one after the other, all on the thread that asks for them.
pub struct Calls<'a> {
    shared: &'a Arc<Shared>,
    node: usize,
    /// The call that is answered next, and when it began.
    current: Option<(Arc<Job>, Instant)>,
    /// Whether the first call has been asked for.
    has_begun: bool,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, first: Arc<Job>) -> Self {
        Self { shared, node: first.node, current: Some((first, Instant::now())), has_begun: false }
    }

    /// Waits for the next call; nothing where the work is to end, because the host has ended or calls another node. A call whose
    /// inputs do not fit is answered here and not seen.
    pub fn next_call<I: Inputs>(&mut self) -> Option<(Arc<Context>, I)> {
        loop {
            if std::mem::replace(&mut self.has_begun, true) {
                self.refuse_unanswered();
                let job = self.shared.next_at_home_of(self.node)?;
                self.current = Some((job, Instant::now()));
            }
            let job = Arc::clone(&self.current.as_ref()?.0);
            let parameters = job.parameters.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            match self.inputs(parameters) {
                Ok(inputs) => return Some((job.context.handle(), inputs)),
                Err(failure) => self.fail(&failure),
            }
        }
    }

    /// Answers the call that was given last; a second answer is nothing.
    pub fn answer<O: Serialize>(&mut self, ended: Result<O, Failure>) {
        let Some((job, started)) = self.current.take() else { return };
        let answered = ended
            .and_then(|outputs| outputs::encode(&outputs))
            .and_then(|outputs| self.shared.answer_outputs(&job, &outputs, started));
        if let Err(failure) = answered {
            self.shared.answer_failure(&job, &failure, started);
        }
        // What the work still has to do is not the host's wait.
        self.shared.flush();
    }

    /// Answers the call that was given last with a failure, where it was not answered.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        if let Some((job, started)) = self.current.take() {
            self.shared.answer_failure(&job, failure, started);
        }
    }

    /// Whoever forgets an answer keeps nobody waiting.
    pub(crate) fn refuse_unanswered(&mut self) {
        if self.current.is_some() {
            self.fail(&Failure::new(Kind::Internal, "the node gave no answer"));
        }
    }

    fn inputs<I: Inputs>(&self, parameters: Map<String, Value>) -> Result<I, Failure> {
        let node = &self.shared.nodes[self.node];
        if parameters.contains_key("$items") {
            return Err(Failure::new(Kind::Input, format!("`{}` takes no batch of items", node.id)));
        }
        node.check(&parameters)?;
        I::from_parameters(node.filled(parameters))
    }
}
