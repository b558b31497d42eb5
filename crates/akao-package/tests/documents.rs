//! The files that docs/packages.md shows are read as what they are shown for.

use akao_package::Lock;
use akao_package::trust::{Policy, Trust};

#[test]
fn the_examples_of_the_documents_are_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/packages.md");
    let page = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [trust, policy, lock] = blocks[..] else { panic!("{} blocks of TOML", blocks.len()) };
    let trust = Trust::read(trust).unwrap();
    assert_eq!((trust.keys().len(), trust.pins().count()), (1, 1));
    assert_eq!(Policy::read(policy).unwrap(), Policy::default(), "the page shows the defaults");
    let read = Lock::read(lock).unwrap();
    assert_eq!(read.write(), lock, "the page shows it as it is written");
}
