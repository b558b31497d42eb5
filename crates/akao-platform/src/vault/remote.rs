//! What is asked of a Vault, and what its answers mean. No text of an answer that may hold a secret is shown to anybody.

use super::{Place, VaultSettings};
use akao_contract::{Permission, shortened};
use akao_step::{Egress, EgressError, HttpAnswer, HttpCall, Secret};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// Longest answer: what Vault takes for one place, and something around it.
const ANSWER_BYTES_MAX: u64 = 2 << 20;

/// Longest reason of a Vault that is told to the operator, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// Why something could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No answer, or one of a server that cannot answer now.
    Unreachable(String),
    /// Nobody has unsealed it.
    Sealed,
    /// The server may not, or is not known there.
    Denied(String),
    /// There is no such thing.
    Absent,
    /// The answer is not one of a Vault's key-value engine, version 2.
    Odd(String),
}

impl Trouble {
    /// For whoever looks at the step.
    pub(super) fn for_anybody(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "the server's Vault does not answer",
            Self::Sealed => "the server's Vault is sealed",
            Self::Denied(_) => "the server's Vault does not let the server read it",
            Self::Absent => "the server's Vault does not have it",
            Self::Odd(_) => "the server's Vault gave an answer that cannot be used; its operator finds more in the log",
        }
    }

    /// For the operator.
    pub(super) fn for_operator(&self) -> String {
        match self {
            Self::Unreachable(why) => format!("it does not answer: {why}"),
            Self::Sealed => "it is sealed".to_owned(),
            Self::Denied(why) => format!("it refuses: {why}"),
            Self::Absent => "it does not have it".to_owned(),
            Self::Odd(why) => why.clone(),
        }
    }
}

/// A token, and for how long it is good.
pub(super) struct Granted {
    pub(super) token: Secret,
    /// None when it never ends.
    pub(super) lease: Option<Duration>,
    pub(super) is_renewable: bool,
}

/// A Vault that is asked.
pub(super) struct Remote {
    address: String,
    namespace: Option<String>,
    mount: String,
    timeout: Duration,
    grants: [Permission; 1],
    egress: Arc<dyn Egress>,
}

impl Remote {
    pub(super) fn new(settings: &VaultSettings, grant: Permission, egress: Arc<dyn Egress>) -> Self {
        Self {
            address: settings.address.trim_end_matches('/').to_owned(),
            namespace: settings.namespace.clone(),
            mount: settings.mount.clone(),
            timeout: settings.timeout,
            grants: [grant],
            egress,
        }
    }

    /// What is at a path of the key-value engine.
    pub(super) async fn read(&self, path: &str, token: &Secret) -> Result<Place, Trouble> {
        let mut answer = self.ask("GET", &format!("{}/data/{path}", self.mount), Some(token), None).await?;
        let data = answer.remove("data");
        let fields = match data.and_then(|mut data| data.get_mut("data").map(Value::take)) {
            Some(Value::Object(fields)) => fields,
            // The newest version was deleted.
            Some(Value::Null) => return Err(Trouble::Absent),
            _ => return Err(Trouble::Odd("what it has there is not of a key-value engine, version 2".to_owned())),
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Arc::new(fields.into_iter().map(|(name, value)| (name, Secret::new(text(value)))).collect()))
    }

    /// A token for a role and its secret id.
    pub(super) async fn log_in(&self, mount: &str, role_id: &str, secret_id: &Secret) -> Result<Granted, Trouble> {
        let body = serde_json::json!({"role_id": role_id, "secret_id": secret_id.expose()});
        granted(self.ask("POST", &format!("auth/{mount}/login"), None, Some(&body)).await)
    }

    /// More time for a token.
    pub(super) async fn renew(&self, token: &Secret) -> Result<Granted, Trouble> {
        granted(self.ask("POST", "auth/token/renew-self", Some(token), Some(&serde_json::json!({}))).await)
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Map<String, Value>, Trouble> {
        let mut headers = vec![("x-vault-request".to_owned(), "true".to_owned())];
        headers.extend(self.namespace.iter().map(|name| ("x-vault-namespace".to_owned(), name.clone())));
        headers.extend(token.iter().map(|token| ("x-vault-token".to_owned(), token.expose().to_owned())));
        let call = HttpCall {
            method: method.to_owned(),
            url: format!("{}/v1/{path}", self.address),
            headers,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            timeout: self.timeout,
            redirects_max: 0,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = self.egress.http(&self.grants, call).await.map_err(|error| match error {
            EgressError::TooLarge(_) => Trouble::Odd(error.to_string()),
            error => Trouble::Unreachable(error.to_string()),
        })?;
        understood(&answer)
    }
}

/// An answer that is not a refusal.
fn understood(answer: &HttpAnswer) -> Result<Map<String, Value>, Trouble> {
    let document = serde_json::from_slice::<Map<String, Value>>(&answer.body).ok();
    // Reasons stand in refusals alone, where no value of a secret does.
    let reasons: Vec<&str> =
        document.iter().filter_map(|body| body.get("errors")?.as_array()).flatten().filter_map(Value::as_str).collect();
    let reason = shortened(reasons.join("; "), REASON_BYTES_MAX);
    let with_reason = |status: u16| match reason.is_empty() {
        true => format!("status {status}"),
        false => format!("status {status}, {reason}"),
    };
    match answer.status {
        200 => document.ok_or_else(|| Trouble::Odd("its answer is not a JSON document".to_owned())),
        400 | 401 | 403 => Err(Trouble::Denied(with_reason(answer.status))),
        // A secret that was deleted, or never was, has no reason; a mount that is not there has.
        404 if reasons.is_empty() => Err(Trouble::Absent),
        503 => Err(Trouble::Sealed),
        429 | 500..=599 => Err(Trouble::Unreachable(with_reason(answer.status))),
        300..=399 => Err(Trouble::Odd("it names another address; configure the one that answers itself".to_owned())),
        status => Err(Trouble::Odd(with_reason(status))),
    }
}

fn granted(answer: Result<Map<String, Value>, Trouble>) -> Result<Granted, Trouble> {
    let answer = answer.map_err(|trouble| match trouble {
        Trouble::Absent => Trouble::Odd("there is no such way to log in".to_owned()),
        other => other,
    })?;
    let auth = answer.get("auth");
    let token = auth.and_then(|auth| auth.get("client_token")?.as_str());
    let token = token.ok_or_else(|| Trouble::Odd("its answer to a login has no token".to_owned()))?;
    let seconds = auth.and_then(|auth| auth.get("lease_duration")?.as_u64()).unwrap_or(0);
    Ok(Granted {
        token: Secret::new(token),
        lease: (seconds > 0).then(|| Duration::from_secs(seconds)),
        is_renewable: auth.and_then(|auth| auth.get("renewable")?.as_bool()).unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_what_vault_says_that_it_does() {
        let of = |status: u16, body: &str| {
            let (headers, url) = (Vec::new(), String::new());
            understood(&HttpAnswer { status, headers, body: body.as_bytes().to_vec(), url }).err()
        };
        assert_eq!(of(200, r#"{"data": {}}"#), None);
        assert_eq!(of(404, r#"{"errors": []}"#), Some(Trouble::Absent));
        let deleted = r#"{"data": {"data": null, "metadata": {"deletion_time": "2026-01-01T00:00:00Z"}}}"#;
        assert_eq!(of(404, deleted), Some(Trouble::Absent));
        let no_mount = of(404, r#"{"errors": ["no handler for route \"kv/data/acme\""]}"#);
        assert!(matches!(no_mount, Some(Trouble::Odd(_))), "{no_mount:?}");
        let denied = of(403, r#"{"errors": ["1 error occurred: permission denied"]}"#);
        assert!(matches!(&denied, Some(Trouble::Denied(why)) if why.contains("permission denied")), "{denied:?}");
        assert_eq!(of(503, r#"{"errors": ["Vault is sealed"]}"#), Some(Trouble::Sealed));
        assert!(matches!(of(502, "<html>"), Some(Trouble::Unreachable(_))));
        assert!(matches!(of(307, ""), Some(Trouble::Odd(_))));
        let odd = of(200, "{\"data\": \"a planted value").map(|trouble| trouble.for_operator());
        assert!(odd.is_some_and(|told| !told.contains("planted")));
    }
}
