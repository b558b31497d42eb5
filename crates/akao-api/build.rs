//! Gathers the files of the console, when it was built, so that the program carries them. It builds nothing itself: whoever
//! has no Node.js still builds the program, whose page says how to add the console.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let place = manifest.join("../../web/dist");
    println!("cargo:rerun-if-changed={}", place.display());
    let folder = place.join("console");
    let mut names = Vec::new();
    if folder.join("index.html").is_file() {
        gather(&folder, "", &mut names)?;
    }
    names.sort();
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default());
    let mut text = String::from("&[\n");
    for (number, name) in names.iter().enumerate() {
        let file = folder.join(name);
        text.push_str(&format!(
            "    Asset {{ path: {:?}, brotli: include_bytes!({:?}), gzip: include_bytes!({:?}) }},\n",
            format!("/{name}"),
            kept(&file, "br", &out, number)?,
            kept(&file, "gz", &out, number)?,
        ));
    }
    text.push_str("]\n");
    fs::write(out.join("assets.rs"), text)?;
    let page = folder.join("index.html");
    let page = match page.is_file() {
        true => format!("Some({:?})", fs::read_to_string(page)?),
        false => "None".to_owned(),
    };
    fs::write(out.join("page.rs"), page)
}

/// The names of files that have both compressed forms beside them, from the folder of the console.
fn gather(folder: &Path, before: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &format!("{name}/"), names)?;
        } else if entry.path().with_file_name(format!("{}.br", entry.file_name().to_string_lossy())).is_file() {
            names.push(name);
        }
    }
    Ok(())
}

/// A compressed form of a file, copied to where it stays until the compiler reads it, whoever builds the console again meanwhile.
fn kept(file: &Path, ending: &str, out: &Path, number: usize) -> io::Result<PathBuf> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    let place = out.join(format!("{number}.{ending}"));
    fs::copy(PathBuf::from(name), &place)?;
    Ok(place)
}
