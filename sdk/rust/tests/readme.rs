//! The snippets of the README are `examples/greet.rs`, which is compiled and whose test is run here.

// Its `main` is for the example alone.
#[allow(dead_code)]
#[path = "../examples/greet.rs"]
mod greet;

#[test]
fn the_snippets_are_the_example() {
    let readme = include_str!("../README.md");
    let blocks = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let snippets: Vec<&str> = blocks.map(|(block, _)| block).collect();
    assert_eq!(snippets.len(), 2);
    assert_eq!(snippets.join("\n"), include_str!("../examples/greet.rs"));
}
