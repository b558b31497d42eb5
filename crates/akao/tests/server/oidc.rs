//! Signing in by a real OpenID provider in its own process: the certified `oidc-provider`, whose login form is filled in as a
//! browser would. What a hostile provider or a hostile browser tries is in `crates/akao-platform/tests/oidc.rs`.

use crate::server::{Answer, PASSWORD, Person, Server, WITHIN};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use ureq::{Agent, http};

/// A provider that runs.
struct Provider {
    child: Child,
    issuer: String,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago: the provider must know where the server will be, and the server where the provider is.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Provider {
    fn start(server_url: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = here.join("../../.tools/oidc-provider");
        let message = "oidc-provider is not installed in .tools/; run `cargo xtask setup`, which installs it";
        assert!(tools.join("node_modules/oidc-provider").is_dir(), "{message}");
        let mut command = Command::new("node");
        command.arg(here.join("tests/server/provider.mjs")).arg(tools);
        command.arg(format!("{server_url}/api/v1/oidc/corp/callback"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("node starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output is read")).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a document: {line:?}"));
        Self { child, issuer: told["issuer"].as_str().expect("an issuer").to_owned() }
    }
}

/// A server with that provider, and rules for it.
fn server(more: &str) -> (Provider, Server) {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let provider = Provider::start(&url);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("oidc.toml");
    std::fs::write(folder.path().join("secret"), "a-secret-of-the-client").expect("a file");
    let secret = folder.path().join("secret");
    let text = format!(
        "config = 1\n[[provider]]\nname = \"corp\"\ntitle = \"Corp\"\nissuer = \"{}\"\nclient_id = \"akao\"\nclient_secret = \"@{}\"\n{more}",
        provider.issuer,
        secret.display()
    );
    std::fs::write(&file, text).expect("a file");
    let server = Server::with(folder, |command| {
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--oidc"]).arg(&file);
    });
    (provider, server)
}

/// A browser: it keeps the cookies of each site, and follows no redirect by itself.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    fn ask(&mut self, method: &str, url: &str, form: Option<&str>) -> (u16, http::HeaderMap, String) {
        let site = url.split('/').nth(2).expect("a host").to_owned();
        let cookies = self.cookies.entry(site).or_default();
        let sent = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = http::Request::builder().method(method).uri(url).header("cookie", sent);
        let request = request.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(WITHIN));
        let agent: Agent = config.build().into();
        let answer = match form {
            Some(form) => {
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                agent.run(request.body(form.to_owned()).expect("a request"))
            }
            None => agent.run(request.body(()).expect("a request")),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
            let (name, value) = cookie.split_once('=').expect("a cookie");
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), answer.headers().clone(), body)
    }

    /// Goes on until the provider sends the browser back; answers where to.
    fn sign_in(&mut self, location: &str, person: &str) -> String {
        let (mut url, mut form) = (location.to_owned(), None);
        for _ in 0..12 {
            let method = if form.is_some() { "POST" } else { "GET" };
            let (status, headers, page) = self.ask(method, &url, form.as_deref());
            form = None;
            if let Some(next) = headers.get("location").map(|next| next.to_str().expect("text")) {
                let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
                url = if next.starts_with('/') { format!("{origin}{next}") } else { next.to_owned() };
                if url.contains("/callback?") {
                    return url;
                }
                continue;
            }
            assert_eq!(status, 200, "{url}: {page}");
            let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
            let action = action.unwrap_or_else(|| panic!("no form: {page}"));
            form = Some(match page.contains("name=\"login\"") {
                true => format!("prompt=login&login={person}&password=any"),
                false => "prompt=consent".to_owned(),
            });
            url = match action.starts_with('/') {
                true => format!("{}{action}", url.split('/').take(3).collect::<Vec<_>>().join("/")),
                false => action.to_owned(),
            };
        }
        panic!("the provider never sends the browser back; it is at {url}");
    }

    /// A header with the cookies of a site.
    fn cookie(&self, server: &Server) -> String {
        let site = server.url.split('/').nth(2).expect("a host");
        let cookies = self.cookies.get(site).expect("the site was visited");
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

/// Where the server leads who is signed in, and who is not let in.
const WITHIN_CONSOLE: &str = "/";
const REFUSED: &str = "/sign-in?refused=forbidden";

/// Brings back what the provider said; where the server leads the browser then.
fn come_back(server: &Server, browser: &mut Browser, callback: &str) -> String {
    assert!(callback.starts_with(&server.url), "{callback}");
    let (status, headers, body) = browser.ask("GET", callback, None);
    assert_eq!(status, 303, "{body}");
    headers["location"].to_str().expect("text").to_owned()
}

fn person<'s>(server: &'s Server, browser: &Browser) -> Person<'s> {
    let person = server.anybody().with("cookie", &browser.cookie(server));
    let me = person.get("/api/v1/me").is(200).body;
    person.with("x-csrf-token", me["csrf"].as_str().expect("a token against other sites"))
}

/// Begins at the server's own page and answers the provider's address.
fn begin(server: &Server, browser: &mut Browser) -> String {
    let (status, headers, body) = browser.ask("GET", &format!("{}/api/v1/oidc/corp/login", server.url), None);
    assert_eq!(status, 303, "{body}");
    headers["location"].to_str().expect("text").to_owned()
}

/// Keeps the cookie of an answer that says where to go.
fn elsewhere(server: &Server, browser: &mut Browser, answer: &Answer) -> String {
    let site = server.url.split('/').nth(2).expect("a host").to_owned();
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default();
    let (name, value) = cookie.split_once('=').expect("a cookie");
    browser.cookies.entry(site).or_default().insert(name.to_owned(), value.to_owned());
    answer.body["location"].as_str().expect("an address").to_owned()
}

#[test]
fn who_is_invited_joins_by_the_provider_and_signs_in_by_it_again() {
    let (_provider, server) = server("");
    let owner = server.owner();
    assert_eq!(owner.get("/api/v1/oidc").is(200).body, json!({"items": [{"provider": "corp", "title": "Corp"}]}));
    // Nobody is let in for being known elsewhere.
    let mut grace = Browser::default();
    let location = begin(&server, &mut grace);
    let callback = grace.sign_in(&location, "grace");
    assert_eq!(come_back(&server, &mut grace, &callback), REFUSED);
    let invited = owner.post("/api/v1/members", &[], &json!({"email": "grace@example.com", "role": "editor"})).is(201);
    let body = json!({"invitation": invited.body["code"]});
    let begun = server.anybody().post("/api/v1/oidc/{provider}/login", &["corp"], &body).is(200);
    let location = elsewhere(&server, &mut grace, &begun);
    // What a provider sends besides is none of ours, whatever it is.
    let callback = format!("{}&client_info=x&session_state=y&client_info=z", grace.sign_in(&location, "grace"));
    assert_eq!(come_back(&server, &mut grace, &callback), WITHIN_CONSOLE);
    let me = person(&server, &grace).get("/api/v1/me").is(200).body;
    assert_eq!(
        (&me["email"], &me["role"], &me["name"]),
        (&json!("grace@example.com"), &json!("editor"), &json!("Grace"))
    );
    // The same answer of the provider is worth nothing a second time.
    assert_eq!(come_back(&server, &mut grace, &callback), REFUSED);
    let mut later = Browser::default();
    let location = begin(&server, &mut later);
    let callback = later.sign_in(&location, "grace");
    // Nor is it in another browser.
    assert_eq!(come_back(&server, &mut Browser::default(), &callback), REFUSED);
    let location = begin(&server, &mut later);
    let callback = later.sign_in(&location, "grace");
    assert_eq!(come_back(&server, &mut later, &callback), WITHIN_CONSOLE);
    let person = person(&server, &later);
    let identities = person.get("/api/v1/me/identities").is(200).body;
    assert_eq!(
        (&identities["items"][0]["provider"], &identities["items"][0]["subject"]),
        (&json!("corp"), &json!("grace"))
    );
    let only = identities["items"][0]["id"].as_str().expect("an id");
    person.delete("/api/v1/me/identities/{identity}", &[only]).refuses(409, "conflict");
    let line = owner.get("/api/v1/audit").is(200).body["items"][0].clone();
    assert_eq!((&line["what"], &line["details"]), (&json!("session.begun"), &json!({"provider": "corp"})));
}

#[test]
fn a_refusal_leads_a_person_to_a_page_and_holds_no_words_of_others() {
    let (provider, server) = server("");
    for said in ["state=x", "state=x&error=%3Cscript%3E&error_description=https://evil.example", "error=//evil.example"]
    {
        let address = format!("{}/api/v1/oidc/corp/callback?{said}", server.url);
        assert_eq!(come_back(&server, &mut Browser::default(), &address), REFUSED, "{said}");
    }
    let address = format!("{}/api/v1/oidc/none/callback?state=x", server.url);
    assert_eq!(come_back(&server, &mut Browser::default(), &address), "/sign-in?refused=not_found");
    // The page that begins is the same for whoever looks at it while the provider is down.
    drop(provider);
    let login = format!("{}/api/v1/oidc/corp/login", server.url);
    assert_eq!(come_back(&server, &mut Browser::default(), &login), "/sign-in?refused=unavailable");
    server.anybody().ask("GET", "/api/v1/oidc/{provider}/login", &["corp"], "", None).refuses(503, "unavailable");
    // A program is told in its own words.
    let program = server.anybody();
    let told = program.ask("GET", "/api/v1/oidc/{provider}/callback", &["corp"], "?state=x", None);
    told.refuses(403, "forbidden");
}

#[test]
fn an_account_is_linked_by_its_own_session_and_never_by_an_address() {
    let (_provider, server) = server("");
    let owner = server.owner();
    for name in ["ada", "mallory"] {
        let mut stranger = Browser::default();
        let location = begin(&server, &mut stranger);
        let callback = stranger.sign_in(&location, name);
        assert_eq!(come_back(&server, &mut stranger, &callback), REFUSED, "{name} has the owner's address there");
    }
    let begun = owner.post("/api/v1/me/identities", &[], &json!({"provider": "corp"})).is(200);
    let mut ada = Browser::default();
    let location = elsewhere(&server, &mut ada, &begun);
    let callback = ada.sign_in(&location, "ada");
    assert_eq!(come_back(&server, &mut ada, &callback), WITHIN_CONSOLE);
    let linked = person(&server, &ada);
    assert_eq!(linked.get("/api/v1/me").is(200).body["role"], "owner");
    let identities = linked.get("/api/v1/me/identities").is(200).body;
    let id = identities["items"][0]["id"].as_str().expect("an id").to_owned();
    linked.delete("/api/v1/me/identities/{identity}", &[&id]).is(204);
    let mut again = Browser::default();
    let location = begin(&server, &mut again);
    let callback = again.sign_in(&location, "ada");
    assert_eq!(come_back(&server, &mut again, &callback), REFUSED, "the link is gone");
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    server.anybody().post("/api/v1/session", &[], &body).is(201);
    server
        .token(&owner.new_token(None))
        .post("/api/v1/me/identities", &[], &json!({"provider": "corp"}))
        .refuses(403, "forbidden");
    owner.post("/api/v1/me/identities", &[], &json!({"provider": "none"})).refuses(404, "not_found");
}

#[test]
fn rules_of_the_operator_let_people_in() {
    let rules = "link_verified_email = true\n[[provider.rule]]\nclaim = \"groups\"\nvalue = \"admins\"\ntenant = \"acme\"\nrole = \"admin\"\n[[provider.rule]]\nclaim = \"groups\"\nvalue = \"staff\"\ntenant = \"acme\"\nrole = \"viewer\"\n";
    let (_provider, server) = server(rules);
    let owner = server.owner();
    let mut grace = Browser::default();
    let location = begin(&server, &mut grace);
    let callback = grace.sign_in(&location, "grace");
    assert_eq!(come_back(&server, &mut grace, &callback), WITHIN_CONSOLE);
    let me = person(&server, &grace).get("/api/v1/me").is(200).body;
    assert_eq!((&me["tenant"], &me["role"]), (&json!("acme"), &json!("admin")));
    // What the rules have not made they leave alone: the owner stays one, by the address that is verified.
    let mut ada = Browser::default();
    let location = begin(&server, &mut ada);
    let callback = ada.sign_in(&location, "ada");
    assert_eq!(come_back(&server, &mut ada, &callback), WITHIN_CONSOLE);
    assert_eq!(person(&server, &ada).get("/api/v1/me").is(200).body["role"], "owner");
    let mut mallory = Browser::default();
    let location = begin(&server, &mut mallory);
    let callback = mallory.sign_in(&location, "mallory");
    assert_eq!(come_back(&server, &mut mallory, &callback), REFUSED, "an address that is not verified is nobody's");
    let members = owner.get("/api/v1/members").is(200).body;
    assert_eq!(members["items"].as_array().map(Vec::len), Some(2));
}
