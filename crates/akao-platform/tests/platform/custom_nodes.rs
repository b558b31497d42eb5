//! Custom nodes as the platform has them: who lets them in, which one a workflow gets, and that no tenant meets another's.

use crate::{Ground, PASSWORD};
use akao_contract::{Category, Effects, NodeType, Reads, Tenant};
use akao_platform::{
    Actor, Approval, Code, CompiledNode, Error, Expected, Joined, MadeNode, NodeMaker, NodeOrder, PageRequest,
    TenantFiles,
};
use akao_step::{Allowance, BoxFuture, Secret};
use akao_store::CustomNode;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tokio::sync::oneshot;

/// Nothing here takes that long.
const WITHIN: Duration = Duration::from_secs(60);

/// Makes a node of every upload, without looking into it: a source that says `eval` is not clean, and one that says `ask HOST`
/// asks for that host. A file is not kept whose name says so.
#[derive(Default)]
pub(crate) struct Maker {
    /// What was decided of nodes: their permissions, or nothing where they were withdrawn.
    decided: Mutex<BTreeMap<String, Option<Vec<String>>>>,
    /// What was made and is still there.
    made: Arc<Mutex<BTreeSet<String>>>,
    /// The next package that is made says so, and waits until it may be.
    held: Mutex<Option<(oneshot::Sender<()>, mpsc::Receiver<()>)>>,
}

impl Maker {
    fn decided(&self, pinned: &str) -> Option<Option<Vec<String>>> {
        self.decided.lock().unwrap().get(pinned).cloned()
    }

    /// How many of those that were made are still there.
    pub(crate) fn made(&self) -> usize {
        self.made.lock().unwrap().len()
    }

    /// Holds the next package that is made: what comes when it begins, and what lets it go on.
    fn hold(&self) -> (oneshot::Receiver<()>, mpsc::Sender<()>) {
        let ((begun, begins), (go, goes)) = (oneshot::channel(), mpsc::channel());
        *self.held.lock().unwrap() = Some((begun, goes));
        (begins, go)
    }
}

impl TenantFiles for Maker {
    fn remove(&self, _: &Tenant, custom_nodes: &[String]) -> Result<(), Error> {
        self.decided.lock().unwrap().retain(|pinned, _| !custom_nodes.contains(pinned));
        Ok(())
    }
}

impl NodeMaker for Maker {
    fn compile<'a>(&'a self, tenant: &'a Tenant, order: &'a NodeOrder) -> BoxFuture<'a, Result<CompiledNode, Error>> {
        Box::pin(async move {
            let digest = akao_contract::Digest::of(format!("{tenant}{order:?}").as_bytes()).to_string();
            let pinned = format!("custom.t-{tenant}.greet@{}#{digest}", order.version);
            let is_clean = !order.files.values().any(|text| text.contains("eval"));
            let scan = if is_clean { json!([]) } else { json!([{"weight": "alarm"}]) };
            let asked = order.files.values().filter_map(|text| text.strip_prefix("ask "));
            let permissions = asked.map(|host| format!("network.http={host}:443")).collect();
            let node = MadeNode {
                node_type: node_type(&pinned, &order.version),
                bundle: digest,
                pinned,
                description: order.description.clone(),
                schema: order.schema.clone(),
                permissions,
                scan,
            };
            let (all, held) = (Arc::clone(&self.made), self.held.lock().unwrap().take());
            Ok(Box::new(move || {
                all.lock().unwrap().insert(node.pinned.clone());
                if let Some((begun, goes)) = held {
                    begun.send(()).unwrap();
                    goes.recv().unwrap();
                }
                Ok(node)
            }) as CompiledNode)
        })
    }

    fn keep(&self, _: &Tenant, order: &NodeOrder, _: &MadeNode) -> Result<(), Error> {
        match order.files.contains_key("full-disk.ts") {
            true => Err(Error::new(Code::Unavailable, "the disk is full")),
            false => Ok(()),
        }
    }

    fn discard(&self, pinned: &str) -> Result<(), Error> {
        self.made.lock().unwrap().remove(pinned);
        Ok(())
    }

    fn grant(&self, _: &Tenant, pinned: &str, permissions: &[String]) -> Result<(), Error> {
        self.decided.lock().unwrap().insert(pinned.to_owned(), Some(permissions.to_vec()));
        Ok(())
    }

    fn withdraw(&self, _: &Tenant, pinned: &str) -> Result<(), Error> {
        self.decided.lock().unwrap().insert(pinned.to_owned(), None);
        Ok(())
    }
}

pub(crate) fn node_type(name: &str, version: &str) -> NodeType {
    NodeType {
        name: name.to_owned(),
        aliases: Vec::new(),
        version: version.to_owned(),
        category: Category::Data,
        summary: "Greets.".to_owned(),
        description: "Greets.".to_owned(),
        props: json!({"type": "object", "properties": {}, "additionalProperties": false}),
        outputs: json!({"type": "object"}),
        main_output: None,
        errors: Vec::new(),
        effects: Effects::None,
        idempotent: true,
        reads: Reads::Named,
        permissions: Vec::new(),
        children_min: 0,
        children_max: Some(0),
        examples: Vec::new(),
    }
}

pub(crate) fn order(version: &str, source: &str) -> NodeOrder {
    NodeOrder {
        name: "Greet".to_owned(),
        version: version.to_owned(),
        files: BTreeMap::from([("node.ts".to_owned(), source.to_owned())]),
        entry: "node.ts".to_owned(),
        ..NodeOrder::default()
    }
}

/// Somebody who was invited in a role.
fn member(ground: &Ground, owner: &Actor, role: &str) -> Actor {
    let invited = ground.platform.invite(owner, &format!("{role}@example.com"), role).unwrap();
    let joined =
        Joined { code: invited.code, name: Some("Bob".to_owned()), password: Secret::new(PASSWORD), totp: None };
    Actor::clone(&ground.platform.join(&joined).unwrap().actor)
}

async fn added(ground: &Ground, actor: &Actor, version: &str, source: &str) -> CustomNode {
    ground.platform.add_custom_node(actor, order(version, source)).await.unwrap().node
}

fn workflow(node: &str) -> String {
    format!("akao: 1\nid: greets\nversion: 1.0.0\nroot: {{ type: {node} }}\n")
}

#[tokio::test]
async fn who_may_let_a_version_in_depends_on_the_policy_and_on_what_was_found() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let editor = member(&ground, &owner, "editor");
    let activate = |actor: &Actor, node: &CustomNode| {
        ground.platform.activate_custom_node(actor, &node.id, &Expected::Unsaid).unwrap().0.status
    };
    let clean = added(&ground, &editor, "1.0.0", "export default 1").await;
    assert_eq!(clean.status, "draft");
    assert_eq!(activate(&editor, &clean), "active", "a clean scan needs nobody");
    let odd = added(&ground, &editor, "1.1.0", "eval('1')").await;
    assert_eq!(activate(&editor, &odd), "review");
    assert_eq!(activate(&editor, &odd), "review", "asking again lets nobody in");
    assert_eq!(activate(&owner, &odd), "active");
    ground.platform.set_custom_node_approval(&owner, Approval::Manual, &Expected::Unsaid).unwrap();
    let held = added(&ground, &editor, "1.2.0", "export default 2").await;
    assert_eq!(activate(&editor, &held), "review");
    ground.platform.set_custom_node_approval(&owner, Approval::Off, &Expected::Unsaid).unwrap();
    assert_eq!(activate(&editor, &held), "active");
    let again = ground.platform.add_custom_node(&editor, order("1.2.0", "other")).await.unwrap_err();
    assert_eq!(again.code, Code::VersionTaken, "a version never changes");
    let listed = ground.platform.custom_nodes(&owner, &PageRequest::new(None, None).unwrap()).unwrap();
    let versions: Vec<&str> = listed.items.iter().map(|node| node.version.as_str()).collect();
    assert_eq!(versions, ["1.2.0", "1.1.0", "1.0.0"], "newest first");
}

#[tokio::test]
async fn what_reaches_further_than_before_waits_for_somebody_who_may_grant_it() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let editor = member(&ground, &owner, "editor");
    let activate = |actor: &Actor, node: &CustomNode| {
        ground.platform.activate_custom_node(actor, &node.id, &Expected::Unsaid).unwrap().0.status
    };
    let granted = |node: &CustomNode| ground.nodes.decided(&node.pinned).flatten().unwrap_or_default();
    let first = added(&ground, &editor, "1.0.0", "ask a.example").await;
    assert_eq!((activate(&editor, &first), granted(&first).len()), ("review".to_owned(), 0));
    assert_eq!(activate(&owner, &first), "active");
    assert_eq!(granted(&first), ["network.http=a.example:443"]);
    let same = added(&ground, &editor, "1.1.0", "ask a.example").await;
    assert_eq!(activate(&editor, &same), "active", "the node was let in with that host before");
    let other = added(&ground, &editor, "1.2.0", "ask b.example").await;
    assert_eq!(activate(&editor, &other), "review");
    // What was let in and taken back is no example.
    ground.platform.withdraw_custom_node(&owner, &first.id, &Expected::Unsaid, None).unwrap();
    ground.platform.withdraw_custom_node(&owner, &same.id, &Expected::Unsaid, None).unwrap();
    let again = added(&ground, &editor, "1.3.0", "ask a.example").await;
    assert_eq!(activate(&editor, &again), "review");
}

#[tokio::test]
async fn an_approval_is_taken_back_and_given_again_by_whoever_may_approve() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let editor = member(&ground, &owner, "editor");
    let platform = &ground.platform;
    let node = added(&ground, &owner, "1.0.0", "ask a.example").await;
    platform.activate_custom_node(&owner, &node.id, &Expected::Unsaid).unwrap();
    platform.deprecate_custom_node(&editor, &node.id, &Expected::Unsaid, Some("old"), None).unwrap();
    assert!(ground.nodes.decided(&node.pinned).flatten().is_some(), "who still uses it goes on");
    let checked = platform.check_workflow(&owner, &workflow("Greet@1.0.0")).unwrap();
    assert!(checked.bundle.is_some(), "{:?}", checked.problems);

    platform.set_custom_node_approval(&owner, Approval::Manual, &Expected::Unsaid).unwrap();
    let refused = platform.activate_custom_node(&editor, &node.id, &Expected::Unsaid).unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    assert_eq!(platform.custom_node(&owner, &node.id).unwrap().node.status, "deprecated", "it stays what it is");
    let newer = added(&ground, &owner, "2.0.0", "1").await;
    platform.activate_custom_node(&owner, &newer.id, &Expected::Unsaid).unwrap();
    assert_eq!(platform.rollback_custom_node(&editor, "Greet").unwrap_err().code, Code::Forbidden);
    assert_eq!(platform.rollback_custom_node(&owner, "Greet").unwrap().0.status, "active");

    let withdrawn = platform.withdraw_custom_node(&owner, &node.id, &Expected::Unsaid, Some("it leaks")).unwrap();
    assert_eq!((withdrawn.status.as_str(), ground.nodes.decided(&node.pinned)), ("withdrawn", Some(None)));
    let checked = platform.check_workflow(&owner, &workflow("Greet@1.0.0")).unwrap();
    assert!(checked.bundle.is_none() && checked.problems[0].message.contains("was withdrawn: it leaks"));
    platform.set_custom_node_approval(&owner, Approval::Off, &Expected::Unsaid).unwrap();
    assert_eq!(platform.activate_custom_node(&editor, &node.id, &Expected::Unsaid).unwrap_err().code, Code::Forbidden);
    assert_eq!(platform.activate_custom_node(&owner, &node.id, &Expected::Unsaid).unwrap().0.status, "active");
    assert!(ground.nodes.decided(&node.pinned).flatten().is_some());
}

#[tokio::test]
async fn an_upload_that_breaks_off_takes_no_version_and_storage_has_an_end() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let mut full = order("1.0.0", "1");
    full.files.insert("full-disk.ts".to_owned(), String::new());
    assert_eq!(ground.platform.add_custom_node(&owner, full).await.unwrap_err().code, Code::Unavailable);
    assert_eq!(ground.nodes.made(), 0, "what was made of it is not kept");
    added(&ground, &owner, "1.0.0", "1").await;

    let stored = |bytes| Allowance { storage_bytes: Some(bytes), ..Allowance::default() };
    ground.allowances.set(&owner.tenant, stored(1_000_000));
    let large = "x".repeat(400_000);
    let refused = ground.platform.add_custom_node(&owner, order("1.1.0", &large)).await.unwrap_err();
    assert_eq!((refused.code, ground.nodes.made()), (Code::QuotaExceeded, 1));
    ground.allowances.set(&owner.tenant, stored(10_000_000));
    let kept = ground.platform.add_custom_node(&owner, order("1.1.0", &large)).await.unwrap();
    assert_eq!(kept.body.source.len(), large.len());
}

#[tokio::test]
async fn whoever_leaves_while_a_package_is_made_leaves_none_that_no_version_is() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let mut full = order("1.1.0", "1");
    full.files.insert("full-disk.ts".to_owned(), String::new());
    let all = PageRequest::new(None, None).unwrap();
    // The second one is refused once its package was made.
    for (upload, left) in [(order("1.0.0", "1"), 1), (full, 1)] {
        let (begins, go) = ground.nodes.hold();
        let (platform, actor) = (ground.platform.clone(), owner.clone());
        let uploading = tokio::spawn(async move { platform.add_custom_node(&actor, upload).await });
        begins.await.unwrap();
        uploading.abort();
        assert!(uploading.await.unwrap_err().is_cancelled(), "nobody waits for it any more");
        go.send(()).unwrap();
        let found = || (ground.nodes.made(), ground.platform.custom_nodes(&owner, &all).unwrap().items.len());
        let settled = async {
            while found() != (left, left) {
                tokio::task::yield_now().await;
            }
        };
        let settled = tokio::time::timeout(WITHIN, settled).await;
        settled.unwrap_or_else(|_| panic!("packages and versions: {:?}", found()));
    }
}

#[tokio::test]
async fn of_the_same_upload_twice_at_once_one_is_refused_and_the_other_keeps_its_package() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let upload = || ground.platform.add_custom_node(&owner, order("1.0.0", "1"));
    let (one, other) = tokio::join!(upload(), upload());
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("{both:?}"),
    };
    assert_eq!((refused.code, ground.nodes.made()), (Code::VersionTaken, 1));
}

#[tokio::test]
async fn a_workflow_gets_the_version_that_it_names_and_hears_when_that_is_retired() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let check = |node: &str| ground.platform.check_workflow(&owner, &workflow(node)).unwrap();
    let told =
        |node: &str| check(node).problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("\n");
    assert!(told("Greet@1.0.0").contains("Greet"), "there is none yet");
    let one = added(&ground, &owner, "1.0.0", "1").await;
    assert!(told("Greet@1.0.0").contains("not active yet"), "{}", told("Greet@1.0.0"));
    ground.platform.activate_custom_node(&owner, &one.id, &Expected::Unsaid).unwrap();
    let two = added(&ground, &owner, "2.0.0", "2").await;
    ground.platform.activate_custom_node(&owner, &two.id, &Expected::Unsaid).unwrap();
    let pinned = |node: &str| check(node).bundle.unwrap().nodes[0].name.clone();
    assert_eq!((pinned("Greet@1.0.0"), pinned("Greet@2.0.0")), (one.pinned.clone(), two.pinned.clone()));
    assert_eq!(pinned("Greet"), two.pinned, "without a version the newest active one");
    assert!(told("Greet@3.0.0").contains("has no version 3.0.0"));

    ground.platform.save_workflow(&owner, "greets", &workflow("Greet@2.0.0"), &Expected::New).unwrap();
    let uses = ground.platform.custom_node_uses(&owner, "Greet").unwrap();
    assert_eq!(
        (uses.len(), uses[0].workflow.as_str(), uses[0].version.as_str(), uses[0].latest),
        (1, "greets", "2.0.0", true)
    );

    let (back, gone) = ground.platform.rollback_custom_node(&owner, "Greet").unwrap();
    assert_eq!(
        (back.version.as_str(), gone.version.as_str(), gone.successor.as_deref()),
        ("1.0.0", "2.0.0", Some("1.0.0"))
    );
    assert_eq!(pinned("Greet"), one.pinned);
    let retired = check("Greet@2.0.0");
    assert!(retired.bundle.is_some(), "what was retired goes on");
    let warning = &retired.problems[0];
    assert_eq!((warning.code.as_str(), warning.position.line), ("deprecated-node", 4));
    assert!(warning.message.contains("rolled back to 1.0.0"), "{}", warning.message);
    assert_eq!(warning.suggestion.as_deref(), Some("Use `Greet@1.0.0`."));
    assert_eq!(ground.platform.rollback_custom_node(&owner, "Greet").unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn names_are_looked_up_for_an_editor_as_when_a_text_is_saved() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let one = added(&ground, &owner, "1.0.0", "1").await;
    ground.platform.activate_custom_node(&owner, &one.id, &Expected::Unsaid).unwrap();
    let names = ["Greet", "Greet@1.0.0", "Greet@2.0.0", "./greet", "Sequence", "Nothing"].map(str::to_owned);
    let found = ground.platform.named_types(&owner, &names).unwrap();
    let types: Vec<_> = found.types.iter().map(|one| (one.name.clone(), one.aliases.clone())).collect();
    assert_eq!(types, [(one.pinned.clone(), vec!["Greet".to_owned(), "Greet@1.0.0".to_owned()])]);
    let refused: Vec<_> = found.refused.iter().map(|(name, why)| (name.as_str(), why.message.as_str())).collect();
    let why = [
        ("./greet", "`./greet` names a folder, and workflows of a server have none"),
        ("Greet@2.0.0", "the custom node `Greet` has no version 2.0.0"),
    ];
    assert_eq!(refused, why);
    for names in [vec![String::new(); 201], vec!["a".repeat(401)]] {
        assert_eq!(ground.platform.named_types(&owner, &names).unwrap_err().code, Code::Invalid);
    }
}

#[tokio::test]
async fn a_tenant_meets_no_node_of_another() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let invited = ground.platform.make_tenant(&owner, "globex", None, "ada@example.com", None).unwrap();
    let joined = Joined { code: invited.code, name: None, password: Secret::new(PASSWORD), totp: None };
    let other = Actor::clone(&ground.platform.join(&joined).unwrap().actor);
    let node = added(&ground, &owner, "1.0.0", "1").await;
    ground.platform.activate_custom_node(&owner, &node.id, &Expected::Unsaid).unwrap();
    let platform = &ground.platform;
    assert_eq!(platform.custom_node(&other, &node.id).unwrap_err().code, Code::NotFound);
    assert_eq!(platform.activate_custom_node(&other, &node.id, &Expected::Unsaid).unwrap_err().code, Code::NotFound);
    assert_eq!(
        platform.deprecate_custom_node(&other, &node.id, &Expected::Unsaid, None, None).unwrap_err().code,
        Code::NotFound
    );
    assert_eq!(
        platform.withdraw_custom_node(&other, &node.id, &Expected::Unsaid, None).unwrap_err().code,
        Code::NotFound
    );
    assert_eq!(platform.custom_node_uses(&other, "Greet").unwrap_err().code, Code::NotFound);
    assert_eq!(platform.rollback_custom_node(&other, "Greet").unwrap_err().code, Code::NotFound);
    for named in ["Greet@1.0.0", "Greet", node.pinned.as_str(), "custom.t-acme.greet@1.0.0", "custom.t-acme.greet"] {
        let checked = platform.check_workflow(&other, &workflow(&format!("'{named}'"))).unwrap();
        assert!(checked.bundle.is_none(), "{named} resolves");
        assert!(platform.named_types(&other, &[named.to_owned()]).unwrap().types.is_empty(), "{named} resolves");
    }
    // The same name and version is another node there.
    let theirs = added(&ground, &other, "1.0.0", "1").await;
    assert_ne!(theirs.pinned, node.pinned);
}

#[tokio::test]
async fn an_upload_that_cannot_be_meant_is_refused_before_anything_is_made() {
    let ground = Ground::new();
    let owner = Actor::clone(&ground.set_up().actor);
    let long = "a".repeat(256);
    let with = |change: fn(&mut NodeOrder)| {
        let mut order = order("1.0.0", "1");
        change(&mut order);
        order
    };
    let cases = [
        with(|order| order.name.clear()),
        with(|order| order.name = "a.b".to_owned()),
        with(|order| order.version = "1".to_owned()),
        with(|order| order.version = format!("1.0.0-{}", "a".repeat(60))),
        with(|order| order.entry = "other.ts".to_owned()),
        with(|order| drop(order.files.insert("../x.ts".to_owned(), String::new()))),
        with(|order| order.files = BTreeMap::new()),
        NodeOrder { name: long, ..order("1.0.0", "1") },
    ];
    for case in cases {
        let error = ground.platform.add_custom_node(&owner, case.clone()).await.unwrap_err();
        assert_eq!(error.code, Code::Invalid, "{case:?}");
    }
    let many =
        NodeOrder { files: BTreeMap::from([("node.ts".to_owned(), "x".repeat(5 << 20))]), ..order("1.0.0", "1") };
    assert_eq!(ground.platform.add_custom_node(&owner, many).await.unwrap_err().code, Code::TooLarge);
}
