//! Two hundred realistic mistakes and what is said about each; `mistakes.rs` says how they are kept.

#[path = "../../akao-document/tests/support/mistakes.rs"]
mod mistakes;

use akao_document::Problem;
use akao_manifest::check;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn problems(text: &str) -> (bool, Vec<Problem>) {
    let (manifest, problems) = check(text);
    (manifest.is_some(), problems)
}

#[test]
fn every_mistake_is_said_as_expected() {
    mistakes::are_said_as_expected(HERE, problems);
}

#[test]
fn messages_are_fragments_and_suggestions_are_sentences() {
    mistakes::are_said_well(HERE, problems);
}
