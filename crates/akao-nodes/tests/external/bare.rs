//! Nodes on a machine where nobody may make a namespace: refused, unless the operator asks for T2; then without network, and never
//! two tenants at once.

use crate::{
    Case,
    cycles::player,
    ground::{Ground, Package, run, settings, until},
    no_namespaces,
};
use akao_contract::ErrorKind;
use akao_nodes::{AuditEvent, LaunchOptions};
use akao_sandbox::Tier;
use std::process::Stdio;

pub(crate) const CASES: &[Case] = &[("without_namespaces_nodes_run_only_where_that_is_asked_for", part)];

/// The part that is played in a process of its own, since the filter cannot be taken off again.
pub(crate) const PART_NAME: &str = "bare";

fn part() {
    let output = player(PART_NAME).stderr(Stdio::piped()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
}

/// Plays it.
pub(crate) fn play() {
    no_namespaces::deny();
    run(refused());
    run(accepted());
}

async fn refused() {
    let ground = Ground::new();
    let done = ground.run(ground.code(&Package::acts(), "out = 1")).await;
    let error = done.error();
    assert_eq!((error.kind, &error.detail["reason"]), (ErrorKind::Internal, &"isolation".into()), "{error:?}");
    for part in ["reaches T2 and T1 is asked for", "the step `", "--sandbox-tier T2"] {
        assert!(error.message.contains(part), "{part}: {error:?}");
    }
    ground.end().await;
}

async fn accepted() {
    let sandbox = akao_sandbox::Options { minimum: Tier::T2, ..akao_sandbox::Options::default() };
    let ground = Ground::with(LaunchOptions { sandbox, ..LaunchOptions::default() }, settings());
    // As root nodes are users of their own, who have to pass to their package.
    std::fs::set_permissions(ground.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let package = Package::acts();
    let write = "open('file', 'w').write('x')\nout = [open('file').read(), os.path.realpath(os.environ['HOME']) == os.getcwd()]";
    assert_eq!(ground.says(&package, write).await, serde_json::json!(["x", true]));
    let read = "try:\n    open('/etc/passwd')\nexcept OSError as error:\n    out = errno.errorcode[error.errno]";
    assert_eq!(ground.says(&package, read).await, "EACCES");
    let tiers = ground.audit.all().into_iter().find_map(|(_, event)| match event {
        AuditEvent::Started { tier, .. } => Some(tier),
        _ => None,
    });
    assert_eq!(tiers.as_deref(), Some("T2"), "the audit tells the tier");
    let done = ground.run(ground.code(&Package::with_hosts(&["api.example:443"]), "out = 1")).await;
    let error = done.error();
    assert_eq!((&error.detail["reason"], error.retryable), (&"no_network".into(), false), "{error:?}");
    // The first tenant's process waits for its next call.
    let done = ground.run(ground.code(&package, "out = 1").of("neighbour")).await;
    let error = done.error();
    assert_eq!((&error.detail["reason"], error.kind), (&"mixed_tenants".into(), ErrorKind::Resource), "{error:?}");
    assert!(error.retryable, "{error:?}");
    assert_eq!(ground.says(&package, "out = 2").await, 2, "the tenant that was there goes on");
    for process in ground.processes() {
        let process = rustix::process::Pid::from_raw(process as i32).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::USR1).unwrap();
    }
    until("the end of the first tenant's process", || ground.processes().len(), |count| *count == 0).await;
    let begun = std::time::Instant::now();
    loop {
        let done = ground.run(ground.code(&package, "out = 3").of("neighbour")).await;
        match &done.outcome.error {
            // The end is told to this side a little later than the process is gone from its list.
            Some(error) if error.detail["reason"] == "mixed_tenants" => {
                assert!(begun.elapsed() < crate::ground::PATIENCE, "{error:?}");
            }
            _ => {
                assert_eq!(done.result(), 3);
                break;
            }
        }
    }
    ground.end().await;
}
