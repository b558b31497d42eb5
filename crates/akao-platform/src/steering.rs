//! Executions under way: cancelled, paused, resumed, signalled, forked. Each is in the audit, with who did it.

use crate::{Actor, Code, Error, Permission, Platform, executions::unexpected};
use akao_contract::ExecutionId;
use akao_engine::{Attributes, GivenSecrets, Reply, Request};
use akao_journal::ExecutionRow;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is to be done with an execution.
#[derive(Debug, Clone)]
pub enum Steer {
    /// Ask it to end.
    Cancel {
        /// Why.
        reason: Option<String>,
        /// Whether `finally` children are halted too.
        force: bool,
    },
    /// Take it out of the queue, if it still waits there.
    LeaveQueue {
        /// Why.
        reason: Option<String>,
    },
    /// Start nothing new.
    Pause,
    /// Go on.
    Resume,
    /// Send a signal.
    Signal {
        /// Its name.
        name: String,
        /// Correlation key.
        key: Option<String>,
        /// What it carries.
        payload: Value,
        /// The same id is taken once.
        id: Option<String>,
    },
    /// Start a new execution from the state before a step.
    Fork {
        /// Before which step: a node id or an address.
        at: String,
        /// Values to change there, in order.
        edits: Vec<(String, Value)>,
        /// W3C `traceparent` of what asked.
        trace: Option<String>,
    },
}

impl Steer {
    fn what(&self) -> &'static str {
        match self {
            Self::Cancel { .. } | Self::LeaveQueue { .. } => "execution.cancelled",
            Self::Pause => "execution.paused",
            Self::Resume => "execution.resumed",
            Self::Signal { .. } => "execution.signalled",
            Self::Fork { .. } => "execution.forked",
        }
    }

    fn request(self, execution: ExecutionId, made: Option<ExecutionId>) -> Request {
        match self {
            Self::Cancel { reason, force } => Request::Cancel { execution, reason, force },
            Self::LeaveQueue { reason } => Request::LeaveQueue { execution, reason },
            Self::Pause => Request::Pause { execution },
            Self::Resume => Request::Resume { execution, secrets: GivenSecrets::default() },
            Self::Signal { name, key, payload, id } => Request::Signal { execution, name, key, payload, signal_id: id },
            Self::Fork { at, edits, trace } => {
                Request::Fork { execution, at, edits, secrets: GivenSecrets::default(), made, trace }
            }
        }
    }
}

/// A fork is a start, and its steps may do what those of its origin were granted.
fn may_fork(actor: &Actor, origin: &ExecutionRow) -> Result<(), Error> {
    let lacks = |permission: Permission| {
        Error::new(Code::Forbidden, format!("this fork needs the permission `{permission}` as well"))
    };
    if !actor.may(Permission::ExecutionsStart) {
        return Err(lacks(Permission::ExecutionsStart));
    }
    may_lead(actor, origin)
}

/// Whoever chooses values of an execution decides what its grants are used for, so that it takes what granting takes.
pub(crate) fn may_lead(actor: &Actor, row: &ExecutionRow) -> Result<(), Error> {
    // What cannot be read may grant anything.
    let attributes = serde_json::from_slice::<Attributes>(&row.attributes);
    match attributes.is_ok_and(|attributes| attributes.grants.is_empty()) || actor.may(Permission::ExecutionsGrant) {
        true => Ok(()),
        false => {
            let message = format!("this needs the permission `{}` as well", Permission::ExecutionsGrant);
            Err(Error::new(Code::Forbidden, message)
                .hint("The execution was granted something; ask somebody who may grant, or start it anew without."))
        }
    }
}

impl Platform {
    /// Steers an execution; the answer is a new execution's id where one was made.
    ///
    /// # Errors
    /// There is no such execution in the tenant, or its state does not allow it.
    pub async fn steer(&self, actor: &Arc<Actor>, id: &str, steer: Steer) -> Result<Option<ExecutionId>, Error> {
        let row = self.execution(actor, id)?;
        let mut counted = None;
        if matches!(steer, Steer::Fork { .. }) {
            may_fork(actor, &row)?;
            let origin = row.clone();
            self.blocking(move |platform| platform.check_packages_of(&origin, "forked")).await?;
            let max = self.parts().allowances.of(&actor.tenant).starts_per_minute;
            counted = self.inner.starts.count(&actor.tenant, max, self.now_ms())?;
        }
        let made = matches!(steer, Steer::Fork { .. }).then(|| self.new_execution()).transpose()?;
        let (execution, what) = (row.id, steer.what());
        let (executions, request) = (Arc::clone(&self.parts().executions), steer.request(execution, made));
        let act = async move {
            match executions.call(request).await {
                Ok(Reply::Done) => Ok(None),
                Ok(Reply::Started { execution, .. }) => Ok(Some(execution)),
                other => Err(unexpected(other)),
            }
        };
        let done = self.announced(actor, what, json!({"execution": execution, "made": made}), act).await;
        if done.is_err() {
            self.inner.starts.forget(&actor.tenant, counted);
        }
        done
    }
}
