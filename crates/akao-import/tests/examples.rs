//! The example files become exactly the workflow and the report that stand beside them.
//!
//! `AKAO_UPDATE_EXAMPLES=1 cargo test -p akao-import --test examples` writes them anew; the change is then reviewed.

use akao_import::{Source, import};
use std::{fs, path::Path};

const FILES: [&str; 4] = ["patrol.xml", "greeting.btree.yaml", "inventory.graph.yaml", "audit.stages.yaml"];

#[test]
fn examples_match_what_is_checked_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/import");
    for file in FILES {
        let text = fs::read_to_string(folder.join(file)).expect("the example is there");
        let imported = import(&Source::new(file, &text), None).unwrap_or_else(|error| panic!("{file}: {error}"));
        let stem = file.split('.').next().unwrap_or(file);
        for (extension, content) in [("yaml", &imported.yaml), ("report.txt", &imported.report.to_text())] {
            let path = folder.join("expected").join(format!("{stem}.{extension}"));
            if std::env::var_os("AKAO_UPDATE_EXAMPLES").is_some() {
                fs::write(&path, content).expect("the folder can be written to");
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(content, &expected, "{}", path.display());
        }
    }
}
