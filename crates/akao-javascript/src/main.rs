//! The program that runs JavaScript in the sandbox: a node that speaks over descriptor 3. Started as it is, it runs inline scripts;
//! with `bundle FILE ID VERSION NAME`, the node of a bundle.

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["bundle", file, id, version, name] => {
            akao_javascript::worker::serve_bundle(Path::new(file), id, version, name)
        }
        _ => akao_javascript::worker::serve(),
    }
}
