//! Puts the golden transcripts into the library, so that the program needs no files beside it.

use std::{env, fs, path::Path};

const FOLDER: &str = "../../sdk/conformance/transcripts";

fn main() {
    println!("cargo:rerun-if-changed={FOLDER}");
    let entries = fs::read_dir(FOLDER).expect("the transcripts stand in the repository");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".transcript"))
        .collect();
    names.sort();
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate stands");
    let mut table = String::from("&[\n");
    for name in names {
        let path = Path::new(&root).join(FOLDER).join(&name);
        let stem = name.trim_end_matches(".transcript");
        table.push_str(&format!("    ({stem:?}, include_str!({path:?})),\n"));
    }
    table.push(']');
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("transcripts.rs"), table).expect("the output folder is writable");
}
