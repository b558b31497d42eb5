//! Schedules over a real engine, with a clock that the test holds.

mod support;

use akao_contract::{ExecutionStatus, Invocation, Outcome};
use akao_engine::{Config, Engine};
use akao_flow::Catalogue;
use akao_host::DiskBlobs;
use akao_journal::{Journal, OpenOptions, Readers};
use akao_platform::{
    Actor, CatchUp, Code, EmptyShelf, Expected, Overlap, PageRequest, Parts, Platform, Role, ScheduleSpec, Setup,
};
use akao_step::{Allowance, Allowances, BoxFuture, RunnerTraits, Secret, StepIo, StepRunner};
use akao_store::{Fire, Store};
use jiff::Timestamp;
use serde_json::json;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use support::NoNodes;
use tempfile::TempDir;

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\nroot: { type: WaitForSignal, props: { signalName: go, outputKey: message } }\n";

const PASSWORD: &str = "correct horse battery staple";

/// Runs nothing: the workflows here have no steps.
struct NoSteps;

impl StepRunner for NoSteps {
    fn traits(&self, _: &str) -> Option<RunnerTraits> {
        None
    }

    fn run_inline(&self, _: &Invocation) -> Outcome {
        Outcome::cancelled()
    }

    fn run(&self, _: Invocation, _: StepIo) -> BoxFuture<'static, Outcome> {
        Box::pin(async { Outcome::cancelled() })
    }
}

struct Ground {
    folder: TempDir,
    platform: Platform,
    store: Arc<Store>,
    allowances: Allowances,
    engine: Engine,
    now_ms: Arc<AtomicI64>,
    owner: Arc<Actor>,
}

fn parts(folder: &Path, engine: &Engine, catalogue: Arc<Catalogue>, now_ms: &Arc<AtomicI64>) -> Parts {
    let clock = Arc::clone(now_ms);
    Parts {
        store: Arc::new(Store::open(folder).unwrap()),
        executions: Arc::new(engine.clone()),
        readers: Arc::new(Readers::new(folder)),
        blobs: Arc::new(DiskBlobs::new(folder.join("blobs"))),
        blob_bytes: Arc::new(|_| Ok(0)),
        files: Arc::new(support::NoFiles),
        allowances: Allowances::default(),
        providers: Vec::new(),
        egress: Arc::new(akao_host::CheckedEgress::new(akao_host::EgressOptions::default())),
        public_url: "http://127.0.0.1:8420".to_owned(),
        nodes: Arc::new(NoNodes),
        catalogue,
        changes: engine.changes(),
        shelf: Arc::new(EmptyShelf),
        packages: Arc::new(akao_platform::NoPackages),
        outbound: akao_platform::Outbound {
            egress: Arc::new(akao_host::CheckedEgress::new(akao_host::EgressOptions::default())),
            private: false,
        },
        secrets_elsewhere: false,
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        check_grant: |_| Ok(()),
    }
}

fn ms(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_millisecond()
}

impl Ground {
    fn new(now: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Arc::new(Catalogue::from(akao_flow::control_types()));
        let options = OpenOptions { created_by: "a test".to_owned(), now_ms: 0 };
        let (engine, _) = Engine::start(akao_engine::Parts {
            journal: Journal::open(folder.path(), &options).unwrap(),
            runner: Arc::new(NoSteps),
            secrets: None,
            blobs: Arc::new(DiskBlobs::new(folder.path().join("blobs"))),
            catalogue: Arc::clone(&catalogue),
            runtime: tokio::runtime::Handle::current(),
            config: Config::default(),
            entropy: 7,
        })
        .unwrap();
        let now_ms = Arc::new(AtomicI64::new(ms(now)));
        let parts = parts(folder.path(), &engine, catalogue, &now_ms);
        let (store, allowances) = (Arc::clone(&parts.store), parts.allowances.clone());
        let platform = Platform::new(parts);
        let setup = Setup {
            code: platform.setup_code().unwrap().expect("nobody is here"),
            tenant: "acme".to_owned(),
            title: None,
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            password: Secret::new(PASSWORD),
        };
        let owner = platform.set_up(&setup).unwrap().actor;
        platform.save_workflow(&owner, "waits", WAITS, &Expected::New).unwrap();
        Self { folder, platform, store, allowances, engine, now_ms, owner: Arc::new(owner) }
    }

    fn at(&self, time: &str) -> &Self {
        self.now_ms.store(ms(time), Ordering::SeqCst);
        self
    }

    fn make(&self, spec: &ScheduleSpec) -> String {
        self.platform.make_schedule(&self.owner, "a test", spec).unwrap().row.id
    }

    async fn look(&self) -> akao_platform::Looked {
        self.platform.look_at_schedules().await.unwrap()
    }

    fn fires(&self, id: &str) -> Vec<Fire> {
        let mut all =
            self.platform.schedule_fires(&self.owner, id, &PageRequest::new(Some("200"), None).unwrap()).unwrap().items;
        all.reverse();
        all
    }

    fn states(&self, id: &str) -> Vec<(String, String)> {
        let shown =
            |fire: &Fire| (Timestamp::from_millisecond(fire.nominal_ms).unwrap().to_string(), fire.state.clone());
        self.fires(id).iter().map(shown).collect()
    }

    async fn status(&self, execution: &str, wanted: ExecutionStatus) {
        for _ in 0..2_000 {
            let row = self.platform.execution(&self.owner, execution).unwrap();
            if row.status == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{execution} did not become {wanted}");
    }
}

fn spec(cron: &str, more: serde_json::Value) -> ScheduleSpec {
    let mut whole = json!({"workflow": "waits", "cron": cron, "overlap": "allow"});
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn pairs(times: &[(&str, &str)]) -> Vec<(String, String)> {
    times.iter().map(|(time, state)| ((*time).to_owned(), (*state).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_is_acted_on_once_when_it_comes() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let id = ground.make(&spec("30 6 * * *", json!({})));
    let looked = ground.look().await;
    assert_eq!((looked.next_ms, ground.fires(&id).len()), (Some(ms("2026-01-30T06:30:00Z")), 0));
    let looked = ground.at("2026-01-30T06:30:00.010Z").look().await;
    assert_eq!(looked.next_ms, Some(ms("2026-01-31T06:30:00Z")));
    ground.look().await;
    let fires = ground.fires(&id);
    assert_eq!((fires.len(), fires[0].state.as_str()), (1, "started"));
    let row = ground.platform.execution(&ground.owner, fires[0].execution.as_ref().unwrap()).unwrap();
    assert_eq!(row.workflow, "waits");
    let audit = ground.platform.audit_with_names(&ground.owner, &PageRequest::new(None, None).unwrap()).unwrap().items;
    let line = audit.iter().find(|line| line["what"] == "execution.started").unwrap();
    assert_eq!((&line["by"]["schedule"], &line["by"]["email"]), (&json!(id), &json!("ada@example.com")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_times_are_made_up_for_as_decided() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let skip = ground.make(&spec("0 * * * *", json!({})));
    let one = ground.make(&spec("0 * * * *", json!({"catch_up": CatchUp::One})));
    let all = ground.make(&spec("0 * * * *", json!({"catch_up": CatchUp::All, "catch_up_max": 3})));
    let often = ground.make(&spec("* * * * * *", json!({"catch_up": CatchUp::All, "catch_up_max": 2})));
    ground.at("2026-01-30T11:30:00Z").look().await;
    assert_eq!(ground.states(&skip), pairs(&[("2026-01-30T07:00:00Z", "skipped")]));
    assert_eq!(ground.states(&one), pairs(&[("2026-01-30T07:00:00Z", "skipped"), ("2026-01-30T11:00:00Z", "started")]));
    assert_eq!(
        ground.states(&all),
        pairs(&[
            ("2026-01-30T07:00:00Z", "skipped"),
            ("2026-01-30T09:00:00Z", "started"),
            ("2026-01-30T10:00:00Z", "started"),
            ("2026-01-30T11:00:00Z", "started"),
        ])
    );
    assert!(ground.fires(&skip)[0].reason.as_ref().unwrap().contains("5 times were missed"));
    // Five hours of seconds are not walked through; those of the last minute were not missed.
    let states = ground.states(&often);
    assert_eq!((states.len(), states.last().unwrap().0.as_str()), (62, "2026-01-30T11:30:00Z"));
    ground.at("2026-01-30T12:00:05Z").look().await;
    assert_eq!(ground.states(&skip).last().unwrap().1, "started", "a time that was not missed counts as ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_long_absence_has_missed_is_told_for_as_long_as_anything_else() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let id = ground.make(&spec("0 * * * *", json!({})));
    let first = |ground: &Ground| (ground.states(&id).swap_remove(0), ground.fires(&id)[0].reason.clone());
    let missed = pairs(&[("2026-01-30T07:00:00Z", "skipped")]).remove(0);
    for time in ["2026-03-15T11:30:00Z", "2026-03-15T12:00:00Z", "2026-04-14T11:00:00Z"] {
        ground.at(time).look().await;
        let (told, reason) = first(&ground);
        assert_eq!(told, missed, "{time}");
        assert!(reason.is_some_and(|reason| reason.contains("1061 times were missed")), "{time}");
    }
    ground.at("2026-04-14T12:00:00Z").look().await;
    assert_ne!(first(&ground).0, missed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_overlaps_is_handled_as_decided() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let ids = [Overlap::Allow, Overlap::Skip, Overlap::Queue, Overlap::Cancel]
        .map(|overlap| ground.make(&spec("0 * * * *", json!({"overlap": overlap}))));
    ground.at("2026-01-30T07:00:00Z").look().await;
    let firsts = ids.each_ref().map(|id| ground.fires(id)[0].execution.clone().unwrap());
    for first in &firsts {
        ground.status(first, ExecutionStatus::Waiting).await;
    }
    let looked = ground.at("2026-01-30T08:00:00Z").look().await;
    let second = ids.each_ref().map(|id| ground.fires(id)[1].clone());
    let states = second.each_ref().map(|fire| fire.state.as_str());
    assert_eq!(states, ["started", "skipped", "waiting", "started"]);
    assert!(looked.waits);
    assert!(second[1].reason.as_ref().unwrap().contains(&firsts[1]), "{:?}", second[1].reason);
    ground.status(&firsts[3], ExecutionStatus::Cancelled).await;
    ground.status(&firsts[0], ExecutionStatus::Waiting).await;
    let go = akao_engine::Request::Signal {
        execution: firsts[2].parse().unwrap(),
        name: "go".to_owned(),
        key: None,
        payload: json!(1),
        signal_id: None,
    };
    ground.engine.call(go).await.unwrap();
    ground.status(&firsts[2], ExecutionStatus::Success).await;
    assert!(!ground.look().await.waits);
    assert_eq!(ground.fires(&ids[2])[1].state, "started");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_may_what_its_person_may_now() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let invited = ground.platform.invite(&ground.owner, "bob@example.com", "admin").unwrap();
    let joined = akao_platform::Joined {
        code: invited.code,
        name: Some("Bob".to_owned()),
        password: Secret::new(PASSWORD),
        totp: None,
    };
    let bob = ground.platform.join(&joined).unwrap().actor;
    let make = |grants: &[&str]| {
        let spec = spec("0 * * * *", json!({"grants": grants}));
        ground.platform.make_schedule(&bob, "of bob", &spec).unwrap().row.id
    };
    let (plain, granting) = (make(&[]), make(&["network.http=example.com"]));
    let state = |id: &str| {
        let row = ground.platform.schedule(&ground.owner, id).unwrap().row;
        (row.state, row.reason.unwrap_or_default())
    };
    ground.platform.set_role(&ground.owner, bob.user.as_str(), Role::Editor.as_str(), &Expected::Unsaid).unwrap();
    ground.at("2026-01-30T07:00:00Z").look().await;
    assert_eq!(ground.fires(&plain)[0].state, "started");
    let refused = &ground.fires(&granting)[0];
    assert_eq!(refused.state, "refused");
    assert!(refused.reason.as_ref().unwrap().contains("executions.grant"), "{:?}", refused.reason);
    ground.platform.set_role(&ground.owner, bob.user.as_str(), Role::Viewer.as_str(), &Expected::Unsaid).unwrap();
    ground.at("2026-01-30T08:00:00Z").look().await;
    assert_eq!(state(&plain), ("stopped".to_owned(), "bob@example.com may not start executions any more".to_owned()));
    ground.platform.set_role(&ground.owner, bob.user.as_str(), Role::Admin.as_str(), &Expected::Unsaid).unwrap();
    ground.platform.resume_schedule(&bob, &plain, &Expected::Unsaid).unwrap();
    ground.platform.remove_member(&ground.owner, bob.user.as_str(), &Expected::Unsaid).unwrap();
    ground.at("2026-01-30T09:00:00Z").look().await;
    let (stopped, reason) = state(&plain);
    assert_eq!(stopped, "stopped");
    assert!(reason.contains("does not belong to the tenant any more"), "{reason}");
    // Whoever lets it go on is the person in whose name it starts.
    assert_eq!(
        ground.platform.resume_schedule(&ground.owner, &plain, &Expected::Unsaid).unwrap().row.account,
        ground.owner.user.as_str()
    );
    ground.at("2026-01-30T10:00:00Z").look().await;
    assert_eq!(ground.fires(&plain).last().unwrap().state, "started");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_ahead_once_keeps_no_schedule_waiting() {
    let ground = Ground::new("2026-01-30T06:10:00Z");
    let skips = ground.make(&spec("0 * * * *", json!({})));
    let one = ground.make(&spec("0 * * * *", json!({"catch_up": "one", "jitter_s": 60})));
    let next = |id: &str| ground.platform.schedule(&ground.owner, id).unwrap().row.next_ms.unwrap();
    ground.look().await;
    // A year ahead for a moment: one makes up for the last of the times that seem to be missed.
    ground.at("2027-01-30T06:10:00Z").look().await;
    assert_eq!((next(&skips), next(&one)), (ms("2027-01-30T07:00:00Z"), ms("2027-01-30T07:00:00Z")));
    let ahead = ("2027-01-30T06:00:00Z", "started");
    let looked = ground.at("2026-01-30T06:10:01Z").look().await;
    assert_eq!((next(&skips), next(&one)), (ms("2026-01-30T07:00:00Z"), ms("2026-01-30T07:00:00Z")));
    assert_eq!(looked.next_ms, Some(ms("2026-01-30T07:00:00Z")));
    ground.at("2026-01-30T07:00:00Z").look().await;
    assert_eq!(ground.states(&skips), pairs(&[("2026-01-30T07:00:00Z", "started")]), "what seemed missed was not");
    ground.at("2026-01-30T07:01:00Z").look().await;
    assert_eq!(ground.states(&one), pairs(&[("2026-01-30T07:00:00Z", "started"), ahead]));

    // A step back over a time that was acted on does not repeat it.
    ground.at("2026-01-30T06:59:59Z").look().await;
    assert_eq!((next(&skips), next(&one)), (ms("2026-01-30T07:00:00Z"), ms("2026-01-30T07:00:00Z")));
    let before = [&skips, &one].map(|id| ground.fires(id)[0].execution.clone());
    ground.at("2026-01-30T07:01:00Z").look().await;
    assert_eq!([&skips, &one].map(|id| ground.fires(id)[0].execution.clone()), before);
    assert_eq!((next(&skips), next(&one)), (ms("2026-01-30T08:00:00Z"), ms("2026-01-30T08:00:00Z")));

    // Nor is it forgotten by a server that is started again.
    ground.at("2028-01-30T06:10:00Z").look().await;
    let catalogue = Arc::new(Catalogue::from(akao_flow::control_types()));
    let again = Platform::new(parts(ground.folder.path(), &ground.engine, catalogue, &ground.now_ms));
    ground.at("2026-01-30T07:10:00Z");
    again.look_at_schedules().await.unwrap();
    assert_eq!((next(&skips), next(&one)), (ms("2026-01-30T08:00:00Z"), ms("2026-01-30T08:00:00Z")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_fails_keeps_no_other_from_the_clock_as_it_is() {
    let ground = Ground::new("2026-01-30T06:10:00Z");
    let ours = ground.make(&spec("0 * * * *", json!({})));
    ground.look().await;
    ground.at("2027-01-30T06:10:00Z").look().await;
    // A tenant that comes first, whose schedules cannot be changed.
    let first: akao_contract::Tenant = "aaa".parse().unwrap();
    let row = ground.platform.schedule(&ground.owner, &ours).unwrap().row;
    let made: Result<(), akao_store::StoreError> = ground.store.write(|work| {
        work.accounts().insert_tenant(&akao_store::TenantRow::new(first.clone(), "First".to_owned(), 1))?;
        work.of(&first).schedules().insert(&row)
    });
    made.unwrap();
    let file = rusqlite::Connection::open(ground.folder.path().join(akao_store::PLATFORM_FILE)).unwrap();
    let trigger =
        "CREATE TRIGGER fails BEFORE UPDATE ON schedule WHEN old.tenant = 'aaa' BEGIN SELECT RAISE(ABORT, 'no'); END";
    file.execute_batch(trigger).unwrap();
    let next = |tenant: &akao_contract::Tenant| {
        let row = ground.store.read(|work| work.of(tenant).schedules().get(&ours)).unwrap();
        row.unwrap().next_ms.unwrap()
    };
    let acme = "acme".parse().unwrap();
    let looked = ground.at("2026-01-30T06:10:01Z").look().await;
    assert_eq!((looked.again, next(&first), next(&acme)), (true, row.next_ms.unwrap(), ms("2026-01-30T07:00:00Z")));
    // It is looked at again, although the clock was not set back since.
    file.execute_batch("DROP TRIGGER fails").unwrap();
    let looked = ground.at("2026-01-30T06:10:02Z").look().await;
    assert_eq!((looked.again, next(&first)), (false, ms("2026-01-30T07:00:00Z")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jitter_delays_a_time_and_nothing_else() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let id = ground.make(&spec("0 7 * * *", json!({"jitter_s": 600})));
    let due = ground.look().await.next_ms.unwrap();
    let nominal = ms("2026-01-30T07:00:00Z");
    assert!((nominal..=nominal + 600_000).contains(&due), "{}", due - nominal);
    ground.now_ms.store(due - 1, Ordering::SeqCst);
    ground.look().await;
    assert!(ground.fires(&id).is_empty());
    ground.now_ms.store(due, Ordering::SeqCst);
    ground.look().await;
    assert_eq!(ground.states(&id), pairs(&[("2026-01-30T07:00:00Z", "started")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_never_start_is_refused_at_once() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let make = |spec: &ScheduleSpec| ground.platform.make_schedule(&ground.owner, "bad", spec).unwrap_err().code;
    assert_eq!(make(&spec("0 0 30 2 *", json!({}))), Code::Invalid);
    assert_eq!(make(&spec("often", json!({}))), Code::Invalid);
    assert_eq!(make(&spec("@daily", json!({"zone": "Middle/Earth"}))), Code::Invalid);
    assert_eq!(make(&spec("@daily", json!({"workflow": "nothing"}))), Code::NotFound);
    assert_eq!(make(&spec("@daily", json!({"jitter_s": 3_601}))), Code::Invalid);
    let id = ground.make(&spec("@daily", json!({})));
    let view = ground.platform.schedule(&ground.owner, &id).unwrap();
    let change = |expected: Expected| ground.platform.change_schedule(&ground.owner, &id, &expected, "new", &view.spec);
    assert_eq!(change(Expected::Unsaid).unwrap_err().code, Code::ConditionMissing);
    assert_eq!(change(Expected::tag(view.tag())).unwrap().row.name, "new");
    assert_eq!(change(Expected::tag(view.tag())).unwrap_err().code, Code::Changed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_are_for_the_version_that_was_there() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let granting = ground.make(&spec("0 * * * *", json!({"grants": ["network.http=example.com"]})));
    let plain = ground.make(&spec("0 * * * *", json!({})));
    let version = |id: &str| ground.platform.schedule(&ground.owner, id).unwrap().spec.version;
    assert_eq!((version(&granting).as_deref(), version(&plain)), (Some("1.0.0"), None));
    let newer = WAITS.replace("1.0.0", "2.0.0");
    let known = akao_platform::tag(&ground.platform.workflow(&ground.owner, "waits").unwrap().latest);
    ground.platform.save_workflow(&ground.owner, "waits", &newer, &Expected::tag(known)).unwrap();
    ground.at("2026-01-30T07:00:00Z").look().await;
    let started = |id: &str| {
        let execution = ground.fires(id)[0].execution.clone().unwrap();
        ground.platform.execution(&ground.owner, &execution).unwrap().version
    };
    assert_eq!((started(&granting).as_str(), started(&plain).as_str()), ("1.0.0", "2.0.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_skipped_when_its_schedule_rests() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let id = ground.make(&spec("0 * * * *", json!({"overlap": Overlap::Queue})));
    ground.at("2026-01-30T07:00:00Z").look().await;
    let first = ground.fires(&id)[0].execution.clone().unwrap();
    ground.status(&first, ExecutionStatus::Waiting).await;
    ground.at("2026-01-30T08:00:00Z").look().await;
    ground.at("2026-01-30T09:00:00Z").look().await;
    assert_eq!(ground.states(&id).iter().filter(|(_, state)| state == "waiting").count(), 2);
    ground.platform.pause_schedule(&ground.owner, &id, &Expected::Unsaid).unwrap();
    let cancel = akao_platform::Steer::Cancel { reason: None, force: false };
    ground.platform.steer(&ground.owner, &first, cancel).await.unwrap();
    ground.status(&first, ExecutionStatus::Cancelled).await;
    assert!(!ground.look().await.waits);
    let fires = ground.fires(&id);
    assert!(fires[1..].iter().all(|fire| fire.state == "skipped" && fire.execution.is_none()), "{fires:#?}");
    assert_eq!(fires[1].reason.as_deref(), Some("the schedule was paused"));
    assert!(fires.iter().all(|fire| fire.request.is_empty()), "what is over keeps no request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_that_wait_start_one_after_another() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let id = ground.make(&spec("0 * * * *", json!({"overlap": Overlap::Queue})));
    for hour in 7..10 {
        ground.at(&format!("2026-01-30T{hour:02}:00:00Z")).look().await;
    }
    for at in 0..3 {
        let execution = ground.fires(&id)[at].execution.clone().unwrap_or_else(|| panic!("{:#?}", ground.fires(&id)));
        assert!(ground.fires(&id)[at + 1..].iter().all(|fire| fire.state == "waiting"));
        ground.status(&execution, ExecutionStatus::Waiting).await;
        let cancel = akao_platform::Steer::Cancel { reason: None, force: false };
        ground.platform.steer(&ground.owner, &execution, cancel).await.unwrap();
        ground.status(&execution, ExecutionStatus::Cancelled).await;
        ground.look().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_read_stops_alone() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let (damaged, sound) = (ground.make(&spec("0 * * * *", json!({}))), ground.make(&spec("0 * * * *", json!({}))));
    let tenant = ground.owner.tenant.clone();
    let get = || {
        let row = ground.store.read(|work| work.of(&tenant).schedules().get(&damaged));
        row.unwrap().expect("it is there")
    };
    let mut row = get();
    (row.spec, row.revision) = ("{".to_owned(), row.revision + 1);
    assert!(ground.store.write(|work| work.of(&tenant).schedules().update(&row)).unwrap());
    ground.at("2026-01-30T07:00:00Z").look().await;
    assert_eq!(ground.states(&sound), pairs(&[("2026-01-30T07:00:00Z", "started")]));
    let stopped = get();
    assert_eq!((stopped.state.as_str(), stopped.due_ms), ("stopped", None));
    assert_eq!(stopped.reason.as_deref(), Some("what was decided cannot be read"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_room_is_tried_for_a_while() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let allowance = Allowance { starts_per_minute: Some(1), ..Allowance::default() };
    ground.allowances.set(&ground.owner.tenant, allowance);
    let ids = [ground.make(&spec("0 * * * *", json!({}))), ground.make(&spec("0 * * * *", json!({})))];
    let states = || {
        let mut states = ids.each_ref().map(|id| ground.fires(id)[0].state.clone());
        states.sort();
        states
    };
    assert!(ground.at("2026-01-30T07:00:00Z").look().await.again);
    assert_eq!(states(), ["planned", "started"]);
    ground.at("2026-01-30T07:06:00Z");
    let start = akao_platform::Start { workflow: "waits".to_owned(), input: json!({}), ..Default::default() };
    ground.platform.start(&ground.owner, start).await.unwrap();
    assert!(!ground.look().await.again);
    assert_eq!(states(), ["refused", "started"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_that_cannot_be_started_do_not_grow_without_bound() {
    let ground = Ground::new("2026-01-30T06:00:00Z");
    let allowance = Allowance { starts_per_minute: Some(1), ..Allowance::default() };
    ground.allowances.set(&ground.owner.tenant, allowance);
    let id = ground.make(&spec("* * * * * *", json!({})));
    for minute in 1..=4 {
        ground.at(&format!("2026-01-30T06:{minute:02}:00Z")).look().await;
    }
    let tenant = ground.owner.tenant.clone();
    let open = ground.store.read(|work| work.of(&tenant).schedules().open_of(&id)).unwrap();
    assert!((190..=200).contains(&open), "{open}");
    let last = ground.fires(&id).last().unwrap().clone();
    assert_eq!(last.state, "skipped");
    assert!(last.reason.is_some_and(|reason| reason.contains("200 times before it")));
}
