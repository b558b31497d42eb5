//! The platform at its own boundary, with a clock that the test holds.

mod custom_nodes;
mod packages;
mod tenants;

use akao_contract::{ExecutionId, Tenant};
use akao_engine::{CallError, Executions, Feed, Reply, Request};
use akao_flow::Catalogue;
use akao_host::{CheckedEgress, DiskBlobs, EgressOptions};
use akao_journal::Readers;
use akao_platform::{Actor, Code, Credential, Expected, NewToken, Parts, Permission, Platform, Role, Setup, SignedIn};
use akao_step::{Allowances, BoxFuture, Secret};
use akao_store::Store;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery staple";

const HOUR_MS: i64 = 60 * 60 * 1000;

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

struct Ground {
    folder: TempDir,
    platform: Platform,
    nodes: Arc<custom_nodes::Maker>,
    allowances: Allowances,
    now_ms: Arc<AtomicI64>,
}

impl Ground {
    fn new() -> Self {
        Self::with(Arc::new(akao_platform::EmptyShelf), Arc::new(akao_platform::NoPackages))
    }

    /// With what the operator has installed, and what changes that.
    fn with(shelf: Arc<dyn akao_platform::Shelf>, packages: Arc<dyn akao_platform::PackageManager>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now_ms = Arc::new(AtomicI64::new(1_000_000));
        let clock = Arc::clone(&now_ms);
        let (nodes, allowances) = (Arc::new(custom_nodes::Maker::default()), Allowances::default());
        let platform = Platform::new(Parts {
            store: Arc::new(Store::open(folder.path()).unwrap()),
            executions: Arc::new(NoEngine),
            readers: Arc::new(Readers::new(folder.path())),
            blobs: Arc::new(DiskBlobs::new(folder.path().join("blobs"))),
            blob_bytes: Arc::new(|_| Ok(0)),
            files: Arc::clone(&nodes) as _,
            allowances: allowances.clone(),
            providers: Vec::new(),
            egress: Arc::new(CheckedEgress::new(EgressOptions::default())),
            public_url: "http://127.0.0.1:8420".to_owned(),
            catalogue: Arc::new(Catalogue::from(akao_flow::control_types())),
            nodes: Arc::clone(&nodes) as _,
            changes: akao_engine::Changes::default(),
            shelf,
            packages,
            outbound: akao_platform::Outbound {
                egress: Arc::new(akao_host::CheckedEgress::new(akao_host::EgressOptions::default())),
                private: false,
            },
            secrets_elsewhere: false,
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
            check_grant: |_| Ok(()),
        });
        Self { folder, platform, nodes, allowances, now_ms }
    }

    fn set_up(&self) -> SignedIn {
        let code = self.platform.setup_code().unwrap().expect("nobody is here");
        let setup = Setup {
            code,
            tenant: "acme".to_owned(),
            title: None,
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            password: Secret::new(PASSWORD),
        };
        self.platform.set_up(&setup).unwrap()
    }

    fn later(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    fn token(&self, actor: &Actor, days: u32) -> Credential {
        let new = NewToken { name: "ci".to_owned(), permissions: None, days: Some(days) };
        Credential::Token(self.platform.make_token(actor, &new).unwrap().secret)
    }
}

/// Where everybody here comes from.
fn here() -> akao_platform::Source {
    akao_platform::Source::of(std::net::Ipv4Addr::LOCALHOST.into())
}

#[test]
fn sessions_and_tokens_end_with_their_time() {
    let ground = Ground::new();
    let signed_in = ground.set_up();
    let (session, token) = (Credential::of(&signed_in), ground.token(&signed_in.actor, 2));
    for credential in [&session, &token] {
        assert_eq!(ground.platform.actor(credential).unwrap().email, "ada@example.com");
        assert!(ground.platform.known_actor(credential).is_some(), "who was found stays known");
    }
    ground.later(25 * HOUR_MS);
    assert!(ground.platform.known_actor(&session).is_none());
    assert_eq!(ground.platform.actor(&session).unwrap_err().code, Code::Unauthenticated);
    assert!(ground.platform.actor(&token).is_ok());
    ground.later(24 * HOUR_MS);
    assert_eq!(ground.platform.actor(&token).unwrap_err().code, Code::Unauthenticated);
}

#[test]
fn a_change_counts_for_whoever_is_known_already() {
    let ground = Ground::new();
    let owner = ground.set_up().actor;
    let invited = ground.platform.invite(&owner, "bob@example.com", "admin").unwrap();
    let joined = akao_platform::Joined {
        code: invited.code,
        name: Some("Bob".to_owned()),
        password: Secret::new(PASSWORD),
        totp: None,
    };
    let admin = ground.platform.join(&joined).unwrap().actor;
    let credential = ground.token(&admin, 1);
    assert!(ground.platform.actor(&credential).unwrap().may(Permission::WorkflowsWrite));
    ground.platform.set_role(&owner, admin.user.as_str(), Role::Viewer.as_str(), &Expected::Unsaid).unwrap();
    assert!(!ground.platform.actor(&credential).unwrap().may(Permission::WorkflowsWrite));
    ground.platform.remove_member(&owner, admin.user.as_str(), &Expected::Unsaid).unwrap();
    assert_eq!(ground.platform.actor(&credential).unwrap_err().code, Code::Unauthenticated);
}

#[test]
fn an_invitation_is_good_for_a_week_and_once() {
    let ground = Ground::new();
    let owner = ground.set_up().actor;
    let invite = |email: &str| ground.platform.invite(&owner, email, "viewer").unwrap().code;
    let join = |code: &Secret, name: Option<&str>| {
        let joined = akao_platform::Joined {
            code: code.clone(),
            name: name.map(str::to_owned),
            password: Secret::new(PASSWORD),
            totp: None,
        };
        ground.platform.join(&joined)
    };
    let (late, nameless, good) = (invite("a@example.com"), invite("b@example.com"), invite("c@example.com"));
    assert_eq!(join(&nameless, None).unwrap_err().code, Code::Invalid);
    assert!(join(&nameless, Some("Bob")).is_ok(), "a mistake does not use it up");
    assert!(join(&good, Some("Cid")).is_ok());
    assert_eq!(join(&good, Some("Cid")).unwrap_err().code, Code::Forbidden);
    ground.later(7 * 24 * HOUR_MS);
    assert_eq!(join(&late, Some("Ann")).unwrap_err().code, Code::Forbidden);
}

#[test]
fn an_account_joins_a_second_tenant_by_its_own_password() {
    let ground = Ground::new();
    let owner = ground.set_up().actor;
    let invited = ground.platform.make_tenant(&owner, "globex", None, "ada@example.com", None).unwrap();
    let join = |password: &str| {
        let code = invited.code.clone();
        ground.platform.join(&akao_platform::Joined { code, name: None, password: Secret::new(password), totp: None })
    };
    assert_eq!(join("another horse battery staple").unwrap_err().code, Code::Forbidden);
    let there = join(PASSWORD).unwrap().actor;
    assert_eq!((there.tenant.as_str(), there.user == owner.user), ("globex", true));
    let named: Tenant = "globex".parse().unwrap();
    let sign_in = |tenant: Option<&Tenant>| {
        let password = Secret::new(PASSWORD);
        ground
            .platform
            .sign_in(here(), "ada@example.com", &password, tenant, None)
            .map(|signed_in| signed_in.actor.tenant)
    };
    assert_eq!(sign_in(None).unwrap().as_str(), "acme");
    assert_eq!(sign_in(Some(&named)).unwrap(), named);
    assert_eq!(sign_in(Some(&"initech".parse().unwrap())).unwrap_err().code, Code::Forbidden);
    assert_eq!(
        ground.platform.make_tenant(&owner, "globex", None, "x@example.com", None).unwrap_err().code,
        Code::Conflict
    );
}

#[test]
fn guessing_is_slowed_down_also_for_who_is_not_there() {
    let ground = Ground::new();
    ground.set_up();
    let guess = |email: &str| {
        ground.platform.sign_in(here(), email, &Secret::new("wrong horse battery"), None, None).unwrap_err().code
    };
    for _ in 0..10 {
        assert_eq!(guess("nobody@example.com"), Code::Unauthenticated);
    }
    assert_eq!(guess(" Nobody@example.com"), Code::TooMany);
    assert_eq!(guess("ada@example.com"), Code::Unauthenticated, "others are not concerned");
    ground.later(HOUR_MS);
    assert_eq!(guess("nobody@example.com"), Code::Unauthenticated);
}

#[test]
fn a_setup_code_is_worth_nothing_once_there_is_another() {
    let ground = Ground::new();
    let old = ground.platform.setup_code().unwrap().expect("nobody is here");
    let _new = ground.platform.setup_code().unwrap();
    let setup = Setup {
        code: old,
        tenant: "acme".to_owned(),
        title: None,
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        password: Secret::new(PASSWORD),
    };
    assert_eq!(ground.platform.set_up(&setup).unwrap_err().code, Code::Forbidden);
    ground.set_up();
    assert_eq!(ground.platform.setup_code(), Ok(None));
    assert!(ground.folder.path().join("platform.db").exists());
}

#[test]
fn after_a_start_somebody_looks_once_for_what_removed_executions_have_left() {
    let ground = Ground::new();
    assert_eq!((ground.platform.take_removed(), ground.platform.take_removed()), (true, false));
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_not_ready() {
    let ground = Ground::new();
    assert_eq!(ground.platform.is_ready().await.unwrap_err().code, Code::Unavailable);
}

#[test]
fn programs_of_one_source_begin_after_each_other_and_take_no_place_of_others() {
    let ground = Ground::new();
    let owner = ground.set_up().actor;
    let other = akao_platform::Source::of(std::net::Ipv4Addr::new(192, 0, 2, 1).into());
    let waiting = ground.platform.begin_device(other, "laptop").unwrap();
    let begun = (0..1_001).filter(|_| ground.platform.begin_device(here(), "flood").is_ok()).count();
    assert_eq!(begun, 20);
    let refused = ground.platform.begin_device(here(), "flood").unwrap_err();
    assert_eq!((refused.code, refused.retry_after_s), (Code::TooMany, Some(6)));
    ground.later(6_000);
    assert!(ground.platform.begin_device(here(), "one more").is_ok());
    assert_eq!(ground.platform.allow_device(&owner, &waiting.user_code).unwrap(), "laptop");
}

/// Whoever guesses at an address does not keep its owner, who is signed in, from a better password.
#[test]
fn guesses_of_strangers_do_not_hold_up_who_is_signed_in() {
    let ground = Ground::new();
    let owner = ground.set_up().actor;
    let (right, wrong) = (Secret::new(PASSWORD), Secret::new("wrong horse battery"));
    for _ in 0..10 {
        ground.platform.sign_in(here(), "ada@example.com", &wrong, None, None).unwrap_err();
    }
    assert_eq!(ground.platform.sign_in(here(), "ada@example.com", &right, None, None).unwrap_err().code, Code::TooMany);
    ground.platform.change_password(&owner, &right, &Secret::new("another horse battery staple")).unwrap();
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_for_it() {
    let ground = Ground::new();
    let session = Credential::of(&ground.set_up());
    ground.platform.actor(&session).unwrap();
    let sign_in = |password: &str| {
        let signed_in = ground.platform.sign_in(here(), "ada@example.com", &Secret::new(password), None, None);
        signed_in.map(|_| ()).map_err(|error| error.retry_after_s)
    };
    (0..10).for_each(|_| assert_eq!(sign_in("wrong horse battery"), Err(None)));
    let begin = || ground.platform.begin_device(here(), "laptop").map(|_| ()).map_err(|error| error.retry_after_s);
    (0..20).for_each(|_| assert_eq!(begin(), Ok(())));
    ground.later(-HOUR_MS);
    assert_eq!((sign_in(PASSWORD), begin()), (Err(Some(300)), Err(Some(6))));
    assert!(ground.platform.known_actor(&session).is_none(), "it is looked up again");
    assert!(ground.platform.actor(&session).is_ok());
    ground.later(6_000);
    assert_eq!(begin(), Ok(()));
    ground.later(294_000);
    assert_eq!(sign_in(PASSWORD), Ok(()));
}
