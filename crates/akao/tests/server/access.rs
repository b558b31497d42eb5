//! Who may do what: every route of the document with every method, asked by everybody who must not. A route that is added is
//! asked too, without a line here.

use crate::server::{PASSWORD, Person, Server};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Mutex};

/// Ids of a tenant, which a stranger may know.
struct Ids {
    workflow: String,
    execution: String,
    task: String,
    token: String,
    user: String,
    secret: String,
    role: String,
    team: String,
    schedule: String,
    hook: String,
    webhook: String,
}

impl Ids {
    fn of<'i>(&'i self, path: &'i str) -> Vec<&'i str> {
        names(path)
            .map(|name| match name {
                "workflow" => self.workflow.as_str(),
                "version" => "1.0.0",
                // One that there is not: what another tenant has is tried where nodes are.
                "node" => "01J00000000000000000000000",
                "execution" => &self.execution,
                "task" => &self.task,
                "token" => &self.token,
                "user" => &self.user,
                "secret" => &self.secret,
                "role" => &self.role,
                "team" => &self.team,
                "tenant" => "acme",
                // That of the server is there for every tenant.
                "runner" => "no-such-runner",
                "identity" => &self.token,
                "provider" => "corp",
                "type" => "no-such-type",
                "package" => "com.example.none",
                "schedule" => &self.schedule,
                "hook" => &self.hook,
                "webhook" | "delivery" => &self.webhook,
                "digest" => "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                other => panic!("the test knows no id for {other}; give it one of another tenant"),
            })
            .collect()
    }

    /// Those that no other tenant could have too.
    fn unique(&self) -> [&str; 7] {
        [&self.execution, &self.task, &self.token, &self.user, &self.schedule, &self.hook, &self.webhook]
    }

    /// Bodies that name what belongs to this tenant, whatever a route makes of them.
    fn bodies(&self) -> Vec<Value> {
        let Self { workflow, execution, task, token, user, secret, .. } = self;
        vec![
            json!({"workflow": workflow}),
            json!({"workflow": workflow, "version": "1.0.0", "grants": [format!("secrets={secret}")]}),
            json!({"workflow": execution}),
            json!({"role": "viewer"}),
            json!({"role": "owner", "email": user}),
            json!({"email": "ada@example.com", "role": "viewer"}),
            json!({"name": "go", "payload": execution}),
            json!({"name": "a token", "permissions": ["workflows.read"]}),
            json!({"at": "/", "edits": [{"path": "bb.x", "value": execution}]}),
            json!({"approved": true, "data": {"task": task}}),
            json!({"source": format!("akao: 1\nid: uses\nversion: 1.0.0\nroot: {{ type: SubWorkflow, props: {{ workflow: {workflow} }} }}\n")}),
            json!({"value": "long enough"}),
            json!({"tenant": "acme", "owner": "eve@example.com"}),
            json!({"tenant": "acme", "execution": execution, "task": task, "token": token, "user": user}),
            json!({}),
        ]
    }
}

/// The names of a path's parameters.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// What is asked of an operation: a body that is read, where it takes one.
fn body(operation: &Value) -> Option<Value> {
    operation.get("requestBody").map(|_| json!({}))
}

/// The permission that an operation says it needs.
fn needed(operation: &Value) -> Option<&str> {
    operation["description"].as_str()?.strip_prefix("Needs the permission `")?.strip_suffix("`.")
}

fn is_open(operation: &Value) -> bool {
    operation["security"] == json!([])
}

fn is_operators(operation: &Value) -> bool {
    operation["description"] == "Needs the operator of the server, signed in."
}

/// The parameters of an operation that stand in its query.
fn queries(operation: &Value) -> Vec<&str> {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    of_query.filter_map(|parameter| parameter["name"].as_str()).collect()
}

/// Operations that end what the prober is known by, or change it.
const LAST: [&str; 2] = ["sign_out", "change_password"];

const ASKS: &str = "akao: 1\nid: asks\nversion: 1.0.0\nroot: { type: HumanTask, props: { title: Approve it } }\n";

fn ids(owner: &Person<'_>) -> Ids {
    owner.save("asks", ASKS).is(201);
    owner.ask("PUT", "/api/v1/secrets/{secret}", &["ONLY_HERE"], "", Some(&json!({"value": "a secret value"}))).is(201);
    let execution = owner.start("asks", &json!({}));
    owner.wait(&execution, &["waiting"]);
    let tasks = owner.get("/api/v1/tasks").is(200).body;
    owner.new_token(None);
    let tokens = owner.get("/api/v1/tokens").is(200).body;
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    owner.post("/api/v1/roles", &[], &json!({"role": "acmes-own", "permissions": ["workflows.read"]})).is(201);
    owner.post("/api/v1/teams", &[], &json!({"team": "acmes-team", "role": "viewer"})).is(201);
    let spec = json!({"workflow": "asks", "cron": "0 0 29 2 *"});
    let schedule = owner.post("/api/v1/schedules", &[], &json!({"name": "seldom", "spec": spec})).is(201).body;
    let hook = json!({"name": "a hook", "spec": {"workflow": "asks"}});
    let hook = owner.post("/api/v1/hooks", &[], &hook).is(201).body;
    let webhook = json!({"name": "others", "spec": {"url": "https://example.com/"}});
    let webhook = owner.post("/api/v1/webhooks", &[], &webhook).is(201).body;
    let paused = [webhook["webhook"].as_str().expect("an id")];
    owner.ask("POST", "/api/v1/webhooks/{webhook}/pause", &paused, "", None).is(200);
    Ids {
        role: "acmes-own".to_owned(),
        team: "acmes-team".to_owned(),
        schedule: text(&schedule["schedule"]),
        hook: text(&hook["hook"]),
        webhook: text(&webhook["webhook"]),
        workflow: "asks".to_owned(),
        execution,
        task: text(&tasks["items"][0]["task"]),
        token: text(&tokens["items"][0]["id"]),
        user: text(&owner.get("/api/v1/me").is(200).body["user"]),
        secret: "ONLY_HERE".to_owned(),
    }
}

/// What must come of a probe.
enum Verdict {
    /// This status and this code.
    Refused(u16, &'static str),
    /// Anything but 401 and 403.
    Admitted,
    /// A refusal, or an answer in which none of the ids stands.
    Nothing(bool),
}

/// One question.
struct Probe<'p> {
    who: &'p str,
    person: Person<'p>,
    method: &'p str,
    path: &'p str,
    params: Vec<&'p str>,
    query: String,
    body: Option<Value>,
    verdict: Verdict,
}

impl Probe<'_> {
    fn ask(&self, hidden: &[&str]) {
        let Self { who, person, method, path, params, query, body, verdict } = self;
        let answer = match verdict {
            // The document does not know what it does not offer.
            Verdict::Refused(405, _) => person.ask_unchecked(method, path, params, query, body.as_ref()),
            _ => person.ask(method, path, params, query, body.as_ref()),
        };
        let place = || {
            format!(
                "{method} {path}{query} {params:?} {} by {who}: {} {:#}",
                body.clone().unwrap_or_default(),
                answer.status,
                answer.body
            )
        };
        match verdict {
            Verdict::Refused(status, code) => {
                assert_eq!(answer.status, *status, "{}", place());
                assert!(*status == 405 && *method == "HEAD" || answer.body["code"] == *code, "{}", place());
            }
            Verdict::Admitted => assert!(!matches!(answer.status, 401 | 403), "{}", place()),
            Verdict::Nothing(named) => {
                // What the path names is not there; what a body or a query names is not there, or means something of one's own.
                let wanted = !named || matches!(answer.status, 400 | 403 | 404 | 409 | 412 | 422 | 428);
                assert!(wanted && answer.status < 500, "{}", place());
            }
        }
        if answer.status < 300 && matches!(verdict, Verdict::Nothing(_)) {
            let text = answer.body.to_string();
            assert!(hidden.iter().all(|id| !text.contains(id)), "{} shows what is hidden", place());
        }
    }
}

/// Asks everything, several questions at once.
fn ask_all(probes: &[Probe<'_>], hidden: &[&str]) -> usize {
    let next = Mutex::new(probes.iter());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let probe = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some(probe) = probe else { break };
                    probe.ask(hidden);
                }
            });
        }
    });
    probes.len()
}

/// Everybody who is known by nothing, or by nothing any more.
fn unknown<'s>(server: &'s Server, owner: &Person<'s>) -> Vec<(&'static str, Person<'s>)> {
    let revoked = owner.new_token(None);
    let tokens = owner.get("/api/v1/tokens").is(200).body;
    for token in tokens["items"].as_array().expect("tokens") {
        owner.delete("/api/v1/tokens/{token}", &[token["id"].as_str().expect("an id")]).is(204);
    }
    let expired = owner.new_token(None);
    server.edit("UPDATE token SET expires_ms = created_ms + 1 WHERE revoked_ms IS NULL");
    let ended = {
        let signed_in = json!({"email": "ada@example.com", "password": PASSWORD});
        let person = server.session(&server.anybody().post("/api/v1/session", &[], &signed_in).is(201));
        person.delete("/api/v1/session", &[]).is(204);
        person
    };
    vec![
        ("nobody", server.anybody()),
        ("a token that was never made", server.token("akao_token_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("a token that was revoked", server.token(&revoked)),
        ("a token that has expired", server.token(&expired)),
        ("a session that has ended", ended),
        ("a session's secret as a token", server.token(owner.headers[0].1.split_once('=').expect("a cookie").1)),
        ("no bearer", server.anybody().with("authorization", "Basic YWRhOmFkYQ==")),
    ]
}

/// Who asks, beside the owner: people of each role with a token of theirs, and tokens that may one thing, or all but one.
struct Askers<'s> {
    unknown: Vec<(&'static str, Person<'s>)>,
    roles: Vec<(&'static str, Person<'s>, Person<'s>)>,
    /// What each of the roles may.
    mine: Vec<BTreeSet<String>>,
    only: Vec<(String, Person<'s>)>,
    without: Vec<(String, Person<'s>)>,
    stranger: Person<'s>,
    stranger_token: Person<'s>,
}

impl<'s> Askers<'s> {
    fn new(server: &'s Server, owner: &Person<'s>) -> Self {
        let unknown = unknown(server, owner);
        let stranger = server.other_owner(owner, "globex");
        let stranger_token = server.token(&stranger.new_token(None));
        let role = |role: &'static str| {
            let person = server.member(owner, role);
            let token = server.token(&person.new_token(None));
            (role, person, token)
        };
        let roles: Vec<_> = ["viewer", "editor", "operator", "admin"].into_iter().map(role).collect();
        let all: BTreeSet<String> = permissions(owner);
        let token = |names: &[&str]| server.token(&owner.new_token(Some(names)));
        let only = all.iter().map(|name| (name.clone(), token(&[name]))).collect();
        let without = all.iter().map(|name| {
            let others: Vec<&str> = all.iter().filter(|other| *other != name).map(String::as_str).collect();
            (name.clone(), token(&others))
        });
        let without = without.collect();
        let mine = roles.iter().map(|(_, person, _)| permissions(person)).collect();
        Self { unknown, roles, mine, only, without, stranger, stranger_token }
    }

    /// Everything that is asked of one operation.
    fn probes<'p>(
        &'p self,
        server: &'p Server,
        (method, path, operation): (&'p String, &'p String, &'p Value),
        ids: &'p Ids,
    ) -> Vec<Probe<'p>> {
        let mut probes: Vec<Probe<'p>> = Vec::new();
        let mut ask = |who: &'p str, person: &'p Person<'_>, params: Vec<&'p str>, with: Value, verdict: Verdict| {
            probes.push(Probe {
                who,
                person: Person { server, headers: person.headers.clone() },
                method,
                path,
                params,
                query: String::new(),
                body: body(operation).map(|_| with),
                verdict,
            });
        };
        let nothing = || names(path).map(|_| "nothing").collect::<Vec<_>>();
        let forbidden = || Verdict::Refused(403, "forbidden");
        if !is_open(operation) {
            for (who, person) in &self.unknown {
                ask(who, person, ids.of(path), json!({}), Verdict::Refused(401, "unauthenticated"));
                ask(who, person, nothing(), json!({}), Verdict::Refused(401, "unauthenticated"));
            }
        }
        // Without an id that is there, so that what is allowed does nothing.
        if let Some(permission) = needed(operation) {
            let verdict = |may| if may { Verdict::Admitted } else { forbidden() };
            for ((role, person, token), may) in self.roles.iter().zip(&self.mine) {
                ask(role, person, nothing(), json!({}), verdict(may.contains(permission)));
                ask(role, token, nothing(), json!({}), verdict(may.contains(permission)));
                let bodies = if body(operation).is_some() { ids.bodies() } else { vec![json!({})] };
                for with in bodies.into_iter().filter(|_| !may.contains(permission)) {
                    ask(role, person, ids.of(path), with.clone(), forbidden());
                    ask(role, token, ids.of(path), with, forbidden());
                }
            }
            for (name, token) in &self.only {
                ask(name, token, nothing(), json!({}), verdict(name == permission));
            }
            for (name, token) in &self.without {
                ask(name, token, nothing(), json!({}), verdict(name != permission));
            }
        }
        if is_operators(operation) {
            for (who, person) in self.not_operators() {
                ask(who, person, nothing(), json!({}), forbidden());
            }
        }
        probes
    }

    /// All who do not look after the server.
    fn not_operators(&self) -> impl Iterator<Item = (&str, &Person<'s>)> {
        let tokens = self.only.iter().chain(&self.without).map(|(name, token)| (name.as_str(), token));
        let members = self.roles.iter().flat_map(|(role, person, token)| [(*role, person), (*role, token)]);
        let strangers = [("the stranger", &self.stranger), ("the stranger's token", &self.stranger_token)];
        tokens.chain(members).chain(strangers)
    }
}

#[test]
fn every_route_with_every_method_refuses_whoever_may_not() {
    let server = Server::new();
    let owner = server.owner();
    let ids = ids(&owner);
    let askers = Askers::new(&server, &owner);
    let operations = server.operations();
    let probes: Vec<Probe<'_>> = operations
        .iter()
        .flat_map(|(method, path, operation)| askers.probes(&server, (method, path, operation), &ids))
        .collect();
    let asked = ask_all(&probes, &[]);
    let Askers { unknown, roles, stranger, stranger_token, .. } = &askers;
    let methods = ask_all(&other_methods(&server, &operations, &unknown[0].1, roles, stranger, &ids), &[]);
    let strangers = [("session", stranger), ("token", stranger_token)];
    let strangers = ask_all(&strange(&server, &operations, &strangers, &ids), &ids.unique());
    let probes = asked + methods + strangers;
    assert!(
        probes >= 5_000,
        "{probes} probes: {asked} by roles, {methods} with other methods, {strangers} by strangers"
    );
    // Nobody has changed anything of the tenant, and the names are free for the other one.
    owner.wait(&ids.execution, &["waiting"]);
    assert_eq!(owner.show("/api/v1/secrets/{secret}", &[&ids.secret]).is(200).body["version"], 1);
    assert_eq!(owner.get("/api/v1/workflows").is(200).body["items"].as_array().map(Vec::len), Some(1));
    let members = owner.get("/api/v1/members").is(200).body;
    assert_eq!(members["items"].as_array().map(Vec::len), Some(5), "{members:#}");
}

fn permissions(person: &Person<'_>) -> BTreeSet<String> {
    let me = person.get("/api/v1/me").is(200).body;
    me["permissions"].as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Methods that a path does not offer, asked by everybody.
fn other_methods<'p>(
    server: &'p Server,
    operations: &'p [(String, String, Value)],
    nobody: &Person<'p>,
    roles: &'p [(&'p str, Person<'p>, Person<'p>)],
    stranger: &Person<'p>,
    ids: &'p Ids,
) -> Vec<Probe<'p>> {
    let mut probes = Vec::new();
    let paths: BTreeSet<&str> = operations.iter().map(|(_, path, _)| path.as_str()).collect();
    for path in paths {
        let offered: BTreeSet<&str> =
            operations.iter().filter(|(_, of, _)| of == path).map(|(method, ..)| method.as_str()).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            if offered.contains(method) {
                continue;
            }
            let people = roles.iter().flat_map(|(role, person, token)| [(*role, person), (*role, token)]);
            for (who, person) in people.chain([("nobody", nobody), ("the stranger", stranger)]) {
                let body = matches!(method, "POST" | "PUT" | "PATCH").then(|| json!({}));
                let person = Person { server, headers: person.headers.clone() };
                let verdict = Verdict::Refused(405, "method_not_allowed");
                probes.push(Probe {
                    who,
                    person,
                    method,
                    path,
                    params: ids.of(path),
                    query: String::new(),
                    body,
                    verdict,
                });
            }
        }
    }
    probes
}

/// Ids of one tenant, asked for by the owner of another: in paths, in bodies and in queries.
fn strange<'p>(
    server: &'p Server,
    operations: &'p [(String, String, Value)],
    strangers: &[(&'p str, &Person<'p>)],
    ids: &'p Ids,
) -> Vec<Probe<'p>> {
    let mut probes = Vec::new();
    let texts = [&ids.workflow, &ids.execution, &ids.task, &ids.token, &ids.user, &ids.secret];
    for (method, path, operation) in operations {
        let name = operation["operationId"].as_str().unwrap_or_default();
        if is_open(operation) || LAST.contains(&name) {
            continue;
        }
        for &(who, person) in strangers {
            // A new secret of that name would be the stranger's own, which is no leak and would hide one.
            let params = if name == "put_secret" { vec!["MINE"] } else { ids.of(path) };
            // What is the operator's is refused before anything is looked for.
            let is_looked_for = name != "put_secret" && !is_of_any_tenant(name) && !is_operators(operation);
            let named = !params.is_empty() && is_looked_for;
            let mut ask = |query: String, body: Option<Value>| {
                let person = Person { server, headers: person.headers.clone() };
                let verdict = Verdict::Nothing(named);
                let params = params.clone();
                probes.push(Probe { who, person, method, path, params, query, body, verdict });
            };
            match body(operation) {
                Some(_) => ids.bodies().into_iter().for_each(|body| ask(String::new(), Some(body))),
                // What some routes ask for before they look for anything.
                None => ["", "?from=1.0.0&to=1.0.0", "?at=/"].iter().for_each(|query| ask((*query).to_owned(), None)),
            }
            for parameter in queries(operation) {
                for text in texts {
                    ask(format!("?{parameter}={text}"), body(operation));
                }
            }
        }
    }
    probes
}

/// Operations whose path names something that each tenant makes for itself.
fn is_of_any_tenant(operation: &str) -> bool {
    operation == "save_workflow"
}

#[test]
fn the_operators_routes_are_for_the_operator_in_person() {
    let server = Server::new();
    let owner = server.owner();
    let others =
        [server.token(&owner.new_token(None)), server.other_owner(&owner, "globex"), server.member(&owner, "admin")];
    let mut probes = 0;
    for (method, path, operation) in server.operations() {
        if !is_operators(&operation) {
            continue;
        }
        let params: Vec<&str> = names(&path).map(|_| "nothing").collect();
        for person in &others {
            person.ask(&method, &path, &params, "", body(&operation).as_ref()).refuses(403, "forbidden");
            probes += 1;
        }
        assert_ne!(owner.ask(&method, &path, &params, "", body(&operation).as_ref()).status, 403);
    }
    assert!(probes >= 3, "{probes} probes");
}

#[test]
fn what_two_tenants_call_the_same_stays_apart() {
    let server = Server::new();
    let owner = server.owner();
    let ids = ids(&owner);
    let stranger = server.other_owner(&owner, "globex");
    let list = |path: &str, query: &str| stranger.ask("GET", path, &[], query, None).is(200).body["items"].clone();
    let by_execution = format!("?execution={}", ids.execution);
    for (path, query) in [
        ("/api/v1/executions", format!("?parent={}", ids.execution)),
        ("/api/v1/executions", format!("?text={}", ids.execution)),
        ("/api/v1/executions", "?workflow=asks".to_owned()),
        ("/api/v1/tasks", by_execution),
        ("/api/v1/secrets", String::new()),
        ("/api/v1/workflows", String::new()),
    ] {
        assert_eq!(list(path, &query), json!([]), "{path}{query}");
    }
    stranger.save("asks", ASKS).is(201);
    let own = stranger.start("asks", &json!({}));
    stranger.wait(&own, &["waiting"]);
    owner.show("/api/v1/executions/{execution}", &[&own]).refuses(404, "not_found");
    let secret = json!({"value": "another value"});
    stranger.ask("PUT", "/api/v1/secrets/{secret}", &[&ids.secret], "", Some(&secret)).is(201);
    stranger.delete("/api/v1/secrets/{secret}", &[&ids.secret]).is(204);
    owner.show("/api/v1/secrets/{secret}", &[&ids.secret]).is(200);
    owner.wait(&ids.execution, &["waiting"]);
}
