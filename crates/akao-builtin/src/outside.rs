//! What the nodes that reach outside share: typed props, and errors of the ports as errors of a step.

use akao_contract::{BareNumber, ErrorKind, Invocation, StepError, parse_duration_ms};
use akao_step::{BlobError, EgressError, VolumeError};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;

/// The props as a type. The driver has checked them against the schema; a template may still have rendered to anything.
pub(crate) fn props<T: DeserializeOwned>(invocation: &Invocation) -> Result<T, StepError> {
    let mut props = invocation.props.clone();
    props.retain(|_, value| !value.is_null());
    serde_json::from_value(Value::Object(props)).map_err(|error| input(format!("the props are not valid: {error}")))
}

/// An error of what the step was given.
pub(crate) fn input(message: impl Into<String>) -> StepError {
    StepError::new(ErrorKind::Input, message)
}

/// Reads a duration prop: a bare number counts milliseconds, a text has a unit.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let ms = parse_duration_ms(&text, BareNumber::Milliseconds).map_err(serde::de::Error::custom)?;
    Ok(Duration::from_millis(ms))
}

/// An error of the network as an error of the step.
pub(crate) fn egress_error(error: &EgressError) -> StepError {
    let kind = match error {
        EgressError::Denied { .. } => ErrorKind::Permission,
        EgressError::Resolve(_) | EgressError::Connection(_) => ErrorKind::Connection,
        EgressError::Timeout(_) => ErrorKind::Timeout,
        EgressError::TooLarge(_) => ErrorKind::Resource,
        EgressError::Request(_) => ErrorKind::Input,
        EgressError::Protocol(_) => ErrorKind::Protocol,
    };
    let step_error = StepError::new(kind, error.to_string());
    match error {
        EgressError::Denied { grant: None, .. } => step_error.with_suggestion(akao_step::ONLY_PUBLIC),
        EgressError::Denied { grant: Some(grant), .. } => step_error
            .with_suggestion(format!("If the workflow may reach it, start it with `--grant {grant}`."))
            .with_detail("grant", grant.as_str()),
        _ => step_error,
    }
}

/// An error of a volume as an error of the step.
pub(crate) fn volume_error(error: &VolumeError) -> StepError {
    let kind = match error {
        VolumeError::NoVolume(_) | VolumeError::BadPath { .. } => ErrorKind::Input,
        VolumeError::Denied { .. } => ErrorKind::Permission,
        VolumeError::NotFound(_) => ErrorKind::NotFound,
        VolumeError::TooLarge { .. } => ErrorKind::Resource,
        VolumeError::Storage { .. } => ErrorKind::Internal,
    };
    StepError::new(kind, error.to_string())
}

/// An error of the blob storage as an error of the step.
pub(crate) fn blob_error(error: &BlobError) -> StepError {
    let kind = match error {
        BlobError::NotFound(_) => ErrorKind::NotFound,
        BlobError::Full { .. } => ErrorKind::Resource,
        BlobError::Damaged(_) | BlobError::Storage(_) => ErrorKind::Internal,
    };
    StepError::new(kind, error.to_string())
}
