//! Asking a node whether it could use parameters, without a step.

use crate::{
    failure::{self, Scene},
    lines::plain_text,
    package::Node,
    pool::{Inner, LeaseError},
};
use akao_contract::StepError;
use akao_rpc::{RpcError, ValidateAnswer, ValidateRequest};
use akao_step::CancellationToken;
use serde_json::{Map, Value};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What the node says, within the time that one of its calls has. A node that does not answer loses its process.
pub(crate) async fn validate(
    pool: &Arc<Inner>,
    node: &Node,
    parameters: &Map<String, Value>,
) -> Result<ValidateAnswer, StepError> {
    let caps = pool.services.caps_of(&pool.spec.tenant);
    let scene = Scene { package: &pool.package, node, spec: &pool.spec, caps };
    let limit = Duration::from_millis(pool.spec.resources.timeout_ms);
    let until = Instant::now() + limit;
    let mut lease = match pool.lease(Some(until), &CancellationToken::new()).await {
        Ok(lease) => lease,
        Err(LeaseError::Failed(error)) => return Err(error),
        Err(LeaseError::Cancelled | LeaseError::TimedOut) => return Err(scene.waited_too_long()),
    };
    let instance = Arc::clone(lease.instance());
    let request = ValidateRequest { node: node.declaration.id.as_str(), parameters };
    let left = until.saturating_duration_since(Instant::now());
    let answer = tokio::select! {
        answer = instance.connection.validate(&request, left) => answer,
        () = pool.halt.cancelled() => return Err(failure::closed(&pool.spec)),
    };
    match answer {
        Ok(mut answer) => {
            lease.answered();
            let shown = |text: String| instance.masks.text(plain_text(text));
            for problem in &mut answer.problems {
                problem.path = shown(std::mem::take(&mut problem.path));
                problem.message = shown(std::mem::take(&mut problem.message));
                problem.suggestion = problem.suggestion.take().map(shown);
            }
            Ok(answer)
        }
        Err(error) if error.ends_connection() => {
            let end = instance.wait_end().await.unwrap_or_else(|| instance.unknown_end());
            Err(instance.masks.error(scene.broken(&error, &end)))
        }
        Err(error) => {
            if matches!(error, RpcError::TimedOut { .. }) {
                pool.avoid(&instance);
            }
            Err(instance.masks.error(scene.only_this_call(&error)))
        }
    }
}
