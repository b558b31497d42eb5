//! Two hundred realistic mistakes and what is said about each; `mistakes.rs` says how they are kept.

#[path = "leaves/mod.rs"]
mod leaves;
#[path = "../../akao-document/tests/support/mistakes.rs"]
mod mistakes;

use akao_flow::{Catalogue, Problem, check};
use std::sync::LazyLock;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn problems(text: &str) -> (bool, Vec<Problem>) {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(leaves::catalogue);
    let (parsed, problems) = check(text, &CATALOGUE);
    (parsed.is_some(), problems)
}

#[test]
fn every_mistake_is_said_as_expected() {
    mistakes::are_said_as_expected(HERE, problems);
}

#[test]
fn messages_are_fragments_and_suggestions_are_sentences() {
    mistakes::are_said_well(HERE, problems);
}
