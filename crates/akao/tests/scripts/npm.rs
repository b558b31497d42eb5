//! A registry of npm packages on this machine: documents and archives as registries serve them, made for a test.

use crate::{
    desk::Desk,
    standin::{Reply, StandIn, json_reply},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

/// Packs files as npm does, and tells the digest in its words.
const PACK: &str = r#"
import base64, gzip, hashlib, io, json, sys, tarfile
made = io.BytesIO()
with gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
    for path, text in json.load(sys.stdin).items():
        entry = tarfile.TarInfo("package/" + path)
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
with open(sys.argv[1], "wb") as file:
    file.write(made.getvalue())
print("sha512-" + base64.b64encode(hashlib.sha512(made.getvalue()).digest()).decode())
"#;

/// A package in one version: what `package.json` says beside its name, and its files.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) says: Value,
    pub(crate) files: &'static [(&'static str, &'static str)],
}

fn pack(desk: &Desk, package: &Package) -> (Value, Vec<u8>, String) {
    let mut says = package.says.clone();
    says["name"] = package.name.into();
    says["version"] = package.version.into();
    let mut files: Map<String, Value> =
        package.files.iter().map(|(path, text)| ((*path).to_owned(), (*text).into())).collect();
    files.insert("package.json".to_owned(), says.to_string().into());
    let file = desk.path(&format!("{}-{}.tgz", package.name, package.version));
    let mut made = Command::new("/usr/bin/python3");
    made.args(["-I", "-c", PACK]).arg(&file).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut made = made.spawn().expect("Python runs");
    serde_json::to_writer(made.stdin.take().expect("a pipe"), &files).expect("Python reads");
    let made = made.wait_with_output().expect("Python ends");
    assert!(made.status.success());
    let integrity = String::from_utf8(made.stdout).expect("a digest").trim().to_owned();
    (says, std::fs::read(&file).expect("an archive"), integrity)
}

/// When a package was published that does not say it as `published`.
const PUBLISHED: &str = "2020-01-01T00:00:00.000Z";

/// Serves packages, and has the npm of a desk ask there. Of a package that is called `tampered`, the archive is another one.
pub(crate) fn serve(desk: &Desk, packages: &[Package]) -> StandIn {
    let mut documents: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut archives: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for package in packages {
        let (mut says, mut archive, integrity) = pack(desk, package);
        let place = format!("/{0}/-/{0}-{1}.tgz", package.name, package.version);
        if package.name == "tampered" {
            archive.push(0);
        }
        archives.insert(place.clone(), archive);
        says["dist"] = json!({"tarball": place, "integrity": integrity});
        documents.entry(format!("/{}", package.name)).or_default().insert(package.version.to_owned(), says);
    }
    let registry = StandIn::new(move |sent| -> Reply {
        if let Some(archive) = archives.get(&sent.path) {
            return (200, String::new(), archive.clone());
        }
        let Some(versions) = documents.get(&sent.path) else { return json_reply(404, &json!({"error": "not found"})) };
        let mut versions = versions.clone();
        for says in versions.values_mut() {
            let place = says["dist"]["tarball"].as_str().unwrap_or_default();
            says["dist"]["tarball"] = format!("http://{}{place}", sent.header("host")).into();
        }
        let latest = versions.keys().next_back().cloned();
        let published = |says: &Value| says["published"].as_str().unwrap_or(PUBLISHED).to_owned();
        let time: BTreeMap<&String, String> =
            versions.iter().map(|(version, says)| (version, published(says))).collect();
        json_reply(
            200,
            &json!({"name": &sent.path[1..], "dist-tags": {"latest": latest}, "versions": versions, "time": time}),
        )
    });
    desk.write(".npmrc", &format!("registry={}/\n", registry.url()));
    registry
}
