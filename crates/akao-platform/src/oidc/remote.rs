//! What is asked of a provider: what it is, its keys, a token for a code. Bounded in time and size, through the checked way out:
//! the issuer's own host may be private, since the operator named it; whatever else its documents name must be public.

use super::Provider;
use crate::{Clock, Code, Error};
use akao_step::{Egress, EgressError, HttpCall};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

/// How long one answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Longest answer.
const ANSWER_BYTES_MAX: u64 = 512 << 10;

/// How long what a provider says of itself, and its keys, are believed.
const FRESH_MS: i64 = 60 * 60 * 1000;

/// How often keys are fetched for a token whose key is unknown: a provider that changes its keys is followed, and tokens with
/// made-up keys do not make this server knock all the time.
const KEYS_AGAIN_MS: i64 = 10_000;

/// How long a provider whose userinfo could not be reached is not asked for it again: each sign-in would wait for it.
const USERINFO_AGAIN_MS: i64 = 30_000;

/// Most keys of a provider that are looked at.
const KEYS_MAX: usize = 100;

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether its callbacks name it, so that the answer of one provider does not pass for that of another (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// What a provider gives for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    #[serde(default)]
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct KeyList {
    keys: Vec<Value>,
}

/// What is known of the providers, by name.
#[derive(Default)]
pub(crate) struct Remotes(std::sync::Mutex<BTreeMap<String, Arc<Mutex<Known>>>>);

#[derive(Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, i64)>,
    keys: Option<(Arc<Vec<Jwk>>, i64)>,
    /// When it failed last: whoever waits then does not knock as well.
    failed_ms: Option<i64>,
    /// When its userinfo could not be reached last.
    userinfo_failed_ms: Option<i64>,
}

impl Known {
    fn has_just_failed(&self, now_ms: i64) -> bool {
        self.failed_ms.is_some_and(|at_ms| is_within(at_ms, now_ms, KEYS_AGAIN_MS))
    }
}

/// Whether something happened so shortly ago. What lies ahead did not: the clock was set back since.
fn is_within(at_ms: i64, now_ms: i64, length_ms: i64) -> bool {
    (0..length_ms).contains(&now_ms.saturating_sub(at_ms))
}

/// A provider that is asked.
pub(super) struct Remote<'a> {
    pub(super) provider: &'a Provider,
    known: Arc<Mutex<Known>>,
    egress: &'a dyn Egress,
    clock: &'a Clock,
}

impl Remotes {
    pub(super) fn of<'a>(&self, provider: &'a Provider, egress: &'a dyn Egress, clock: &'a Clock) -> Remote<'a> {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = Arc::clone(all.entry(provider.name.clone()).or_default());
        Remote { provider, known, egress, clock }
    }
}

/// The provider did not do its part. The operator is told more than whoever signs in.
fn failed(provider: &Provider, what: &str) -> Error {
    tracing::warn!("provider {} failed: {what}", provider.name);
    Error::new(Code::Unavailable, format!("the provider `{}` did not answer as it should", provider.name))
        .hint("Try again later; the operator of the server finds more in the log.")
}

/// What decides about somebody cannot be learned from a provider, however often it is asked.
pub(super) fn not_told(provider: &Provider, why: &str) -> Error {
    tracing::warn!("provider {} does not tell what decides who may come in: {why}", provider.name);
    Error::new(
        Code::Unavailable,
        format!("the provider `{}` does not tell here what decides who may come in", provider.name),
    )
    .hint("The operator of the server finds more in the log; an invitation by an admin lets in as well.")
}

impl Remote<'_> {
    /// What the provider says of itself.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        let (mut known, now_ms) = (self.known.lock().await, (self.clock)());
        if let Some((metadata, at_ms)) = &known.metadata
            && is_within(*at_ms, now_ms, FRESH_MS)
        {
            return Ok(Arc::clone(metadata));
        }
        if known.has_just_failed(now_ms) {
            return Err(failed(self.provider, "it failed a moment ago"));
        }
        let place = format!("{}/.well-known/openid-configuration", self.provider.issuer.trim_end_matches('/'));
        let fetched = self.json::<Metadata>(call("GET", &place)).await;
        known.failed_ms = fetched.is_err().then(|| (self.clock)());
        let metadata = fetched?;
        if metadata.issuer != self.provider.issuer {
            return Err(failed(self.provider, &format!("it calls itself {}", metadata.issuer)));
        }
        let named = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        for url in named.into_iter().chain(&metadata.userinfo_endpoint) {
            let sound = Url::parse(url).is_ok_and(|url| self.provider.may_use(&url));
            if !sound {
                return Err(failed(self.provider, &format!("it names {url}, which is not protected")));
            }
        }
        let metadata = Arc::new(metadata);
        known.metadata = Some((Arc::clone(&metadata), now_ms));
        Ok(metadata)
    }

    /// The provider's keys; fetched again where `again` says that those at hand do not do.
    pub(super) async fn keys(&self, again: bool) -> Result<Arc<Vec<Jwk>>, Error> {
        let metadata = self.metadata().await?;
        let (mut known, now_ms) = (self.known.lock().await, (self.clock)());
        let fresh_ms = if again { KEYS_AGAIN_MS } else { FRESH_MS };
        if let Some((keys, at_ms)) = &known.keys
            && is_within(*at_ms, now_ms, fresh_ms)
        {
            return Ok(Arc::clone(keys));
        }
        if known.has_just_failed(now_ms) {
            return Err(failed(self.provider, "it failed a moment ago"));
        }
        let fetched = self.json::<KeyList>(call("GET", &metadata.jwks_uri)).await;
        known.failed_ms = fetched.is_err().then(|| (self.clock)());
        let list = fetched?;
        // A key of a kind that is not known here is no reason to refuse the others.
        let keys = list.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok());
        let keys = Arc::new(keys.collect::<Vec<Jwk>>());
        known.keys = Some((Arc::clone(&keys), now_ms));
        Ok(keys)
    }

    /// The tokens for a code.
    pub(super) async fn tokens(&self, code: &str, verifier: &str, redirect: &str) -> Result<Tokens, Error> {
        let (provider, metadata) = (self.provider, self.metadata().await?);
        let call =
            token_call(provider, &metadata, &[("code", code), ("code_verifier", verifier), ("redirect_uri", redirect)]);
        let answer = self.send(call).await?;
        if answer.0 != 200 {
            let told: Value = serde_json::from_slice(&answer.1).unwrap_or_default();
            let error = akao_contract::shortened(told["error"].as_str().unwrap_or("no reason").to_owned(), 100);
            tracing::warn!("provider {} refused a code: {} {error}", provider.name, answer.0);
            return Err(Error::new(Code::Forbidden, "the provider does not take this sign-in").hint("Begin again."));
        }
        serde_json::from_slice(&answer.1).map_err(|error| failed(provider, &format!("its tokens: {error}")))
    }

    /// What the provider says of whoever a token is about, beside the ID token.
    ///
    /// # Errors
    /// It does not, or there is no way to ask: that says nothing of the person.
    pub(super) async fn userinfo(&self, tokens: &Tokens) -> Result<Value, Error> {
        let metadata = self.metadata().await?;
        let (Some(place), Some(token)) = (&metadata.userinfo_endpoint, &tokens.access_token) else {
            return Err(not_told(self.provider, "its ID token lacks claims, and it cannot be asked for userinfo"));
        };
        let failed_ms = self.known.lock().await.userinfo_failed_ms;
        if failed_ms.is_some_and(|at_ms| is_within(at_ms, (self.clock)(), USERINFO_AGAIN_MS)) {
            return Err(failed(self.provider, "its userinfo could not be reached a moment ago"));
        }
        let mut call = call("GET", place);
        call.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        let answer = self.send(call).await;
        // An answer that is none of use may be so for this person alone.
        self.known.lock().await.userinfo_failed_ms = answer.is_err().then(|| (self.clock)());
        self.document(place, answer?)
    }

    async fn json<T: DeserializeOwned>(&self, call: HttpCall) -> Result<T, Error> {
        let place = call.url.clone();
        let answer = self.send(call).await?;
        self.document(&place, answer)
    }

    fn document<T: DeserializeOwned>(&self, place: &str, (status, body): (u16, Vec<u8>)) -> Result<T, Error> {
        if status != 200 {
            return Err(failed(self.provider, &format!("{place} answers {status}")));
        }
        serde_json::from_slice(&body).map_err(|error| failed(self.provider, &format!("{place}: {error}")))
    }

    async fn send(&self, call: HttpCall) -> Result<(u16, Vec<u8>), Error> {
        let grants: Vec<_> = self.provider.grant().into_iter().collect();
        let answer = self.egress.http(&grants, call).await;
        answer
            .map(|answer| (answer.status, answer.body))
            .map_err(|error: EgressError| failed(self.provider, &error.to_string()))
    }
}

/// What asks for a token.
fn token_call(provider: &Provider, metadata: &Metadata, what: &[(&str, &str)]) -> HttpCall {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code").extend_pairs(what);
    let mut call = call("POST", &metadata.token_endpoint);
    // Where a provider says nothing, the header is what it takes.
    let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
    let in_header = methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
    match &provider.client_secret {
        Some(secret) if in_header => {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&provider.client_id), encoded(secret.expose()));
            call.headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
        }
        Some(secret) => {
            form.append_pair("client_id", &provider.client_id).append_pair("client_secret", secret.expose());
        }
        None => {
            form.append_pair("client_id", &provider.client_id);
        }
    }
    call.headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
    call.body = form.finish().into_bytes();
    call
}

fn call(method: &str, url: &str) -> HttpCall {
    HttpCall {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        body: Vec::new(),
        timeout: ANSWER_TIME_MAX,
        redirects_max: 0,
        answer_bytes_max: ANSWER_BYTES_MAX,
    }
}
