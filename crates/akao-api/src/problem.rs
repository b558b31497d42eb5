//! Refusals as problem details (RFC 9457): a stable code for programs, words for people, what to do, and the number by which
//! the operator finds the request in the log.

use crate::answer::Answer;
use akao_platform::{Code, Error};
use axum::http::{StatusCode, header::RETRY_AFTER, header::WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

/// The HTTP status of a code, chosen by what the reader should do next.
pub fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Unauthenticated | Code::SecondFactor => StatusCode::UNAUTHORIZED,
        Code::Forbidden | Code::CrossSite | Code::QuotaExceeded => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Invalid => StatusCode::BAD_REQUEST,
        Code::InvalidWorkflow | Code::InvalidInput | Code::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        Code::Conflict | Code::VersionTaken | Code::Quarantined => StatusCode::CONFLICT,
        Code::Changed => StatusCode::PRECONDITION_FAILED,
        Code::ConditionMissing => StatusCode::PRECONDITION_REQUIRED,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer of a refusal.
pub(crate) fn answer(error: &Error, request_id: &str) -> Answer {
    let status = status_of(error.code);
    let mut document = Map::new();
    document.insert("type".to_owned(), json!(format!("urn:akao:problem:{}", error.code.as_str())));
    document.insert("title".to_owned(), json!(error.code.title()));
    document.insert("status".to_owned(), json!(status.as_u16()));
    document.insert("code".to_owned(), json!(error.code.as_str()));
    document.insert("detail".to_owned(), json!(error.message));
    if let Some(suggestion) = &error.suggestion {
        document.insert("suggestion".to_owned(), json!(suggestion));
    }
    if !error.problems.is_empty() {
        document.insert("problems".to_owned(), json!(error.problems));
    }
    document.insert("request_id".to_owned(), json!(request_id));
    let answer = Answer::problem(status, &Value::Object(document));
    let answer = match error.retry_after_s {
        Some(seconds) => answer.header(RETRY_AFTER, &seconds.to_string()),
        None => answer,
    };
    match status {
        StatusCode::UNAUTHORIZED => answer.header(WWW_AUTHENTICATE, "Bearer realm=\"akao\""),
        _ => answer,
    }
}
