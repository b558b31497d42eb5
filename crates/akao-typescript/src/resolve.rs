//! What an import means: a file of those that were given, by the rules of TypeScript and Node.js. There is no file system
//! here. Whoever asks may add files that were missed, and ask again: [`Files::wanted`] names them.

use crate::compatible;
use akao_node::{Map, Value};
use std::{cell::RefCell, collections::BTreeSet};

/// What may be left out at the end of an import, in the order of preference.
const ENDINGS: [&str; 8] = ["", ".ts", ".mts", ".tsx", ".js", ".mjs", ".cjs", ".json"];
/// The same for types.
const ENDINGS_OF_TYPES: [&str; 7] = [".ts", ".mts", ".d.ts", "/index.ts", "/index.mts", "/index.d.ts", ""];
/// What a folder may be entered by.
const INDEXES: [&str; 5] = ["/index.ts", "/index.mts", "/index.js", "/index.mjs", "/index.cjs"];
/// Deeper nesting of conditions in a package's exports is none.
const CONDITIONS_MAX: usize = 16;

/// The files that were given, by their paths from one root.
pub(crate) struct Files<'a> {
    given: &'a Map<String, Value>,
    absent: BTreeSet<&'a str>,
    /// Whether there is nobody who could add files.
    is_complete: bool,
    wanted: RefCell<BTreeSet<String>>,
}

/// Where an import leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file, or a module that is always there.
    Module(String),
    /// Something of the worker's own.
    Host(String),
    /// Nothing, and why.
    Missing { message: String, suggestion: String },
}

impl<'a> Files<'a> {
    pub(crate) fn new(given: &'a Map<String, Value>, absent: impl Iterator<Item = &'a str>, is_complete: bool) -> Self {
        Self { given, absent: absent.collect(), is_complete, wanted: RefCell::default() }
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&'a str> {
        match self.given.get(path).and_then(Value::as_str) {
            Some(text) => Some(text),
            None => {
                if !self.is_complete && !self.absent.contains(path) {
                    self.wanted.borrow_mut().insert(path.to_owned());
                }
                None
            }
        }
    }

    /// Files that would have been looked into.
    pub(crate) fn wanted(&self) -> Vec<String> {
        self.wanted.borrow().iter().cloned().collect()
    }

    /// Where an import of a module leads.
    pub(crate) fn find(&self, from: &str, specifier: &str) -> Found {
        let compatible = compatible::of_import(specifier);
        if let Some(compatible) = compatible.filter(|compatible| !compatible.yields) {
            return Found::Module(compatible.place.to_owned());
        }
        if specifier.starts_with("akao:") {
            return Found::Host(specifier.to_owned());
        }
        if compatible::is_of_node(specifier) {
            return Found::Missing {
                message: format!("`{specifier}` is a module of Node.js, and custom nodes do not run in Node.js"),
                suggestion: "Use what docs/custom-nodes.md lists, such as `fetch`, or write the node with `runtime: \
                             node` (docs/node-development.md)."
                    .to_owned(),
            };
        }
        let is_relative = is_relative(specifier);
        let found = match is_relative {
            true => join(folder_of(from), specifier).and_then(|path| self.file_or_folder(&path)),
            false => self.package(from, specifier),
        };
        let found = found.or_else(|| compatible.map(|compatible| compatible.place.to_owned()));
        found.map_or_else(|| missing(specifier, is_relative, self.is_complete), Found::Module)
    }

    /// Where an import of types leads, which may be a file of declarations: within the project alone.
    pub(crate) fn find_types(&self, from: &str, specifier: &str) -> Option<String> {
        if !is_relative(specifier) {
            return None;
        }
        let path = join(folder_of(from), specifier)?;
        let stem = [".js", ".mjs"].iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(&path);
        let mut places = ENDINGS_OF_TYPES.iter().map(|ending| format!("{stem}{ending}"));
        places.find(|place| self.text(place).is_some())
    }

    /// The first of a path's readings that is a file.
    fn file_or_folder(&self, path: &str) -> Option<String> {
        let is_there = |path: &String| self.text(path).is_some();
        // An import of `./a.js` means `./a.ts` in TypeScript.
        let as_typescript = [(".js", ".ts"), (".mjs", ".mts")];
        let as_typescript = as_typescript.iter().filter_map(|(js, ts)| Some(format!("{}{ts}", path.strip_suffix(js)?)));
        let plain = ENDINGS.iter().map(|ending| format!("{path}{ending}"));
        let found = as_typescript.chain(plain).find(is_there);
        found.or_else(|| {
            let main = self.package_json(path).and_then(|package| self.main(path, &package));
            main.or_else(|| INDEXES.iter().map(|index| format!("{path}{index}")).find(is_there))
        })
    }

    fn package_json(&self, folder: &str) -> Option<Value> {
        // Folders of a project itself are entered by their index alone.
        folder.contains("node_modules/").then_some(())?;
        serde_json::from_str(self.text(&format!("{folder}/package.json"))?).ok()
    }

    /// What a package is entered by, where it does not say `exports`.
    fn main(&self, folder: &str, package: &Value) -> Option<String> {
        let named = ["module", "main"].into_iter().filter_map(|key| package.get(key)?.as_str());
        named.filter_map(|main| join(folder, main)).find_map(|path| self.file_or_folder_without_package(&path))
    }

    fn file_or_folder_without_package(&self, path: &str) -> Option<String> {
        let all = ENDINGS.iter().chain(&INDEXES).map(|ending| format!("{path}{ending}"));
        all.into_iter().find(|path| self.text(path).is_some())
    }

    /// A module of an npm package, looked for in the folders above the one that imports it.
    fn package(&self, from: &str, specifier: &str) -> Option<String> {
        let (name, below) = split_package(specifier)?;
        let mut folder = Some(folder_of(from));
        while let Some(at) = folder {
            if !at.ends_with("node_modules") {
                let place =
                    if at.is_empty() { format!("node_modules/{name}") } else { format!("{at}/node_modules/{name}") };
                if let Some(package) = self.package_json(&place) {
                    return self.within(&place, &package, below);
                }
            }
            folder = (!at.is_empty()).then(|| folder_of(at));
        }
        None
    }

    fn within(&self, place: &str, package: &Value, below: &str) -> Option<String> {
        if let Some(exports) = package.get("exports") {
            let target = exported(exports, &format!(".{below}"))?;
            let path = join(place, &target)?;
            return self.text(&path).map(|_| path);
        }
        match below {
            "" => self.main(place, package).or_else(|| self.file_or_folder_without_package(&format!("{place}/index"))),
            below => self.file_or_folder(&format!("{place}{below}")),
        }
    }
}

fn is_relative(specifier: &str) -> bool {
    specifier.starts_with("./") || specifier.starts_with("../")
}

fn missing(specifier: &str, is_relative: bool, is_complete: bool) -> Found {
    let message = format!("`{specifier}` is not found");
    let suggestion = match (is_relative, is_complete) {
        (true, _) => "Correct the path, or send the file along.".to_owned(),
        (false, true) => "Deploy with `akao sdk deploy`, which sends npm packages along.".to_owned(),
        (false, false) => format!("Install it beside the node: `npm install {specifier}`."),
    };
    Found::Missing { message, suggestion }
}

/// The folder of a path; empty for the root.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path from a folder, without dots; none when it leads out of the root.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `name/below` and `@scope/name/below`.
fn split_package(specifier: &str) -> Option<(&str, &str)> {
    let slashes = usize::from(specifier.starts_with('@'));
    let end = specifier.match_indices('/').nth(slashes).map_or(specifier.len(), |(at, _)| at);
    let (name, below) = specifier.split_at(end);
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\\');
    let is_name = name.split('/').count() == slashes + 1 && name.split('/').all(is_plain);
    let is_below = below.is_empty() || below[1..].split('/').all(is_plain);
    (is_name && is_below).then_some((name, below))
}

/// What a package's `exports` say for a path that begins with a dot.
fn exported(exports: &Value, path: &str) -> Option<String> {
    let is_by_path = exports.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with('.')));
    if !is_by_path {
        return (path == ".").then(|| condition(exports, 0))?;
    }
    let map = exports.as_object()?;
    if let Some(exact) = map.get(path) {
        return condition(exact, 0);
    }
    let fits = |pattern: &str| -> Option<(usize, String)> {
        let (before, after) = pattern.split_once('*')?;
        let rest = path.strip_prefix(before)?.strip_suffix(after)?;
        Some((before.len(), rest.to_owned()))
    };
    let patterns = map.iter().filter_map(|(pattern, target)| Some((fits(pattern)?, target)));
    let ((_, rest), target) = patterns.max_by_key(|((length, _), _)| *length)?;
    condition(target, 0).map(|target| target.replace('*', &rest))
}

/// The first target whose conditions hold here.
fn condition(target: &Value, depth: usize) -> Option<String> {
    match target {
        _ if depth > CONDITIONS_MAX => None,
        Value::String(path) => Some(path.clone()),
        Value::Array(all) => all.iter().find_map(|target| condition(target, depth + 1)),
        Value::Object(map) => {
            let holds = |name: &str| matches!(name, "import" | "module" | "browser" | "default" | "require");
            // `import` wins over `require`, whichever comes first.
            let named = |wanted: fn(&str) -> bool| map.iter().filter(move |(name, _)| holds(name) && wanted(name));
            let esm = named(|name| name != "require").find_map(|(_, target)| condition(target, depth + 1));
            esm.or_else(|| named(|name| name == "require").find_map(|(_, target)| condition(target, depth + 1)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_node::json;

    fn files(given: &Value) -> Map<String, Value> {
        given.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn imports_lead_to_the_files_that_node_js_and_typescript_would_take() {
        let given = files(&json!({
            "src/a.ts": "", "src/b/index.ts": "", "src/data.json": "{}",
            "node_modules/zod/package.json": "{\"exports\":{\".\":{\"require\":\"./z.cjs\",\"import\":\"./z.mjs\"},\"./v4/*\":\"./v4/*.js\"}}",
            "node_modules/zod/z.mjs": "", "node_modules/zod/v4/core.js": "",
            "node_modules/@s/p/package.json": "{\"main\":\"lib\"}", "node_modules/@s/p/lib/index.js": "",
            "src/node_modules/near/package.json": "{}", "src/node_modules/near/index.js": "",
        }));
        let files = Files::new(&given, std::iter::empty(), true);
        let found = |specifier: &str| files.find("src/node.ts", specifier);
        for (specifier, path) in [
            ("./a", "src/a.ts"),
            ("./a.js", "src/a.ts"),
            ("./b", "src/b/index.ts"),
            ("../src/data.json", "src/data.json"),
            ("zod", "node_modules/zod/z.mjs"),
            ("zod/v4/core", "node_modules/zod/v4/core.js"),
            ("@s/p", "node_modules/@s/p/lib/index.js"),
            ("near", "src/node_modules/near/index.js"),
            ("@wayfarer-ai/btree", "akao/btree.js"),
        ] {
            assert_eq!(found(specifier), Found::Module(path.to_owned()), "{specifier}");
        }
        for specifier in ["./c", "../../etc/passwd", "zod/private", "absent", "fs", "node:fs/promises", "..", "a/../b"]
        {
            assert!(matches!(found(specifier), Found::Missing { .. }), "{specifier}: {:?}", found(specifier));
        }
        assert!(files.wanted().is_empty(), "nobody could bring more");
        let alone = json!({"src/node.ts": ""});
        let alone = Files::new(alone.as_object().expect("an object"), std::iter::empty(), true);
        for (specifier, place) in [("zod", Some("akao/zod.js")), ("zod/v4", Some("akao/zod.js")), ("zod/v3", None)] {
            let found = alone.find("src/node.ts", specifier);
            assert_eq!(matches!(&found, Found::Module(at) if Some(at.as_str()) == place), place.is_some(), "{found:?}");
        }
    }

    #[test]
    fn what_was_missed_is_wanted_until_it_is_known_to_be_absent() {
        let given = files(&json!({"src/node.ts": ""}));
        let absent = ["src/u.ts", "src/u"];
        let files = Files::new(&given, absent.into_iter(), false);
        files.find("src/node.ts", "./u");
        let wanted = files.wanted();
        assert!(wanted.contains(&"src/u.js".to_owned()) && !wanted.contains(&"src/u.ts".to_owned()), "{wanted:?}");
    }
}
