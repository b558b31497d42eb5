//! A sign-in under way: begun here, sent to the provider, and taken up again once, by the browser that began it.

use super::{
    Provider,
    id_token::{self, Claims},
    remote::{Remote, Tokens},
};
use crate::{Code, Error, Platform, SignedIn, UserId, secret};
use akao_contract::Tenant;
use akao_step::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use url::Url;

/// How long somebody may take at the provider.
const FLOW_MS: i64 = 10 * 60 * 1000;

/// Sign-ins under way at once.
const FLOWS_MAX: usize = 10_000;

/// A longer code of an invitation is none; what is kept of a stranger is bounded.
const INVITATION_BYTES_MAX: usize = 256;

/// What the browser's own secret begins with.
const BROWSER_PREFIX: &str = "akao_flow_";

/// What somebody wants to sign in for.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The tenant; the first that the person belongs to when absent.
    pub tenant: Option<Tenant>,
    /// The code of an invitation.
    pub invitation: Option<Secret>,
}

/// A sign-in was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser is sent.
    pub location: String,
    /// What only that browser has, for its cookie.
    pub browser: Secret,
    /// How long that is good, in seconds.
    pub seconds: i64,
}

/// What came back from the provider, by the browser.
#[derive(Debug, Clone, Default)]
pub struct Callback {
    /// Which sign-in it is.
    pub state: Option<String>,
    /// What the provider gives for it.
    pub code: Option<String>,
    /// Who the provider says that it is.
    pub issuer: Option<String>,
    /// Why the provider refused.
    pub error: Option<String>,
    /// What the browser's cookie holds.
    pub browser: Option<Secret>,
}

/// Sign-ins under way, by the hashes of their states.
#[derive(Default)]
pub(crate) struct Flows(Mutex<BTreeMap<[u8; 32], Flow>>);

/// The account that an identity is to be linked to, and the session that asked for it, which must last until then.
pub(super) struct Link {
    pub(super) user: UserId,
    /// Its hash.
    pub(super) session: String,
}

struct Flow {
    provider: String,
    nonce: Secret,
    verifier: Secret,
    /// The hash of what the browser has.
    browser: [u8; 32],
    wish: Wish,
    link: Option<Link>,
    expires_ms: i64,
}

impl Flows {
    fn with<T>(&self, with: impl FnOnce(&mut BTreeMap<[u8; 32], Flow>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where there is no room the oldest goes, so that strangers who begin and do not end keep nobody out.
    fn begin(&self, state: &Secret, flow: Flow, now_ms: i64) {
        self.with(|flows| {
            flows.retain(|_, flow| now_ms < flow.expires_ms);
            if flows.len() >= FLOWS_MAX {
                let oldest = flows.iter().min_by_key(|(_, flow)| flow.expires_ms).map(|(key, _)| *key);
                oldest.map(|key| flows.remove(&key));
            }
            flows.insert(secret::hash(state.expose()), flow);
        });
    }

    /// Takes a sign-in: only once, whatever becomes of it.
    fn take(&self, state: &str, now_ms: i64) -> Option<Flow> {
        self.with(|flows| flows.remove(&secret::hash(state))).filter(|flow| now_ms < flow.expires_ms)
    }
}

/// Whether a token does not say something that decides who somebody is here, and that may stand at userinfo alone. An address
/// finds an account, or makes one as a rule lets it; a name is for a new one.
fn needs_more(claims: &Claims, provider: &Provider, flow: &Flow, is_known: bool) -> bool {
    let lacks = |name: &str| !claims.has(name) || (name == "email" && !claims.has("email_verified"));
    if provider.rules.iter().any(|rule| lacks(&rule.claim)) {
        return true;
    }
    if is_known || flow.link.is_some() {
        return false;
    }
    let (has_rules, is_invited) = (!provider.rules.is_empty(), flow.wish.invitation.is_some());
    let of_address = !is_invited && (has_rules || provider.links_verified_email);
    (of_address && lacks("email")) || ((is_invited || has_rules) && lacks("name"))
}

fn not_begun() -> Error {
    Error::new(Code::Forbidden, "this sign-in was not begun by this browser, was used, or is too old")
        .hint("Begin again at the sign-in page.")
}

impl Platform {
    /// The providers by which people can sign in.
    pub fn providers(&self) -> &[Provider] {
        &self.parts().providers
    }

    fn provider(&self, name: &str) -> Result<&Provider, Error> {
        let found = self.parts().providers.iter().find(|provider| provider.name == name);
        found.ok_or_else(|| Error::not_found("such provider"))
    }

    fn remote<'a>(&'a self, provider: &'a Provider) -> Remote<'a> {
        let parts = self.parts();
        self.inner.remotes.of(provider, parts.egress.as_ref(), &parts.clock)
    }

    fn callback_place(&self, provider: &Provider) -> String {
        format!("{}/api/v1/oidc/{}/callback", self.parts().public_url.trim_end_matches('/'), provider.name)
    }

    /// Begins a sign-in: where the browser is to go, and what it must bring back.
    ///
    /// # Errors
    /// There is no such provider, or it does not answer.
    pub async fn begin_oidc(&self, provider: &str, wish: Wish) -> Result<Begun, Error> {
        self.begin_flow(provider, wish, None).await
    }

    pub(super) async fn begin_flow(&self, provider: &str, wish: Wish, link: Option<Link>) -> Result<Begun, Error> {
        let provider = self.provider(provider)?;
        if wish.invitation.as_ref().is_some_and(|code| code.expose().len() > INVITATION_BYTES_MAX) {
            return Err(Error::invalid("`invitation` is not a code of this server"));
        }
        let metadata = self.remote(provider).metadata().await?;
        let now_ms = self.now_ms();
        let [state, nonce, verifier] = [secret::new("")?, secret::new("")?, secret::new("")?];
        let browser = secret::new(BROWSER_PREFIX)?;
        let mut location = Url::parse(&metadata.authorization_endpoint).map_err(|error| Error::internal(&error))?;
        let scopes: Vec<&str> = std::iter::once("openid").chain(provider.scopes.iter().map(String::as_str)).collect();
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &self.callback_place(provider))
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(secret::hash(verifier.expose())))
            .append_pair("code_challenge_method", "S256");
        let flow = Flow {
            provider: provider.name.clone(),
            nonce,
            verifier,
            browser: secret::hash(browser.expose()),
            wish,
            link,
            expires_ms: now_ms.saturating_add(FLOW_MS),
        };
        self.inner.flows.begin(&state, flow, now_ms);
        Ok(Begun { location: location.into(), browser, seconds: FLOW_MS / 1000 })
    }

    /// Ends a sign-in with what came back from the provider.
    ///
    /// # Errors
    /// It was not begun by this browser, the provider refused, or nobody here is known by the identity.
    pub async fn end_oidc(&self, provider: &str, callback: Callback) -> Result<SignedIn, Error> {
        let provider = self.provider(provider)?;
        let state = callback.state.as_deref().ok_or_else(not_begun)?;
        let flow = self.inner.flows.take(state, self.now_ms()).ok_or_else(not_begun)?;
        let browser = callback.browser.as_ref().map(|browser| secret::hash(browser.expose()));
        if flow.provider != provider.name || browser != Some(flow.browser) {
            return Err(not_begun());
        }
        let remote = self.remote(provider);
        let metadata = remote.metadata().await?;
        let is_expected = match &callback.issuer {
            Some(issuer) => *issuer == provider.issuer,
            None => !metadata.authorization_response_iss_parameter_supported,
        };
        if !is_expected {
            tracing::warn!("an answer of provider {} does not name it", provider.name);
            return Err(not_begun());
        }
        if let Some(error) = callback.error {
            let error = akao_contract::shortened(error, 60);
            return Err(Error::new(Code::Forbidden, format!("the provider refused: {error}")).hint("Begin again."));
        }
        let code = callback.code.ok_or_else(|| Error::invalid("the provider's answer holds no code"))?;
        let tokens = remote.tokens(&code, flow.verifier.expose(), &self.callback_place(provider)).await?;
        let mut claims = id_token::check(&remote, &tokens.id_token, flow.nonce.expose()).await?;
        self.complete(&remote, &tokens, &mut claims, &flow).await?;
        let provider = provider.clone();
        self.blocking(move |platform| platform.sign_in_by(&provider, &claims, &flow.wish, flow.link.as_ref())).await
    }

    /// Asks for what a token leaves open, where that decides something. What could not be asked for stays open: it may concern
    /// nothing by which this person comes in.
    async fn complete(
        &self,
        remote: &Remote<'_>,
        tokens: &Tokens,
        claims: &mut Claims,
        flow: &Flow,
    ) -> Result<(), Error> {
        let (issuer, subject) = (remote.provider.issuer.clone(), claims.sub.clone());
        let known = move |platform: &Self| platform.read(|work| Ok(work.accounts().identity(&issuer, &subject)?));
        let is_known = self.blocking(known).await?.is_some();
        if needs_more(claims, remote.provider, flow, is_known) {
            let more = remote.userinfo(tokens).await;
            claims.failure = more.and_then(|more| claims.complete(more)).err();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_is_taken_once_and_in_time() {
        let flows = Flows::default();
        let state = Secret::new("state");
        let flow = || Flow {
            provider: "corp".to_owned(),
            nonce: Secret::new("n"),
            verifier: Secret::new("v"),
            browser: [0; 32],
            wish: Wish::default(),
            link: None,
            expires_ms: 1_000,
        };
        flows.begin(&state, flow(), 0);
        assert!(flows.take("other", 0).is_none());
        assert!(flows.take("state", 0).is_some() && flows.take("state", 0).is_none());
        flows.begin(&state, flow(), 0);
        assert!(flows.take("state", 1_000).is_none());
    }
}
