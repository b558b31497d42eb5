//! A workflow that is saved while its package is taken away: one of the two is refused, whichever comes first.

use crate::{Ground, custom_nodes::node_type};
use akao_contract::{Digest, NodeType, Tenant};
use akao_platform::{
    Actor, Code, EmptyShelf, Error, Expected, NoPackages, PackageManager, PackageOrder, PackagePlan, PackageSwitch,
    Platform, Resolve, Resolved, Shelf,
};
use serde_json::Value;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const GREETS: &str = "akao: 1\nid: greets\nversion: 1.0.0\nroot: { type: com.example.greet }\n";

fn content() -> Digest {
    Digest::of(b"greet")
}

type Act = Box<dyn FnOnce() + Send>;

/// One package, and what happens in between when it is looked up or taken away.
#[derive(Default)]
struct Shared {
    is_gone: AtomicBool,
    after_look: Mutex<Option<Act>>,
    before_end: Mutex<Option<Act>>,
}

impl Shared {
    fn act(place: &Mutex<Option<Act>>) {
        let act = place.lock().unwrap().take();
        act.into_iter().for_each(|act| act());
    }
}

struct One(Arc<Shared>);

impl Shelf for One {
    fn packages(&self, tenant: &Tenant) -> Result<Vec<Value>, Error> {
        EmptyShelf.packages(tenant)
    }

    fn node_types(&self) -> Result<Vec<Arc<NodeType>>, Error> {
        EmptyShelf.node_types()
    }

    fn resolve(&self, named: &str) -> Resolved {
        let pinned = format!("com.example.greet@1.0.0#{}", content());
        let is_there = named == "com.example.greet" && !self.0.is_gone.load(Ordering::SeqCst);
        Shared::act(&self.0.after_look);
        is_there.then(|| Ok(Arc::new(node_type(&pinned, "1.0.0"))))
    }

    fn resolve_locked(&self, _: &str) -> Result<Resolve<'_>, Error> {
        Ok(Box::new(|named| self.resolve(named)))
    }

    fn refuses(&self, _: &str) -> Option<String> {
        self.0.is_gone.load(Ordering::SeqCst).then(|| "it is not installed any more".to_owned())
    }

    fn environments(&self) -> Result<Vec<Value>, Error> {
        EmptyShelf.environments()
    }
}

impl PackageManager for One {
    fn search(&self, query: &str, limit: usize) -> Result<Value, Error> {
        NoPackages.search(query, limit)
    }

    fn repositories(&self) -> Result<Vec<Value>, Error> {
        NoPackages.repositories()
    }

    fn plan(&self, order: &PackageOrder) -> Result<Box<dyn PackagePlan>, Error> {
        NoPackages.plan(order)
    }

    fn switch(&self, package: &str, switch: &PackageSwitch, by: &str) -> Result<Vec<Value>, Error> {
        NoPackages.switch(package, switch, by)
    }

    fn contents(&self, _: &str, _: Option<&str>) -> Result<Vec<Digest>, Error> {
        Ok(vec![content()])
    }

    fn uninstall(&self, _: &str, _: Option<&str>, _: &str) -> Result<Vec<Value>, Error> {
        Shared::act(&self.0.before_end);
        self.0.is_gone.store(true, Ordering::SeqCst);
        Ok(Vec::new())
    }

    fn collect(&self) {}
}

fn ground() -> (Ground, Arc<Shared>) {
    let shared = Arc::new(Shared::default());
    (Ground::with(Arc::new(One(Arc::clone(&shared))), Arc::new(One(Arc::clone(&shared)))), shared)
}

fn save(platform: &Platform, owner: &Actor) -> Result<(), Error> {
    platform.save_workflow(owner, "greets", GREETS, &Expected::New).map(drop)
}

#[test]
fn what_is_saved_keeps_its_package() {
    let (ground, _) = ground();
    let owner = Actor::clone(&ground.set_up().actor);
    save(&ground.platform, &owner).unwrap();
    let refused = ground.platform.uninstall_package(&owner, "com.example.greet", None).unwrap_err();
    assert_eq!(refused.message, "`com.example.greet` is used by 1 workflow of the tenant `acme`");
}

#[test]
fn a_package_that_goes_while_a_workflow_is_read_is_missed_when_that_is_saved() {
    let (ground, shared) = ground();
    let owner = Actor::clone(&ground.set_up().actor);
    let (platform, who) = (ground.platform.clone(), owner.clone());
    let uninstall = move || drop(platform.uninstall_package(&who, "com.example.greet", None).unwrap());
    *shared.after_look.lock().unwrap() = Some(Box::new(uninstall));
    let refused = save(&ground.platform, &owner).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::Conflict, "`greets` cannot be saved: it is not installed any more")
    );
    assert_eq!(ground.platform.workflow(&owner, "greets").unwrap_err().code, Code::NotFound);
}

#[test]
fn a_workflow_is_not_saved_while_its_package_is_being_taken_away() {
    let (ground, shared) = ground();
    let owner = Actor::clone(&ground.set_up().actor);
    let saving = Arc::new(Mutex::new(None));
    let (platform, who, under_way) = (ground.platform.clone(), owner.clone(), Arc::clone(&saving));
    // It reads while the package is there, and comes to writing while that is going.
    let begin = move || {
        *under_way.lock().unwrap() = Some(thread::spawn(move || save(&platform, &who)));
        thread::sleep(Duration::from_millis(200));
    };
    *shared.before_end.lock().unwrap() = Some(Box::new(begin));
    ground.platform.uninstall_package(&owner, "com.example.greet", None).unwrap();
    let saved = saving.lock().unwrap().take().expect("it was begun").join().unwrap();
    assert_eq!(saved.unwrap_err().code, Code::Conflict);
    assert_eq!(ground.platform.workflow(&owner, "greets").unwrap_err().code, Code::NotFound);
}
