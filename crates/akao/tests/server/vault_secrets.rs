//! Secrets that a Vault keeps, asked for by its protocol at a stand-in: key-value engine version 2, logins by AppRole, tokens that
//! end, refusals in Vault's words. What is asked and how answers look is as HashiCorp documents it for the HTTP API.

use crate::server::{Person, Server, WITHIN};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const FIRST_TOKEN: &str = "hvs.first-token-of-the-role";
const ROLE: &str = "9f1c-role";
const SECRET_ID: &str = "5d2e-secret-id";

/// Fails with a message that holds the secret, which is told masked by whoever could have it.
const USES: &str =
    "akao: 1\nid: uses\nversion: 1.0.0\nroot: { type: FailureNode, props: { message: \"opened ${secrets.TOKEN}\" } }\n";

/// What the stand-in has, and what it was asked.
#[derive(Default)]
struct State {
    /// Data by path below the mount.
    data: BTreeMap<String, Value>,
    tokens: Vec<String>,
    logins: u64,
    renewals: u64,
    lease_s: u64,
    /// Whether tokens may not be renewed.
    is_final: bool,
    is_sealed: bool,
    /// Paths that no token may read.
    denied: Vec<String>,
    /// First lines of the requests.
    asked: Vec<String>,
    namespaces: Vec<String>,
}

#[derive(Clone)]
struct Vault {
    url: String,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    token: String,
    namespace: String,
    body: Value,
}

fn refusal(status: u16, errors: &[&str]) -> (u16, Value) {
    (status, json!({"errors": errors}))
}

impl State {
    fn answer(&mut self, request: &Request) -> (u16, Value) {
        self.asked.push(format!("{} {}", request.method, request.path));
        self.namespaces.push(request.namespace.clone());
        if self.is_sealed {
            return refusal(503, &["Vault is sealed"]);
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/auth/approle/login") => self.log_in(&request.body),
            _ if !self.tokens.contains(&request.token) => {
                refusal(403, &["2 errors occurred: permission denied, invalid token"])
            }
            ("POST", "/v1/auth/token/renew-self") if self.is_final => refusal(400, &["lease is not renewable"]),
            ("POST", "/v1/auth/token/renew-self") => {
                self.renewals += 1;
                (200, self.auth(&request.token))
            }
            ("GET", path) => match path.strip_prefix("/v1/kv/data/") {
                Some(path) if self.denied.iter().any(|denied| denied == path) => {
                    refusal(403, &["1 error occurred:\n\t* permission denied\n\n"])
                }
                Some(path) => match self.data.get(path) {
                    Some(data) => {
                        let metadata = json!({"created_time": "2026-11-30T10:00:00Z", "custom_metadata": null, "deletion_time": "", "destroyed": false, "version": 1});
                        (
                            200,
                            json!({"request_id": "a", "lease_id": "", "renewable": false, "lease_duration": 0, "data": {"data": data, "metadata": metadata}, "wrap_info": null, "warnings": null, "auth": null}),
                        )
                    }
                    None => refusal(404, &[]),
                },
                None => refusal(404, &["no handler for route"]),
            },
            _ => refusal(405, &[]),
        }
    }

    fn log_in(&mut self, body: &Value) -> (u16, Value) {
        if *body != json!({"role_id": ROLE, "secret_id": SECRET_ID}) {
            return refusal(400, &["invalid role or secret ID"]);
        }
        self.logins += 1;
        let token = format!("{FIRST_TOKEN}-{}", self.logins);
        self.tokens = vec![token.clone()];
        (200, self.auth(&token))
    }

    fn auth(&self, token: &str) -> Value {
        json!({"auth": {"client_token": token, "accessor": "acc", "policies": ["default", "akao"], "lease_duration": self.lease_s, "renewable": !self.is_final, "token_type": "service"}})
    }
}

impl Vault {
    fn begin(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { lease_s: 3_600, ..State::default() }));
        let vault = Self { url, state: Arc::clone(&state) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(WITHIN)).expect("a timeout");
                let state = Arc::clone(&state);
                match &tls {
                    None => serve(stream, &state),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(Arc::clone(config)).expect("a connection");
                        serve(rustls::StreamOwned::new(connection, stream), &state);
                    }
                }
            }
        });
        vault
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Logins and renewals.
    fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.logins, state.renewals)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }
}

/// Answers one request; a client that gives up is none.
fn serve(stream: impl Read + Write, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let Some(request) = read(&mut reader) else { return };
    let (status, body) = state.lock().expect("no panic").answer(&request);
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let stream = reader.get_mut();
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body.as_bytes()))
        .and_then(|()| stream.flush());
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    Some(Request {
        method,
        path,
        token: header("x-vault-token"),
        namespace: header("x-vault-namespace"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// A server that knows a Vault, as the lines of its file say beside the address.
fn server(vault: &Vault, lines: &str) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("vault.toml");
    let text = format!("config = 1\naddress = \"{}\"\nmount = \"kv\"\ntimeout = \"2s\"\n{lines}", vault.url);
    std::fs::write(&file, text).expect("a file");
    Server::started(folder, |command| {
        command.arg("--vault").arg(file);
    })
}

/// Proves the server by the role; the secret id stands in a file of this folder.
fn by_role(folder: &Path) -> String {
    let file = folder.join("secret-id");
    std::fs::write(&file, format!("{SECRET_ID}\n")).expect("a file");
    format!("[auth]\nrole_id = \"{ROLE}\"\nsecret_id_file = \"{}\"\n", file.display())
}

/// How an execution ended that needs the secret: the message of its failure.
fn outcome(person: &Person<'_>) -> String {
    let body = json!({"workflow": "uses", "grants": ["secrets=TOKEN"]});
    let started = person.post("/api/v1/executions", &[], &body).is(201).body;
    let ended = person.wait(started["execution"].as_str().expect("an id"), &["success", "failure"]);
    ended["error"]["message"].as_str().unwrap_or_else(|| panic!("no message: {ended:#}")).to_owned()
}

/// Every file below a folder that holds one of the texts.
fn found(folder: &Path, texts: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            places.extend(found(&path, texts));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        let holds = |text: &&&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        places.extend(texts.iter().filter(holds).map(|text| format!("{text} in {}", path.display())));
    }
    places
}

#[test]
fn secrets_of_a_vault_are_given_to_steps_of_their_tenant_and_shown_to_nobody() {
    let (vault, files) = (Vault::begin(None), tempfile::tempdir().expect("a folder"));
    let (value, other) = ("planted-in-vault-of-acme", "planted-in-vault-of-globex");
    vault.state().data = BTreeMap::from([
        ("akao/acme".to_owned(), json!({"TOKEN": value, "NUMBER": 12345})),
        ("akao/globex".to_owned(), json!({"TOKEN": other})),
    ]);
    let lines = format!("namespace = \"team/akao\"\npath = \"akao/{{tenant}}\"\n{}", by_role(files.path()));
    let mut server = server(&vault, &lines);
    {
        let owner = server.owner();
        owner.save("uses", USES).is(201);
        let globex = server.other_owner(&owner, "globex");
        globex.save("uses", USES).is(201);
        // Without its grant nobody asks.
        let start = json!({"workflow": "uses"});
        owner.post("/api/v1/executions", &[], &start).refuses(400, "invalid_request");
        assert_eq!(vault.asked(), [""; 0]);
        for _ in 0..2 {
            assert_eq!(outcome(&owner), "opened ***");
        }
        let asked = ["POST /v1/auth/approle/login", "GET /v1/kv/data/akao/acme"];
        assert_eq!(vault.asked(), asked, "one login, and what was read a moment ago is remembered");
        assert_eq!(outcome(&globex), "opened ***");
        assert_eq!(vault.asked(), ["GET /v1/kv/data/akao/globex"]);
        assert!(vault.state().namespaces.iter().all(|namespace| namespace == "team/akao"));
        // What the server keeps itself comes first, and nobody asks.
        owner.ask("PUT", "/api/v1/secrets/{secret}", &["TOKEN"], "", Some(&json!({"value": "kept here"}))).is(201);
        assert_eq!(outcome(&owner), "opened ***");
        assert_eq!(vault.asked(), [""; 0]);
        let listed = owner.get("/api/v1/secrets").is(200).body;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed:#}");
    }
    server.end(rustix::process::Signal::TERM);
    let texts = [value, other, SECRET_ID, FIRST_TOKEN];
    assert_eq!(found(server.folder.path(), &texts), [""; 0]);
    let log = server.log.text();
    assert!(texts.iter().all(|text| !log.contains(text)), "{log}");
}

#[test]
fn tokens_that_end_or_are_revoked_are_renewed_or_replaced() {
    let (vault, files) = (Vault::begin(None), tempfile::tempdir().expect("a folder"));
    vault.state().data.insert("acme/TOKEN".to_owned(), json!({"value": "a value of its own place"}));
    let lines = format!("path = \"{{tenant}}/{{name}}\"\ncache_seconds = 0\n{}", by_role(files.path()));
    let server = server(&vault, &lines);
    let owner = server.owner();
    owner.save("uses", USES).is(201);
    vault.state().lease_s = 12;
    assert_eq!(outcome(&owner), "opened ***");
    assert_eq!(vault.counts(), (1, 0));
    // Past two thirds of its time it is renewed.
    std::thread::sleep(Duration::from_secs(9));
    vault.state().lease_s = 3_600;
    assert_eq!(outcome(&owner), "opened ***");
    assert_eq!(vault.counts(), (1, 1));
    // Revoked: the server logs in again, once the token is not brand-new.
    std::thread::sleep(Duration::from_secs(2));
    vault.state().tokens.clear();
    assert_eq!(outcome(&owner), "opened ***");
    assert_eq!(vault.state().logins, 2);
    // Where the server may not, it does not knock again and again.
    vault.state().denied.push("acme/TOKEN".to_owned());
    for _ in 0..3 {
        let told = outcome(&owner);
        assert!(told.contains("the server's Vault does not let the server read it"), "{told}");
    }
    assert_eq!(vault.state().logins, 2);
    assert!(server.log.text().contains("permission denied"), "the operator learns why");
}

/// Waits until something is so of the stand-in.
fn until(vault: &Vault, what: &str, is_so: impl Fn(&State) -> bool) {
    let begun = Instant::now();
    while !is_so(&vault.state()) {
        assert!(begun.elapsed() < WITHIN, "{what}: {:?}", vault.counts());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_token_is_kept_alive_while_nobody_asks_for_a_secret() {
    let (vault, files) = (Vault::begin(None), tempfile::tempdir().expect("a folder"));
    vault.state().data.insert("akao/acme".to_owned(), json!({"TOKEN": "a value"}));
    vault.state().lease_s = 3;
    let server = server(&vault, &format!("path = \"akao/{{tenant}}\"\n{}", by_role(files.path())));
    let owner = server.owner();
    owner.save("uses", USES).is(201);
    assert_eq!(vault.counts(), (0, 0), "nobody needs one yet");
    assert_eq!(outcome(&owner), "opened ***");
    // What the server logged in by is worth nothing any more, as one that may be used once.
    let secret_id = files.path().join("secret-id");
    std::fs::write(&secret_id, "used up").expect("a file");
    until(&vault, "it is not renewed again and again", |state| state.renewals >= 3);
    assert_eq!(vault.state().logins, 1);
    assert_eq!(outcome(&owner), "opened ***");
    // One that cannot be renewed any more is replaced before it ends.
    std::fs::write(&secret_id, SECRET_ID).expect("a file");
    vault.state().is_final = true;
    until(&vault, "nobody logs in again", |state| state.logins >= 3);
    assert_eq!(outcome(&owner), "opened ***");
}

#[test]
fn a_token_of_a_file_is_renewed_where_it_can_be() {
    let (vault, files) = (Vault::begin(None), tempfile::tempdir().expect("a folder"));
    vault.state().data.insert("akao/acme".to_owned(), json!({"TOKEN": "a value"}));
    vault.state().lease_s = 3;
    vault.state().tokens = vec!["hvs.periodic".to_owned(), "hvs.fixed".to_owned()];
    let token = files.path().join("token");
    std::fs::write(&token, "hvs.periodic").expect("a file");
    let lines =
        format!("path = \"akao/{{tenant}}\"\ncache_seconds = 0\n[auth]\ntoken_file = \"{}\"\n", token.display());
    let server = server(&vault, &lines);
    let owner = server.owner();
    owner.save("uses", USES).is(201);
    assert_eq!(outcome(&owner), "opened ***");
    until(&vault, "it is not renewed", |state| state.renewals >= 3);
    assert_eq!(vault.state().logins, 0);
    // Of one that cannot be the operator is told, once.
    vault.state().is_final = true;
    std::fs::write(&token, "hvs.fixed").expect("a file");
    let told = || server.log.text().matches("is to be replaced before it ends").count();
    for _ in 0..3 {
        assert_eq!(outcome(&owner), "opened ***");
    }
    let begun = Instant::now();
    while told() == 0 {
        assert!(begun.elapsed() < WITHIN, "{}", server.log.text());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(outcome(&owner), "opened ***");
    assert!(told() <= 2 && !server.log.text().contains("hvs."), "{}", server.log.text());
    // Nor is it told again when the same one is refused, and read again for that.
    let before = told();
    vault.state().tokens.clear();
    std::thread::sleep(Duration::from_secs(11));
    vault.asked();
    outcome(&owner);
    let renewal = "POST /v1/auth/token/renew-self";
    until(&vault, "it is not read again", |state| state.asked.iter().any(|asked| asked == renewal));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(told(), before, "{}", server.log.text());
}

#[test]
fn what_goes_wrong_is_told_without_what_nobody_should_know() {
    let (vault, files) = (Vault::begin(None), tempfile::tempdir().expect("a folder"));
    let token = files.path().join("token");
    std::fs::write(&token, "hvs.not-known-there\n").expect("a file");
    let lines =
        format!("path = \"akao/{{tenant}}\"\ncache_seconds = 0\n[auth]\ntoken_file = \"{}\"\n", token.display());
    let server = server(&vault, &lines);
    let owner = server.owner();
    owner.save("uses", USES).is(201);
    let told_like = |words: &str| {
        let told = outcome(&owner);
        assert!(told.contains(words) && !told.contains("hvs.") && !told.contains(&vault.url), "{words}: {told}");
    };
    told_like("secret `TOKEN` could not be read: the server's Vault does not let the server read it");
    // The file is read again: whoever renews the token writes another one.
    std::fs::write(&token, "hvs.known-there").expect("a file");
    vault.state().tokens.push("hvs.known-there".to_owned());
    told_like("there is no secret `TOKEN`");
    vault.state().data.insert("akao/acme".to_owned(), json!({"OTHER": "a value"}));
    told_like("there is no secret `TOKEN`");
    vault.state().data.insert("akao/acme".to_owned(), json!({"TOKEN": "abc"}));
    told_like("could not be masked");
    vault.state().data.insert("akao/acme".to_owned(), json!({"TOKEN": "long enough"}));
    assert_eq!(outcome(&owner), "opened ***");
    vault.state().is_sealed = true;
    told_like("the server's Vault is sealed");
    vault.state().is_sealed = false;
    let begun = Instant::now();
    while outcome(&owner) != "opened ***" {
        assert!(begun.elapsed() < WITHIN, "it does not come back");
        std::thread::sleep(Duration::from_millis(200));
    }
    std::fs::remove_file(&token).expect("it is there");
    told_like("the server's Vault does not let the server read it");
    let log = server.log.text();
    assert!(log.contains("Vault does not give a secret") && !log.contains("hvs."), "{log}");
}

#[test]
fn a_vault_with_a_private_authority_is_reached_and_one_that_is_away_fails_the_step() {
    let files = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let vault = Vault::begin(Some(Arc::new(config)));
    vault.state().data.insert("akao/acme".to_owned(), json!({"TOKEN": "over a secure connection"}));
    let authority = files.path().join("ca.pem");
    std::fs::write(&authority, made.cert.pem()).expect("a file");
    let lines = format!("path = \"akao/{{tenant}}\"\n{}", by_role(files.path()));
    let trusting = server(&vault, &format!("ca_file = \"{}\"\n{lines}", authority.display()));
    let owner = trusting.owner();
    owner.save("uses", USES).is(201);
    assert_eq!(outcome(&owner), "opened ***");
    // Who does not know the authority does not say the secret id.
    let logins = vault.state().logins;
    let doubting = server(&vault, &lines);
    let owner = doubting.owner();
    owner.save("uses", USES).is(201);
    let told = outcome(&owner);
    assert!(told.contains("the server's Vault does not answer"), "{told}");
    assert_eq!(vault.state().logins, logins);
}
