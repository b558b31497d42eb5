//! The error object of JSON-RPC: codes, the data that goes with them, and how both map to a step's error.

use akao_contract::{ErrorKind, StepError};
use serde_json::{Map, Value, json};
use std::fmt;

/// JSON-RPC's own codes and those of the node protocol.
pub mod code {
    /// The text is not JSON.
    pub const PARSE: i64 = -32700;
    /// The document is not a request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The other side failed.
    pub const INTERNAL_RPC: i64 = -32603;
    /// The node could not start.
    pub const INITIALISATION: i64 = -1000;
    /// The node or its grants are not set up for this.
    pub const CONFIGURATION: i64 = -1001;
    /// What was given is not valid.
    pub const VALIDATION: i64 = -1002;
    /// A deadline passed.
    pub const TIMEOUT: i64 = -1003;
    /// A limit was hit.
    pub const RESOURCE: i64 = -1004;
    /// Anything else.
    pub const INTERNAL: i64 = -1005;
}

/// The kind that a code stands for when the data does not name one.
pub fn kind_of_code(code: i64) -> ErrorKind {
    match code {
        code::CONFIGURATION | code::VALIDATION => ErrorKind::Input,
        code::TIMEOUT => ErrorKind::Timeout,
        code::RESOURCE => ErrorKind::Resource,
        code::INITIALISATION | code::INTERNAL | code::INTERNAL_RPC => ErrorKind::Internal,
        _ => ErrorKind::Protocol,
    }
}

/// The code under which an error of `kind` travels; its data names the kind itself.
pub fn code_of_kind(kind: ErrorKind) -> i64 {
    match kind {
        ErrorKind::Input => code::VALIDATION,
        ErrorKind::Permission | ErrorKind::NotFound => code::CONFIGURATION,
        ErrorKind::Timeout => code::TIMEOUT,
        ErrorKind::Resource => code::RESOURCE,
        ErrorKind::Protocol => code::INVALID_REQUEST,
        ErrorKind::Connection | ErrorKind::Cancelled | ErrorKind::User | ErrorKind::Internal => code::INTERNAL,
    }
}

/// The kind with this name on the wire.
pub fn kind_named(name: &str) -> Option<ErrorKind> {
    ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

/// A JSON-RPC error that the node answered with.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteError {
    /// The code.
    pub code: i64,
    /// What it means for the step: the data's words where they are there, else what the code says.
    pub error: StepError,
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.error.message, self.code)
    }
}

impl RemoteError {
    /// Reads `{code, message, data?}`. A code and a message are required, everything else is taken as far as it goes.
    pub(crate) fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(mut object) = value else { return Err("`error` is not an object".into()) };
        let Some(code) = object.get("code").and_then(Value::as_i64) else {
            return Err("`error.code` is not an integer".into());
        };
        let Some(Value::String(message)) = object.remove("message") else {
            return Err("`error.message` is not a string".into());
        };
        let mut error = StepError::new(kind_of_code(code), message);
        match object.remove("data") {
            Some(Value::Object(data)) => error = step_error(data, error),
            Some(data) => error.detail = data,
            None => {}
        }
        Ok(Self { code, error })
    }

    /// What the step is told.
    pub fn to_step_error(&self) -> StepError {
        self.error.clone().with_detail("code", self.code)
    }
}

/// Reads `{kind, message, retryable, detail}`, taking from `fallback` what is absent or of the wrong type. A kind that is
/// not of the list becomes `internal`; its name stays in the detail.
pub(crate) fn step_error(mut data: Map<String, Value>, fallback: StepError) -> StepError {
    let named = data.get("kind").and_then(Value::as_str);
    let unknown = named.filter(|name| kind_named(name).is_none()).map(str::to_owned);
    let kind = match (named.and_then(kind_named), &unknown) {
        (Some(kind), _) => kind,
        (None, Some(_)) => ErrorKind::Internal,
        (None, None) => fallback.kind,
    };
    let message = match data.remove("message") {
        Some(Value::String(message)) => message,
        _ => fallback.message,
    };
    let retryable = data.get("retryable").and_then(Value::as_bool).unwrap_or(kind.retryable());
    let detail = data.remove("detail").unwrap_or(fallback.detail);
    let error = StepError { kind, message, retryable, detail };
    match unknown {
        Some(name) => error.with_detail("kind", name),
        None => error,
    }
}

/// The error object for an answer to the node's own request.
pub(crate) fn error_object(code: i64, error: &StepError) -> Value {
    let mut data = json!({ "kind": error.kind.as_str(), "retryable": error.retryable, "message": error.message });
    if !error.detail.is_null() {
        data["detail"] = error.detail.clone();
    }
    json!({ "code": code, "message": error.message, "data": data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_code_and_comes_back_as_itself() {
        for kind in ErrorKind::ALL {
            let error = StepError::new(kind, "it failed").with_detail("place", 3);
            let remote = RemoteError::from_value(error_object(code_of_kind(kind), &error)).unwrap();
            assert_eq!(remote.error, error, "{kind}");
        }
    }

    #[test]
    fn a_code_alone_says_what_kind_it_is() {
        let cases = [
            (-1000, ErrorKind::Internal),
            (-1001, ErrorKind::Input),
            (-1002, ErrorKind::Input),
            (-1003, ErrorKind::Timeout),
            (-1004, ErrorKind::Resource),
            (-1005, ErrorKind::Internal),
            (-32700, ErrorKind::Protocol),
            (-32600, ErrorKind::Protocol),
            (-32601, ErrorKind::Protocol),
            (-32602, ErrorKind::Protocol),
            (-32603, ErrorKind::Internal),
            (7, ErrorKind::Protocol),
        ];
        for (code, kind) in cases {
            let remote = RemoteError::from_value(json!({ "code": code, "message": "no" })).unwrap();
            assert_eq!((remote.code, remote.error.kind), (code, kind));
            assert_eq!(remote.error.retryable, kind.retryable(), "{code}");
        }
    }

    #[test]
    fn data_is_taken_as_far_as_it_goes() {
        let read =
            |data: Value| RemoteError::from_value(json!({ "code": -1005, "message": "m", "data": data })).unwrap();
        assert_eq!(read(json!({ "kind": "user" })).error, StepError::new(ErrorKind::User, "m"));
        assert!(read(json!({ "kind": "user", "retryable": true })).error.retryable);
        let odd = read(json!({ "kind": "weird", "message": 3 })).error;
        assert_eq!(
            (odd.kind, odd.message.as_str(), &odd.detail),
            (ErrorKind::Internal, "m", &json!({ "kind": "weird" }))
        );
        assert_eq!(read(json!("text")).error.detail, json!("text"));
        assert!(RemoteError::from_value(json!({ "code": "x", "message": "m" })).is_err());
        assert!(RemoteError::from_value(json!({ "code": 1 })).is_err());
        assert!(RemoteError::from_value(json!([])).is_err());
    }
}
