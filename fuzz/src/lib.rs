//! What several fuzz targets share: the program's node types, and what must hold of every place in a text.

pub mod ports;
pub mod program;

use akao_flow::{Catalogue, control_types};
use std::sync::{Arc, LazyLock};

/// Control nodes and standard nodes, as the program has them.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
        let controls = control_types().into_iter().map(Arc::new);
        let leaves = akao_builtin::all().into_iter().map(|built_in| built_in.node_type);
        Catalogue::from(controls.chain(leaves).collect::<Vec<_>>())
    });
    &CATALOGUE
}

/// Asks that a line and a column, both counted from 1, lie inside the text; the place behind a line's end counts as
/// inside, and so does the one behind the text.
pub fn assert_inside(text: &str, line: u32, column: u32, what: &str) {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let found = unified.split('\n').nth((line as usize).wrapping_sub(1));
    let Some(found) = found else { panic!("{line}:{column} is behind the last line: {what}") };
    let columns = found.chars().count() + 1;
    assert!((1..=columns).contains(&(column as usize)), "{line}:{column} is behind the line's end: {what}");
}
