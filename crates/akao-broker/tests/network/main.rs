//! The broker on a real kernel: sandboxes are network namespaces in which every address is local, and the Internet is a
//! namespace around them. Cases bear the numbers of the project's catalogue of abuse.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

mod addresses;
mod caps;
mod contained;
mod names;
mod netlink;
mod sandbox;
mod strict;
mod world;

use libtest_mimic::{Arguments, Trial};

type Case = (&'static str, fn());

fn main() {
    let arguments = Arguments::from_args();
    world::enter();
    let cases = [names::CASES, addresses::CASES, contained::CASES, strict::CASES, caps::CASES].concat();
    let trials = cases.into_iter().map(|(name, case): Case| {
        Trial::test(name, move || {
            case();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
