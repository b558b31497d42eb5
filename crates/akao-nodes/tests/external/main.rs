//! External nodes put together: real processes in real sandboxes with the broker, as `ExternalNodes` runs them. Cases bear
//! the numbers of the project's catalogue of abuse.
//!
//! | file | what it is about |
//! |---|---|
//! | `network.rs` | what a node reaches, and what is told of what it does not |
//! | `protocol.rs` | a node that misbehaves on its connection, beside a neighbour |
//! | `tenants.rs` | processes of two tenants, or of two sets of grants, that try to meet |
//! | `limits.rs` | each limit, from the manifest to the step's error |
//! | `inside.rs` | what a node sees of the host |
//! | `bare.rs` | what runs where nobody may make a namespace |
//! | `cycles.rs` | many processes that come and go, and what is left |
//! | `world.rs`, `ground.rs`, `acts.py` | the network around, the nodes put together, the node's program |
//!
//! Everything runs as the user of the tests in a network namespace of its own; root runs it once more as a user without
//! rights. `AKAO_CYCLES` (default 100) says how many processes come and go.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

mod bare;
mod cycles;
mod ground;
mod inside;
mod limits;
#[path = "../../../akao-broker/tests/network/netlink.rs"]
mod netlink;
mod network;
#[path = "../../../akao-sandbox/tests/no_namespaces/mod.rs"]
mod no_namespaces;
mod protocol;
mod tenants;
mod world;

use libtest_mimic::{Arguments, Trial};
use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Command, ExitCode},
};

type Case = (&'static str, fn());

/// The user without rights as whom root runs everything once more.
const NOBODY: u32 = 65_534;

/// What a process of these tests is told when it is to play another part.
const PART: &str = "AKAO_NODES_TEST_PART";

/// A variable of this process that no node may see.
const CANARY_VARIABLE: &str = "AKAO_TEST_CANARY";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if let Ok(part) = std::env::var(PART) {
        if part == bare::PART_NAME {
            bare::play();
            return ExitCode::SUCCESS;
        }
        world::enter();
        cycles::play(&part);
        return ExitCode::SUCCESS;
    }
    if std::env::var_os(CANARY_VARIABLE).is_none() {
        let mut again = Command::new("/proc/self/exe");
        let error = again.args(std::env::args_os().skip(1)).env(CANARY_VARIABLE, inside::CANARY).exec();
        panic!("the tests cannot begin again: {error}");
    }
    let is_again = arguments.list || !ground::is_root() || again_without_root();
    world::enter();
    let cases =
        [network::CASES, protocol::CASES, tenants::CASES, limits::CASES, inside::CASES, bare::CASES, cycles::CASES]
            .concat();
    let trials = cases.into_iter().map(|(name, case): Case| {
        Trial::test(name, move || {
            case();
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    match conclusion.has_failed() || !is_again {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// The same tests as a user to whom nothing belongs.
fn again_without_root() -> bool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("nodes");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    println!("\nwithout root:");
    let mut again = Command::new(&copy);
    again.args(std::env::args_os().skip(1)).env("TMPDIR", "/tmp").current_dir("/").uid(NOBODY).gid(NOBODY);
    again.status().is_ok_and(|status| status.success())
}
