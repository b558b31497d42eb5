//! ID tokens: who signed them, for whom, when, and for which sign-in. Only signatures by a provider's own key are believed; keys
//! that both sides know, and none at all, are not among them.

use super::remote::Remote;
use crate::{Code, Error};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What may have signed a token.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// How far the clocks of both sides may be apart, in seconds.
const LEEWAY_S: u64 = 60;

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// Longest subject, in bytes, as the specification bounds it.
const SUBJECT_BYTES_MAX: usize = 255;

/// Where a provider names the claims that others tell, or that it tells elsewhere (OpenID Connect Core 5.6.2).
const ELSEWHERE: &str = "_claim_names";

/// What a token says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    nonce: Option<String>,
    aud: Value,
    azp: Option<String>,
    /// Why what the token leaves open could not be asked for.
    #[serde(skip)]
    pub(super) failure: Option<Error>,
    /// Everything else.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

fn refused(why: &str) -> Error {
    tracing::warn!("an ID token was refused: {why}");
    Error::new(Code::Forbidden, "the provider's answer is not one for this sign-in").hint("Begin again.")
}

/// Checks a token that a provider gave for a sign-in with this nonce.
///
/// # Errors
/// It is not one.
pub(super) async fn check(remote: &Remote<'_>, token: &str, nonce: &str) -> Result<Claims, Error> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(refused("it is too long"));
    }
    let header = decode_header(token).map_err(|error| refused(&error.to_string()))?;
    let Some(algorithm) = ALGORITHMS.into_iter().find(|algorithm| *algorithm == header.alg) else {
        return Err(refused("it is signed by an algorithm that is not taken"));
    };
    let kid = header.kid.as_deref();
    let mut keys = remote.keys(false).await?;
    if !keys.iter().any(|key| fits(key, algorithm, kid)) {
        // The provider may have changed its keys since they were fetched.
        keys = remote.keys(true).await?;
    }
    let provider = remote.provider;
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[&provider.issuer]);
    validation.set_audience(&[&provider.client_id]);
    let mut last = refused_by_all();
    for key in keys.iter().filter(|key| fits(key, algorithm, kid)) {
        let checked = DecodingKey::from_jwk(key).and_then(|key| decode::<Claims>(token, &key, &validation));
        match checked {
            Ok(checked) => return of_this_sign_in(checked.claims, &provider.client_id, nonce),
            Err(error) => last = error.to_string(),
        }
    }
    Err(refused(&last))
}

fn refused_by_all() -> String {
    "the provider has no key that it is signed by".to_owned()
}

/// Whether a key may have made a signature.
fn fits(key: &Jwk, algorithm: Algorithm, kid: Option<&str>) -> bool {
    let of_family = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => curve.curve == EllipticCurve::P256,
        (AlgorithmParameters::OctetKeyPair(curve), Algorithm::EdDSA) => curve.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    let common = &key.common;
    let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    of_family && is_for_signatures && kid.is_none_or(|kid| common.key_id.as_deref() == Some(kid))
}

/// What a sound token must say besides: it was made for this server, and for this sign-in.
fn of_this_sign_in(claims: Claims, client_id: &str, nonce: &str) -> Result<Claims, Error> {
    let is_for_others = claims.aud.as_array().is_some_and(|all| all.len() > 1);
    match &claims.azp {
        Some(azp) if azp != client_id => return Err(refused("it was made for another client")),
        None if is_for_others => return Err(refused("it is for several and does not say for whom it was made")),
        _ => {}
    }
    if claims.nonce.as_deref() != Some(nonce) {
        return Err(refused("it belongs to another sign-in"));
    }
    if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX {
        return Err(refused("it has no usable subject"));
    }
    Ok(claims)
}

impl Claims {
    /// A claim that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.others.get(name).and_then(Value::as_str)
    }

    /// Whether something is said by this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.others.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether nobody knows what is said by this name: the provider did not answer for it, or says that it is told elsewhere. What is
    /// unknown is not lost.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        let elsewhere = self.others.get(ELSEWHERE);
        let is_elsewhere = |name: &str| elsewhere.is_some_and(|names| names.get(name).is_some());
        let is_open = |name: &str| !self.has(name) && (self.failure.is_some() || is_elsewhere(name));
        is_open(name) || (name == "email" && is_open("email_verified"))
    }

    /// Adds what the provider says besides of the same person; what the token says counts more.
    ///
    /// # Errors
    /// It is said of somebody else.
    pub(super) fn complete(&mut self, userinfo: Value) -> Result<(), Error> {
        let told = userinfo.get("sub").and_then(Value::as_str);
        if told != Some(&self.sub) {
            return Err(refused("the provider told about another person than the token"));
        }
        let Value::Object(more) = userinfo else { return Ok(()) };
        // Whether an address is verified is said of that address, and of no other.
        let is_other = self.has("email") && more.get("email") != self.others.get("email");
        for (name, value) in more {
            if name == ELSEWHERE
                && let (Some(Value::Object(known)), Value::Object(more)) = (self.others.get_mut(ELSEWHERE), &value)
            {
                known.extend(more.clone());
                continue;
            }
            let is_of_other = is_other && name.starts_with("email");
            if !is_of_other && !self.has(&name) {
                self.others.insert(name, value);
            }
        }
        Ok(())
    }

    /// The address, where the provider says that it is the person's own.
    pub(super) fn verified_email(&self) -> Option<&str> {
        // Some say it as text.
        let verified = self.others.get("email_verified");
        let is_verified = verified.is_some_and(|told| *told == Value::Bool(true) || told.as_str() == Some("true"));
        self.text("email").filter(|_| is_verified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(document: Value) -> Claims {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_token_is_for_one_client_and_one_sign_in() {
        let check = |document: Value| of_this_sign_in(claims(document), "akao", "n").is_ok();
        assert!(check(json!({"sub": "s", "nonce": "n", "aud": "akao"})));
        assert!(check(json!({"sub": "s", "nonce": "n", "aud": ["akao", "other"], "azp": "akao"})));
        for bad in [
            json!({"sub": "s", "nonce": "m", "aud": "akao"}),
            json!({"sub": "s", "aud": "akao"}),
            json!({"sub": "", "nonce": "n", "aud": "akao"}),
            json!({"sub": "s", "nonce": "n", "aud": ["akao", "other"]}),
            json!({"sub": "s", "nonce": "n", "aud": "akao", "azp": "other"}),
        ] {
            assert!(!check(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn what_is_told_elsewhere_or_could_not_be_asked_for_is_unknown() {
        let mut token = claims(json!({"sub": "s", "aud": "akao", "_claim_names": {"groups": "src1"}}));
        let unknown = |claims: &Claims| ["groups", "team", "email"].map(|name| claims.is_unknown(name));
        assert_eq!(unknown(&token), [true, false, false]);
        token.complete(json!({"sub": "s", "groups": ["a"], "_claim_names": {"team": "src2"}})).unwrap();
        assert_eq!(unknown(&token), [false, true, false], "userinfo tells the one, and that the other is elsewhere");
        token.others.insert("email".to_owned(), json!("a@example.com"));
        token.failure = Some(refused("a test"));
        assert_eq!(unknown(&token), [false, true, true], "whether an address is verified belongs to it");
    }

    #[test]
    fn an_address_counts_only_where_it_was_verified_and_others_are_not_mixed_in() {
        let mut token = claims(json!({"sub": "s", "aud": "akao", "email": "a@example.com"}));
        assert_eq!(token.verified_email(), None);
        token.complete(json!({"sub": "t", "email_verified": true})).unwrap_err();
        assert_eq!(token.verified_email(), None);
        token.complete(json!({"sub": "s", "email_verified": true, "email": "b@example.com"})).unwrap();
        assert_eq!(token.verified_email(), None, "another address is verified");
        token.complete(json!({"sub": "s", "email_verified": true, "email": "a@example.com", "name": "Ada"})).unwrap();
        assert_eq!((token.verified_email(), token.text("name")), (Some("a@example.com"), Some("Ada")));
    }
}
