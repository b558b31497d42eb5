//! Signing in by a provider, against hostile providers and browsers: each attack built, and refused. Requests to the provider end
//! in the test, which signs with keys of its own. The certified provider is in `crates/akao/tests/server/oidc.rs`.

mod support;

use akao_contract::{ExecutionId, Permission};
use akao_engine::{CallError, Executions, Feed, Reply, Request};
use akao_flow::Catalogue;
use akao_host::DiskBlobs;
use akao_journal::Readers;
use akao_platform::{
    Actor, Begun, Callback, Code, Credential, Expected, NewToken, PageRequest, Parts, Platform, Provider, RoleChange,
    Rule, Setup, SignedIn, Wish,
};
use akao_step::{Allowances, BoxFuture, Egress, EgressError, HttpAnswer, HttpCall, Reach, Secret};
use akao_store::Store;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use support::NoNodes;
use tempfile::TempDir;
use url::Url;

const ISSUER: &str = "https://login.example.com";

/// An engine that is not there.
struct NoEngine;

impl Executions for NoEngine {
    fn call(&self, _: Request) -> BoxFuture<'_, Result<Reply, CallError>> {
        Box::pin(async { Err(CallError::Stopped { message: "it is not there".to_owned() }) })
    }

    fn follow(&self, _: ExecutionId) -> BoxFuture<'_, Result<Feed, CallError>> {
        Box::pin(async { Err(CallError::Stopped { message: "it is not there".to_owned() }) })
    }
}

/// A key of a provider.
struct Key {
    name: &'static str,
    private: EncodingKey,
    public: Value,
}

impl Key {
    fn new(name: &'static str) -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        let public = json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": name, "x": part(1), "y": part(33)});
        Self { name, private: EncodingKey::from_ec_der(made.as_ref()), public }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.name.to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &self.private).unwrap()
    }
}

/// What the provider answers.
struct Remote {
    metadata: Value,
    keys: Vec<Value>,
    id_token: String,
    userinfo: Value,
    /// What was asked: method, address, body.
    asked: Vec<(String, String, String)>,
    /// Whether userinfo does not answer.
    is_mute: bool,
}

/// The way out that leads to the test.
#[derive(Clone)]
struct Way(Arc<Mutex<Remote>>);

impl Egress for Way {
    fn http<'a>(&'a self, _: &'a [Permission], call: HttpCall) -> BoxFuture<'a, Result<HttpAnswer, EgressError>> {
        let mut remote = self.0.lock().unwrap();
        let body = String::from_utf8(call.body).unwrap();
        remote.asked.push((call.method, call.url.clone(), body));
        let path = call.url.strip_prefix(ISSUER).unwrap_or_default().to_owned();
        let answer = match path.as_str() {
            "/.well-known/openid-configuration" => remote.metadata.clone(),
            "/keys" => json!({"keys": remote.keys}),
            "/token" => json!({"id_token": remote.id_token, "access_token": "at"}),
            "/userinfo" if remote.is_mute => {
                return Box::pin(async { Err(EgressError::Connection("it does not answer".to_owned())) });
            }
            "/userinfo" => remote.userinfo.clone(),
            other => panic!("nobody should ask for {other} of {}", call.url),
        };
        Box::pin(async move {
            let body = answer.to_string().into_bytes();
            Ok(HttpAnswer { status: 200, headers: Vec::new(), body, url: call.url })
        })
    }

    fn reach<'a>(&'a self, _: &'a [Permission], _: &'a str, _: u16) -> BoxFuture<'a, Result<Reach, EgressError>> {
        Box::pin(async { Err(EgressError::Connection("there is nothing".to_owned())) })
    }
}

struct Ground {
    folder: TempDir,
    platform: Platform,
    owner: Actor,
    way: Way,
    key: Key,
    now_ms: Arc<AtomicI64>,
}

fn seconds() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn provider(name: &str, issuer: &str) -> Provider {
    Provider {
        name: name.to_owned(),
        title: name.to_owned(),
        issuer: issuer.to_owned(),
        client_id: "akao".to_owned(),
        client_secret: Some(Secret::new("s:e c")),
        scopes: vec!["email".to_owned()],
        links_verified_email: true,
        rules: Vec::new(),
    }
}

impl Ground {
    /// A server whose owner is `ada@example.com`, whom the provider may vouch for.
    fn new() -> Self {
        Self::with(Vec::new())
    }

    /// The same, where rules of the provider let people in.
    fn with(rules: Vec<Rule>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::new("one");
        let metadata = json!({
            "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/keys"),
            "userinfo_endpoint": format!("{ISSUER}/userinfo"),
        });
        let remote = Remote {
            metadata,
            keys: vec![json!({"kty": "unknown"}), key.public.clone()],
            id_token: String::new(),
            userinfo: json!({}),
            asked: Vec::new(),
            is_mute: false,
        };
        let way = Way(Arc::new(Mutex::new(remote)));
        let now_ms = Arc::new(AtomicI64::new(1_000_000));
        let platform = Self::platform(&folder, &way, &now_ms, rules);
        let code = platform.setup_code().unwrap().expect("nobody is here");
        let setup = Setup {
            code,
            tenant: "acme".to_owned(),
            title: None,
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            password: Secret::new("correct horse battery staple"),
        };
        let owner = platform.set_up(&setup).unwrap().actor;
        Self { folder, platform, owner, way, key, now_ms }
    }

    /// The next server on the same data, with these rules.
    fn start_again(&mut self, rules: Vec<Rule>) {
        self.platform = Self::platform(&self.folder, &self.way, &self.now_ms, rules);
    }

    fn platform(folder: &TempDir, way: &Way, now_ms: &Arc<AtomicI64>, rules: Vec<Rule>) -> Platform {
        let clock = Arc::clone(now_ms);
        Platform::new(Parts {
            store: Arc::new(Store::open(folder.path()).unwrap()),
            executions: Arc::new(NoEngine),
            readers: Arc::new(Readers::new(folder.path())),
            blobs: Arc::new(DiskBlobs::new(folder.path().join("blobs"))),
            blob_bytes: Arc::new(|_| Ok(0)),
            files: Arc::new(support::NoFiles),
            allowances: Allowances::default(),
            providers: vec![
                Provider { rules, ..provider("corp", ISSUER) },
                provider("evil", "https://evil.example.com"),
            ],
            egress: Arc::new(way.clone()),
            public_url: "https://akao.example".to_owned(),
            catalogue: Arc::new(Catalogue::from(akao_flow::control_types())),
            nodes: Arc::new(NoNodes),
            changes: akao_engine::Changes::default(),
            shelf: Arc::new(akao_platform::EmptyShelf),
            packages: Arc::new(akao_platform::NoPackages),
            outbound: akao_platform::Outbound { egress: Arc::new(way.clone()), private: false },
            secrets_elsewhere: false,
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            check_grant: |_| Ok(()),
        })
    }

    async fn begin(&self) -> (Begun, String, String) {
        self.begin_for(Wish::default()).await
    }

    async fn begin_for(&self, wish: Wish) -> (Begun, String, String) {
        let begun = self.platform.begin_oidc("corp", wish).await.unwrap();
        let of = |name: &str| {
            let url = Url::parse(&begun.location).unwrap();
            url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
        };
        let (state, nonce) = (of("state"), of("nonce"));
        (begun, state, nonce)
    }

    /// What comes back to the browser that began.
    fn callback(begun: &Begun, state: &str) -> Callback {
        Callback {
            state: Some(state.to_owned()),
            code: Some("c".to_owned()),
            browser: Some(begun.browser.clone()),
            ..Callback::default()
        }
    }

    fn claims(nonce: &str) -> Value {
        json!({
            "iss": ISSUER, "aud": "akao", "sub": "ada", "nonce": nonce, "exp": seconds() + 300, "iat": seconds(),
            "email": "ada@example.com", "email_verified": true,
        })
    }

    /// How a sign-in ends for which the provider gives the token that `token` makes for its nonce.
    async fn with_token(&self, token: impl FnOnce(&str) -> String) -> Result<String, Code> {
        let (begun, state, nonce) = self.begin().await;
        self.way.0.lock().unwrap().id_token = token(&nonce);
        self.end(Self::callback(&begun, &state)).await
    }

    /// Signs grace in, whom the provider gives these groups, for a tenant.
    async fn grace(&self, groups: Value, tenant: Option<&str>) -> Result<SignedIn, Code> {
        let wish = Wish { tenant: tenant.map(|tenant| tenant.parse().unwrap()), ..Wish::default() };
        self.grace_with(json!({"groups": groups}), wish).await
    }

    /// Signs grace in, of whom the token says this besides.
    async fn grace_with(&self, more: Value, wish: Wish) -> Result<SignedIn, Code> {
        let (begun, state, nonce) = self.begin_for(wish).await;
        let mut claims = Self::claims(&nonce);
        (claims["sub"], claims["email"]) = (json!("grace"), json!(GRACE));
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.way.0.lock().unwrap().id_token = self.key.sign(&claims);
        let ended = self.platform.end_oidc("corp", Self::callback(&begun, &state)).await;
        ended.map_err(|error| error.code)
    }

    /// The addresses of whoever belongs to the owner's tenant, with their roles.
    fn members(&self) -> Vec<(String, String)> {
        let page = self.platform.members(&self.owner, &PageRequest::new(None, None).unwrap()).unwrap();
        page.items.into_iter().map(|member| (member.email, member.role)).collect()
    }

    /// What the newest lines of the audit tell, the newest first.
    fn told(&self) -> Vec<Value> {
        let page = self.platform.audit(&self.owner, &PageRequest::new(None, None).unwrap()).unwrap();
        page.items
    }

    async fn end(&self, callback: Callback) -> Result<String, Code> {
        let ended = self.platform.end_oidc("corp", callback).await;
        ended.map(|signed_in| signed_in.actor.email).map_err(|error| error.code)
    }

    fn asked(&self, path: &str) -> usize {
        self.way.0.lock().unwrap().asked.iter().filter(|(_, url, _)| url.ends_with(path)).count()
    }
}

const GRACE: &str = "grace@example.com";

/// Whoever is in this group has the role in the tenant.
fn rule(group: &str, tenant: &str, role: &str) -> Rule {
    let (claim, value) = ("groups".to_owned(), Some(group.to_owned()));
    Rule { claim, value, tenant: tenant.parse().unwrap(), role: role.to_owned() }
}

const IN: Result<&str, Code> = Ok("ada@example.com");

fn text(answer: &Result<String, Code>) -> Result<&str, Code> {
    answer.as_deref().map_err(|code| *code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_changed_for_a_token_with_the_verifier_and_the_secret() {
    let ground = Ground::new();
    let (begun, state, nonce) = ground.begin().await;
    let url = Url::parse(&begun.location).unwrap();
    let of = |name: &str| url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned();
    assert_eq!(
        (of("response_type"), of("scope"), of("code_challenge_method")),
        ("code".into(), "openid email".into(), "S256".into())
    );
    assert_eq!(of("redirect_uri"), "https://akao.example/api/v1/oidc/corp/callback");
    ground.way.0.lock().unwrap().id_token = ground.key.sign(&Ground::claims(&nonce));
    assert_eq!(text(&ground.end(Ground::callback(&begun, &state)).await), IN);
    let asked = ground.way.0.lock().unwrap().asked.clone();
    let (_, _, form) = asked.iter().find(|(_, url, _)| url.ends_with("/token")).unwrap();
    let form: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let challenge = {
        use aws_lc_rs::digest::{SHA256, digest};
        URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()))
    };
    assert_eq!((form["code"].as_str(), challenge), ("c", of("code_challenge")));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_browser_that_began_ends_it_once_and_in_time() {
    let ground = Ground::new();
    let good = |begun: &Begun, state: &str| Ground::callback(begun, state);
    for attack in ["state", "no state", "no browser", "another browser", "provider", "late", "refused"] {
        let (begun, state, nonce) = ground.begin().await;
        ground.way.0.lock().unwrap().id_token = ground.key.sign(&Ground::claims(&nonce));
        let mut callback = good(&begun, &state);
        match attack {
            "state" => callback.state = Some("guessed".to_owned()),
            "no state" => callback.state = None,
            "no browser" => callback.browser = None,
            "another browser" => callback.browser = Some(ground.begin().await.0.browser),
            "late" => drop(ground.now_ms.fetch_add(11 * 60 * 1000, Ordering::SeqCst)),
            "refused" => callback.error = Some("access_denied".to_owned()),
            _ => {}
        }
        let name = if attack == "provider" { "evil" } else { "corp" };
        let ended = ground.platform.end_oidc(name, callback).await;
        assert_eq!(ended.map(|_| ()).map_err(|error| error.code), Err(Code::Forbidden), "{attack}");
        assert_eq!(ground.asked("/token"), 0, "{attack}: nothing was asked for");
    }
    let (begun, state, nonce) = ground.begin().await;
    ground.way.0.lock().unwrap().id_token = ground.key.sign(&Ground::claims(&nonce));
    assert_eq!(text(&ground.end(good(&begun, &state)).await), IN);
    assert_eq!(text(&ground.end(good(&begun, &state)).await), Err(Code::Forbidden), "a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_keeps_nobody_from_signing_in() {
    let ground = Ground::new();
    let hour = 3_600_000;
    let sound = std::mem::replace(&mut ground.way.0.lock().unwrap().metadata, json!("nothing"));
    let begin = || ground.platform.begin_oidc("corp", Wish::default());
    let code = async || begin().await.map(|_| ()).map_err(|error| error.code);
    assert_eq!((code().await, ground.asked("/openid-configuration")), (Err(Code::Unavailable), 1));
    ground.way.0.lock().unwrap().metadata = sound;
    assert_eq!((code().await, ground.asked("/openid-configuration")), (Err(Code::Unavailable), 1), "a moment ago");
    ground.now_ms.fetch_sub(hour, Ordering::SeqCst);
    assert_eq!((code().await, ground.asked("/openid-configuration")), (Ok(()), 2));
    assert_eq!((code().await, ground.asked("/openid-configuration")), (Ok(()), 2), "it is remembered");
    ground.now_ms.fetch_sub(hour, Ordering::SeqCst);
    assert_eq!((code().await, ground.asked("/openid-configuration")), (Ok(()), 3), "for an hour and no longer");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_one_provider_does_not_pass_for_that_of_another() {
    let ground = Ground::new();
    let end = async |issuer: Option<&str>| {
        let (begun, state, nonce) = ground.begin().await;
        ground.way.0.lock().unwrap().id_token = ground.key.sign(&Ground::claims(&nonce));
        let issuer = issuer.map(str::to_owned);
        ground.end(Callback { issuer, ..Ground::callback(&begun, &state) }).await
    };
    assert_eq!(text(&end(Some("https://evil.example.com")).await), Err(Code::Forbidden));
    assert_eq!(ground.asked("/token"), 0, "the code does not leave");
    assert_eq!(text(&end(Some(ISSUER)).await), IN);
    assert_eq!(text(&end(None).await), IN, "a provider that does not name itself");
    let ground = Ground::new();
    ground.way.0.lock().unwrap().metadata["authorization_response_iss_parameter_supported"] = json!(true);
    let (begun, state, _) = ground.begin().await;
    assert_eq!(text(&ground.end(Ground::callback(&begun, &state)).await), Err(Code::Forbidden), "one that does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_for_this_sign_in_is_refused() {
    let ground = Ground::new();
    let changed = |name: &'static str, value: Value| {
        let key = &ground.key;
        move |nonce: &str| {
            let mut claims = Ground::claims(nonce);
            claims[name] = value;
            key.sign(&claims)
        }
    };
    assert_eq!(text(&ground.with_token(|nonce| ground.key.sign(&Ground::claims(nonce))).await), IN);
    assert_eq!(text(&ground.with_token(changed("aud", json!(["akao"]))).await), IN);
    assert_eq!(text(&ground.with_token(changed("exp", json!(seconds() - 30))).await), IN, "clocks differ a little");
    for (name, value) in [
        ("aud", json!("another")),
        ("aud", json!(["akao", "another"])),
        ("azp", json!("another")),
        ("iss", json!("https://evil.example.com")),
        ("iss", json!(format!("{ISSUER}/"))),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("exp", json!(seconds() - 3_600)),
        ("exp", Value::Null),
        ("nbf", json!(seconds() + 3_600)),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("sub", json!("x".repeat(300))),
    ] {
        let refused = ground.with_token(changed(name, value.clone())).await;
        assert_eq!(text(&refused), Err(Code::Forbidden), "{name}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_nobody_or_somebody_else_signed_is_refused() {
    let ground = Ground::new();
    let unsigned = |alg: &str, nonce: &str| {
        let part = |document: &Value| URL_SAFE_NO_PAD.encode(document.to_string());
        format!("{}.{}.", part(&json!({"alg": alg, "kid": "one"})), part(&Ground::claims(nonce)))
    };
    let secret = ground.key.public["x"].as_str().unwrap().to_owned();
    let public = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(&secret).unwrap()).unwrap();
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let other = Key::new("one");
    let mut results = vec![
        ("alg none", ground.with_token(|nonce| unsigned("none", nonce)).await),
        ("alg NONE", ground.with_token(|nonce| unsigned("NONE", nonce)).await),
        ("no signature", ground.with_token(|nonce| unsigned("ES256", nonce)).await),
        ("a shared key", ground.with_token(|nonce| encode(&header, &Ground::claims(nonce), &public).unwrap()).await),
        ("another key", ground.with_token(|nonce| other.sign(&Ground::claims(nonce))).await),
        ("no token", ground.with_token(|_| "nothing".to_owned()).await),
    ];
    let changed = ground.with_token(|nonce| {
        let token = ground.key.sign(&Ground::claims(nonce));
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let mut claims = Ground::claims(nonce);
        claims["sub"] = json!("mallory");
        parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
        parts.join(".")
    });
    results.push(("a changed token", changed.await));
    for (attack, result) in &results {
        assert_eq!(text(result), Err(Code::Forbidden), "{attack}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_change_are_followed_and_unknown_ones_do_not_make_it_knock() {
    let ground = Ground::new();
    assert_eq!(text(&ground.with_token(|nonce| ground.key.sign(&Ground::claims(nonce))).await), IN);
    assert_eq!(text(&ground.with_token(|nonce| ground.key.sign(&Ground::claims(nonce))).await), IN);
    assert_eq!((ground.asked("/keys"), ground.asked("/openid-configuration")), (1, 1), "they are remembered");
    let next = Key::new("two");
    ground.way.0.lock().unwrap().keys = vec![next.public.clone()];
    ground.now_ms.fetch_add(11_000, Ordering::SeqCst);
    assert_eq!(text(&ground.with_token(|nonce| next.sign(&Ground::claims(nonce))).await), IN);
    assert_eq!(ground.asked("/keys"), 2);
    assert_eq!(text(&ground.with_token(|nonce| ground.key.sign(&Ground::claims(nonce))).await), Err(Code::Forbidden));
    for _ in 0..5 {
        let made_up = Key::new("three");
        let refused = ground.with_token(|nonce| made_up.sign(&Ground::claims(nonce))).await;
        assert_eq!(text(&refused), Err(Code::Forbidden));
    }
    assert_eq!(ground.asked("/keys"), 2, "asked again only after a while");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_another_one_or_leads_elsewhere_is_not_used() {
    for (name, value) in [
        ("issuer", "https://evil.example.com"),
        ("token_endpoint", "http://login.example.com/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("authorization_endpoint", "javascript:alert(1)"),
    ] {
        let ground = Ground::new();
        ground.way.0.lock().unwrap().metadata[name] = json!(value);
        let refused = ground.platform.begin_oidc("corp", Wish::default()).await.unwrap_err();
        assert_eq!(refused.code, Code::Unavailable, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_links_only_where_the_provider_has_verified_it() {
    let without = |verified: Value| {
        move |nonce: &str| {
            let mut claims = Ground::claims(nonce);
            claims["email_verified"] = verified;
            claims
        }
    };
    for (verified, expected) in [
        (json!(true), IN),
        (json!("true"), IN),
        (json!(false), Err(Code::Forbidden)),
        (Value::Null, Err(Code::Forbidden)),
        (json!(1), Err(Code::Forbidden)),
    ] {
        let ground = Ground::new();
        let token = without(verified.clone());
        let ended = ground.with_token(|nonce| ground.key.sign(&token(nonce))).await;
        assert_eq!(text(&ended), expected, "{verified}");
    }
    // What the token does not tell is asked for, and only believed of the same person.
    for (told, expected) in [("ada", IN), ("mallory", Err(Code::Forbidden))] {
        let ground = Ground::new();
        ground.way.0.lock().unwrap().userinfo =
            json!({"sub": told, "email": "ada@example.com", "email_verified": true});
        let ended = ground.with_token(|nonce| {
            let mut claims = Ground::claims(nonce);
            claims["email"] = Value::Null;
            claims["email_verified"] = Value::Null;
            let claims = claims.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
            ground.key.sign(&Value::Object(claims.map(|(name, value)| (name.clone(), value.clone())).collect()))
        });
        assert_eq!(text(&ended.await), expected, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_every_claim_loses_the_membership_at_the_sign_in_that_is_refused() {
    // Where somebody is signed in for another tenant, that is refused as well.
    for tenant in [None, Some("acme"), Some("globex")] {
        let ground = Ground::with(vec![rule("staff", "acme", "editor")]);
        let signed_in = ground.grace(json!(["staff"]), None).await.unwrap();
        assert!(ground.members().contains(&(GRACE.to_owned(), "editor".to_owned())));
        let new = NewToken { name: "hers".to_owned(), permissions: None, days: None };
        let token = ground.platform.make_token(&signed_in.actor, &new).unwrap().secret;
        let credentials = [Credential::Session(signed_in.session), Credential::Token(token)];
        for credential in &credentials {
            assert_eq!(ground.platform.actor(credential).unwrap().email, GRACE);
        }
        let refused = ground.grace(json!(["guests"]), tenant).await;
        assert_eq!(refused.map(drop), Err(Code::Forbidden), "{tenant:?}");
        assert_eq!(ground.members(), [("ada@example.com".to_owned(), "owner".to_owned())], "{tenant:?}");
        for credential in &credentials {
            assert_eq!(ground.platform.actor(credential).map(drop).unwrap_err().code, Code::Unauthenticated);
        }
        let removed = ground.told().swap_remove(0);
        let (user, by) = (signed_in.actor.user.as_str(), &removed["by"]);
        assert_eq!((&removed["what"], &removed["details"]), (&json!("member.removed"), &json!({"user": user})));
        assert_eq!((&by["user"], &by["provider"]), (&json!(user), &json!("corp")), "{removed}");
        // Whoever gets the claims again comes in again.
        ground.grace(json!(["staff"]), None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_refused_sign_in_says_takes_and_does_not_give() {
    let ground = Ground::with(vec![
        rule("admins", "acme", "admin"),
        rule("staff", "acme", "viewer"),
        rule("others", "globex", "editor"),
    ]);
    ground.platform.make_tenant(&ground.owner, "globex", None, "owner@globex.example", None).unwrap();
    let first = ground.grace(json!(["admins"]), None).await.unwrap().actor;
    // She asks for a tenant that she is not in; the claims make less of her here, and would let her in there.
    let refused = ground.grace(json!(["staff", "others"]), Some("initech")).await;
    assert_eq!(refused.map(drop), Err(Code::Forbidden));
    assert!(ground.members().contains(&(GRACE.to_owned(), "viewer".to_owned())), "{:?}", ground.members());
    let memberships = ground.platform.whoami(&first).unwrap().memberships;
    assert_eq!(memberships.len(), 1, "she does not join where she is refused: {memberships:?}");
    // With another tenant that she is in, what is lost in the first one is lost as well.
    let both = ground.grace(json!(["staff", "others"]), Some("globex")).await.unwrap();
    assert_eq!((both.actor.tenant.as_str(), ground.members().len()), ("globex", 2));
    let refused = ground.grace(json!(["admins"]), Some("initech")).await;
    assert_eq!(refused.map(drop), Err(Code::Forbidden));
    assert!(ground.members().contains(&(GRACE.to_owned(), "viewer".to_owned())), "more is given where she is let in");
    ground.grace(json!(["others"]), Some("globex")).await.unwrap();
    assert_eq!(ground.members().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_userinfo_alone_tells_are_asked_for() {
    let ground = Ground::with(vec![rule("staff", "acme", "viewer")]);
    let tell = |userinfo: Value| ground.way.0.lock().unwrap().userinfo = userinfo;
    tell(json!({"sub": "grace", "groups": ["staff"], "name": "Grace"}));
    let signed_in = ground.grace(Value::Null, None).await.unwrap();
    assert_eq!((signed_in.actor.name.as_str(), ground.asked("/userinfo")), ("Grace", 1));
    // What another person has is not hers, and what cannot be asked for is not lost.
    tell(json!({"sub": "mallory", "groups": ["staff"]}));
    assert_eq!(ground.grace(Value::Null, None).await.map(drop), Err(Code::Forbidden));
    ground.way.0.lock().unwrap().is_mute = true;
    assert_eq!(ground.grace(Value::Null, None).await.map(drop), Err(Code::Unavailable));
    assert_eq!(ground.members().len(), 2);
    // Whose token says all that decides is let in by a provider that does not answer for the rest.
    ground.grace(json!(["staff"]), None).await.unwrap();
    ground.way.0.lock().unwrap().is_mute = false;
    ground.now_ms.fetch_add(31_000, Ordering::SeqCst);
    tell(json!({"sub": "grace", "email": GRACE}));
    assert_eq!(ground.grace(Value::Null, None).await.map(drop), Err(Code::Forbidden), "now they are lost");
    assert_eq!(ground.members().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_told_elsewhere_are_not_lost() {
    let ground = Ground::with(vec![rule("staff", "acme", "editor")]);
    let tell = |userinfo: Value| ground.way.0.lock().unwrap().userinfo = userinfo;
    tell(json!({"sub": "grace"}));
    let elsewhere = json!({
        "_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example.com"}},
    });
    let sign_in = async || ground.grace_with(elsewhere.clone(), Wish::default()).await.map(drop);
    assert_eq!(sign_in().await, Err(Code::Unavailable), "whoever is new is not let in by it");
    ground.grace(json!(["staff"]), None).await.unwrap();
    assert_eq!(sign_in().await, Err(Code::Unavailable));
    assert_eq!(ground.members().len(), 2, "nothing is taken");
    tell(json!({"sub": "grace", "_claim_names": {"groups": "src1"}}));
    assert_eq!(ground.grace(Value::Null, None).await.map(drop), Err(Code::Unavailable), "userinfo says it as well");
    tell(json!({"sub": "grace", "groups": ["staff"]}));
    assert_eq!(sign_in().await, Ok(()), "userinfo tells them");
    tell(json!({"sub": "grace", "groups": []}));
    assert_eq!(sign_in().await, Err(Code::Forbidden), "and says which are lost");
    assert_eq!(ground.members().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_userinfo_cannot_be_asked_nothing_is_lost_that_is_not_told() {
    let ground = Ground::with(vec![rule("staff", "acme", "editor")]);
    ground.way.0.lock().unwrap().metadata.as_object_mut().unwrap().remove("userinfo_endpoint");
    ground.grace(json!(["staff"]), None).await.unwrap();
    assert_eq!(ground.grace(Value::Null, None).await.map(drop), Err(Code::Unavailable));
    assert_eq!((ground.members().len(), ground.asked("/userinfo")), (2, 0));
    assert_eq!(ground.grace(json!(["guests"]), None).await.map(drop), Err(Code::Forbidden));
    assert_eq!(ground.members().len(), 1, "what the token tells counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_no_rule_concerns_comes_in_where_userinfo_does_not_answer() {
    let ground = Ground::with(vec![rule("staff", "acme", "editor")]);
    ground.way.0.lock().unwrap().is_mute = true;
    let owner = async || ground.with_token(|nonce| ground.key.sign(&Ground::claims(nonce))).await;
    for _ in 0..3 {
        assert_eq!(text(&owner().await), IN);
    }
    assert_eq!(ground.asked("/userinfo"), 1, "each sign-in would wait for it");
    ground.now_ms.fetch_add(31_000, Ordering::SeqCst);
    assert_eq!(text(&owner().await), IN);
    assert_eq!(ground.asked("/userinfo"), 2);
    assert_eq!(ground.grace(Value::Null, None).await.map(drop), Err(Code::Unavailable), "nobody comes in by a rule");
    let invited = ground.platform.invite(&ground.owner, GRACE, "viewer").unwrap();
    let wish = Wish { invitation: Some(invited.code), ..Wish::default() };
    ground.grace_with(json!({}), wish).await.unwrap();
    ground.grace_with(json!({}), Wish::default()).await.unwrap();
    assert!(ground.members().contains(&(GRACE.to_owned(), "viewer".to_owned())), "{:?}", ground.members());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_one_tenant_counts_where_another_stays_open() {
    let team = Rule { claim: "team".to_owned(), ..rule("red", "globex", "viewer") };
    let ground = Ground::with(vec![rule("staff", "acme", "editor"), team]);
    ground.platform.make_tenant(&ground.owner, "globex", None, "owner@globex.example", None).unwrap();
    let to = |tenant: &str| Wish { tenant: Some(tenant.parse().unwrap()), ..Wish::default() };
    ground.grace_with(json!({"groups": ["staff"], "team": "red"}), to("acme")).await.unwrap();
    ground.way.0.lock().unwrap().is_mute = true;
    let open = json!({"team": "red"});
    assert_eq!(ground.grace_with(open.clone(), to("acme")).await.map(drop), Err(Code::Unavailable));
    let signed_in = ground.grace_with(open, Wish::default()).await.unwrap();
    assert_eq!((signed_in.actor.tenant.as_str(), ground.members().len()), ("globex", 2));
    // What the token says is lost in one is lost, though the other is open.
    assert_eq!(ground.grace_with(json!({"team": "blue"}), to("globex")).await.map(drop), Err(Code::Forbidden));
    assert_eq!(ground.grace_with(json!({"team": "blue"}), Wish::default()).await.map(drop), Err(Code::Unavailable));
    assert_eq!(ground.members().len(), 2, "nothing is lost in the tenant that stays open");
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_is_asked_only_for_what_decides() {
    let ground = Ground::new();
    let without = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = &ground.key;
        move |nonce: &str| {
            let mut claims = Ground::claims(nonce);
            claims.as_object_mut().unwrap().retain(|name, _| !names.contains(name));
            key.sign(&claims)
        }
    };
    let verified = json!({"sub": "ada", "email": "ada@example.com", "email_verified": true});
    ground.way.0.lock().unwrap().userinfo = verified;
    assert_eq!(text(&ground.with_token(without(&["email_verified"])).await), IN);
    assert_eq!(ground.asked("/userinfo"), 1, "an account is found by an address that is verified");
    assert_eq!(text(&ground.with_token(without(&["email", "email_verified"])).await), IN);
    assert_eq!(ground.asked("/userinfo"), 1, "whoever is known is not found by it");
    let ground = Ground::new();
    assert_eq!(text(&ground.with_token(|nonce| ground.key.sign(&Ground::claims(nonce))).await), IN);
    assert_eq!(ground.asked("/userinfo"), 0, "a name is for a new account");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_whose_role_was_taken_away_keeps_nobody_in_the_one_before() {
    let ground = Ground::with(vec![
        rule("admins", "acme", "admin"),
        rule("staff", "acme", "reader"),
        rule("helpers", "acme", "viewer"),
    ]);
    let reader = RoleChange { title: None, permissions: vec!["executions.read".to_owned()] };
    ground.platform.make_role(&ground.owner, "reader", &reader).unwrap();
    ground.grace(json!(["staff"]), None).await.unwrap();
    assert!(ground.members().contains(&(GRACE.to_owned(), "reader".to_owned())));
    ground.grace(json!(["admins"]), None).await.unwrap();
    ground.platform.remove_role(&ground.owner, "reader", &Expected::Any).unwrap();
    ground.grace(json!(["staff", "helpers"]), None).await.unwrap();
    assert!(ground.members().contains(&(GRACE.to_owned(), "viewer".to_owned())), "{:?}", ground.members());
    ground.grace(json!(["admins"]), None).await.unwrap();
    assert_eq!(ground.grace(json!(["staff"]), None).await.map(drop), Err(Code::Forbidden));
    assert_eq!(ground.members().len(), 1, "nothing is left that gives her a role");
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_end_with_the_last_rule_of_their_tenant() {
    let mut ground = Ground::with(vec![rule("staff", "acme", "editor"), rule("staff", "globex", "viewer")]);
    ground.platform.make_tenant(&ground.owner, "globex", None, "owner@globex.example", None).unwrap();
    ground.grace(json!(["staff"]), None).await.unwrap();
    assert_eq!(ground.members().len(), 2);
    ground.start_again(vec![rule("staff", "globex", "viewer")]);
    let signed_in = ground.grace(json!(["staff"]), None).await.unwrap();
    assert_eq!((signed_in.actor.tenant.as_str(), ground.members().len()), ("globex", 1));
    // The owner, whom no rule has made, stays.
    assert_eq!(text(&ground.with_token(|nonce| ground.key.sign(&Ground::claims(nonce))).await), IN);
}
