//! Properties of the interpreter over random workflows and random orders of events.
//!
//! A case is a workflow over every control node and a list of things that happen to it. Each event is checked when it is
//! applied (`world.rs`); afterwards the whole history is replayed, and cancelled at every point of it.
//!
//! `AKAO_PROPERTY_CASES` (default 6000) and `AKAO_PROPERTY_SEED` (default 1) choose how many cases and which.

#[path = "../support/mod.rs"]
mod support;

mod schedule;
mod workflow;
mod world;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use std::fmt::Debug;
use world::World;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, found `{text}`")),
        Err(_) => default,
    }
}

/// Runs a property over cases that depend on the seed alone. A failing case is made smaller and printed with its seed.
fn holds<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: Debug,
{
    let (seed, cases) = (number("AKAO_PROPERTY_SEED", 1), number("AKAO_PROPERTY_CASES", 6_000));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).expect("fewer than 2^32 cases"),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    match runner.run(strategy, property) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!(
            "{reason}\n\nsmallest case found: {case:#?}\n\nrun it again: AKAO_PROPERTY_SEED={seed} \
             AKAO_PROPERTY_CASES={cases} cargo test -p akao-flow --test properties"
        ),
        Err(TestError::Abort(reason)) => panic!("the cases cannot be made: {reason}"),
    }
}

#[test]
fn every_history_replays_restores_halts_and_ends() {
    holds(&(workflow::workflow(), schedule::schedule()), |(workflow, schedule)| {
        let mut world = World::start(&workflow, &schedule)?;
        for action in &schedule.actions {
            world.act(action)?;
        }
        world.settle()?;
        world.check_replay()?;
        world.check_halting()
    });
}
