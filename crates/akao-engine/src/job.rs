//! A step that is to be run: everything its delivery needs, and nothing of the interpreter.

use akao_contract::{BlobRef, ErrorKind, Invocation, Outcome, OutcomeStatus, StepContext, StepError};
use akao_flow::{RetryPolicy, StepInput};
use akao_step::{BlobStore, Secret, SecretError, SecretMask, SecretSource};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// One attempt of a step.
#[derive(Debug, Clone)]
pub struct Job {
    /// Who asks and where.
    pub context: StepContext,
    /// The node type.
    pub node_type: Arc<str>,
    /// Rendered props and values.
    pub input: Arc<StepInput>,
    /// What the execution was started with, where the node type takes it.
    pub execution_input: Option<Arc<Value>>,
    /// Bound on the attempt.
    pub timeout_ms: Option<u64>,
    /// The secrets that the step's props name.
    pub secrets: BTreeMap<String, Secret>,
    /// The secrets that the node itself may ask for while it runs.
    pub lent: Arc<BTreeMap<String, Secret>>,
    /// The secrets that are kept for the tenant and have to be fetched first.
    pub kept: Kept,
}

/// Names of secrets that are kept for a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Those that the step's props name.
    pub filled: BTreeSet<String>,
    /// Those that the node itself may ask for.
    pub lent: BTreeSet<String>,
}

impl Job {
    /// Whether secrets have to be fetched before it runs.
    pub fn needs_secrets(&self) -> bool {
        !self.kept.filled.is_empty() || !self.kept.lent.is_empty()
    }

    /// Fetches what is kept for the tenant and granted to the execution. Blocks.
    ///
    /// # Errors
    /// A secret is not granted, not there, or cannot be had now.
    pub fn fetch(&mut self, source: &dyn SecretSource) -> Result<(), StepError> {
        let kept = std::mem::take(&mut self.kept);
        let fetch = |name: &String| {
            if !crate::core::is_lent(&self.context.grants, name) {
                let message = format!("secret `{name}` was not granted to this execution");
                let suggestion = format!("Start it with the grant `secrets={name}`.");
                return Err(StepError::new(ErrorKind::Permission, message).with_suggestion(suggestion));
            }
            let found = source.secret(&self.context.tenant, name).map_err(|error| {
                let kind = match error {
                    SecretError::Absent(_) => ErrorKind::Input,
                    SecretError::Unreadable { .. } => ErrorKind::Connection,
                };
                StepError::new(kind, error.to_string())
            });
            Ok((name.clone(), found?))
        };
        let secrets = kept.filled.iter().map(fetch).collect::<Result<BTreeMap<_, _>, StepError>>()?;
        let lent = kept.lent.iter().map(fetch).collect::<Result<BTreeMap<_, _>, StepError>>()?;
        self.secrets.extend(secrets);
        self.lent =
            Arc::new(self.lent.iter().map(|(name, secret)| (name.clone(), secret.clone())).chain(lent).collect());
        Ok(())
    }

    /// The invocation: large values loaded, secrets filled in.
    ///
    /// # Errors
    /// A stored value that cannot be read, or a path into one that leads nowhere sensible.
    pub fn invocation(&self, blobs: &dyn BlobStore) -> Result<Invocation, StepError> {
        let tenant = &self.context.tenant;
        let unreadable =
            |problem| StepError::new(ErrorKind::Internal, format!("a stored value cannot be read: {problem}"));
        let mut props = Map::clone(&self.input.props);
        if !self.input.constant {
            crate::large::load_members(blobs, tenant, &mut props).map_err(unreadable)?;
        }
        let mut blackboard = BTreeMap::new();
        for (path, value) in &self.input.blackboard {
            let mut value = Value::clone(value);
            crate::large::load(blobs, tenant, &mut value).map_err(unreadable)?;
            blackboard.insert(path.clone(), value);
        }
        for (path, (blob, rest)) in &self.input.deferred {
            if let Some(value) = self.deferred(blobs, blob, rest).map_err(unreadable)? {
                blackboard.insert(path.clone(), value);
            }
        }
        let mut props = Value::Object(props);
        for fill in &self.input.secrets {
            if let Some(place) = props.pointer_mut(&fill.pointer) {
                *place = Value::String(self.filled(&fill.parts));
            }
        }
        let props = match props {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let input = self.execution_input.as_deref().cloned();
        let input = input.map(|mut input| crate::large::load(blobs, tenant, &mut input).map(|()| input));
        let input = input.transpose().map_err(unreadable)?;
        let (context, node_type) = (self.context.clone(), Arc::clone(&self.node_type));
        Ok(Invocation { context, node_type, props, blackboard, input })
    }

    fn deferred(
        &self,
        blobs: &dyn BlobStore,
        blob: &BlobRef,
        rest: &[String],
    ) -> Result<Option<Value>, akao_step::BlobError> {
        let mut value = blob.to_value();
        crate::large::load(blobs, &self.context.tenant, &mut value)?;
        let mut found = &value;
        for name in rest {
            let next = match found {
                Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
                other => other.get(name),
            };
            match next {
                Some(inner) => found = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(found.clone()))
    }

    fn filled(&self, parts: &[akao_expression::SecretPart]) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                akao_expression::SecretPart::Text(plain) => text.push_str(plain),
                akao_expression::SecretPart::Secret(name) => {
                    text.push_str(self.secrets.get(name).map_or("", |secret| secret.expose()));
                }
            }
        }
        text
    }

    /// A mask over this step's secrets.
    pub fn mask(&self) -> SecretMask {
        SecretMask::new(self.secrets.values().chain(self.lent.values()).map(Secret::expose))
    }

    /// Makes an outcome fit for the journal: secrets masked, large values stored.
    pub fn finish(&self, blobs: &dyn BlobStore, mask: &SecretMask, mut outcome: Outcome) -> Outcome {
        if outcome.status == OutcomeStatus::Failure && outcome.error.is_none() {
            outcome.error = Some(StepError::new(ErrorKind::Internal, "the step failed without saying why"));
        }
        if !mask.is_empty() {
            mask_outcome(mask, &mut outcome);
        }
        crate::large::externalise_outcome(blobs, &self.context.tenant, &mut outcome);
        outcome
    }
}

fn mask_outcome(mask: &SecretMask, outcome: &mut Outcome) {
    mask.object(&mut outcome.outputs);
    mask.object(&mut outcome.writes);
    for line in &mut outcome.logs {
        line.message = mask.text(&line.message).into_owned();
    }
    if let Some(error) = &mut outcome.error {
        error.message = mask.text(&error.message).into_owned();
        mask.value(&mut error.detail);
    }
}

/// How long to wait before another attempt, if there is to be one. The wait is spread by up to a fifth either way, by a
/// number that depends only on the execution, the operation and the attempt.
pub(crate) fn retry_wait_ms(policy: Option<&RetryPolicy>, context: &StepContext, outcome: &Outcome) -> Option<u64> {
    let (policy, error) = (policy?, outcome.error.as_ref()?);
    if outcome.status != OutcomeStatus::Failure || context.attempt >= policy.attempts {
        return None;
    }
    let wanted = if policy.on.is_empty() { error.retryable } else { policy.on.contains(&error.kind) };
    if !wanted || error.detail.get("reason").is_some_and(|reason| reason == "outcome_unknown") {
        return None;
    }
    let wait = policy.wait_ms(context.attempt);
    let mut seed = context.execution.to_bytes().to_vec();
    seed.extend_from_slice(&context.op.0.to_be_bytes());
    seed.extend_from_slice(&context.attempt.to_be_bytes());
    let spread = xxhash_rust::xxh3::xxh3_64(&seed) % 401;
    Some(wait.saturating_mul(800 + spread) / 1_000)
}

/// The key that names a step's effect for ever. No two steps share it, and it begins with the execution, so that the protocol
/// of nodes need not say that twice.
pub(crate) fn idempotency_key(execution: akao_contract::ExecutionId, op: akao_contract::OpId) -> String {
    format!("{execution}-{}", op.0)
}
