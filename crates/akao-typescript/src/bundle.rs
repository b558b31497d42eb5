//! From files to a bundle: the modules that the entry needs, as one file with a table of contents before it.
//!
//! The first line is `//# akao-bundle=1` and a JSON document: the entry, and each module with its place in the file and with
//! where its imports lead. What follows are the modules' texts, one after the other. QuickJS runs them as the modules that they
//! are, so that nothing of what imports and exports mean is imitated here. The map beside it is an index map of version 3.

use crate::{
    compatible,
    exports::{self, Border},
    facts::Facts,
    lint::Lint,
    module::{self, Compiled, Kind},
    place::{PROBLEMS_MAX, Problem},
    resolve::{Files, Found},
    scan::{self, Finding},
    types::{self, Typed},
};
use akao_node::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The modules that are run by `require`, together.
const COMMONJS: &str = "akao/commonjs-modules.js";
/// What gives them to each other where each is loaded by itself: the worker's own.
const REQUIRE: &str = "akao:require";
/// How the name of a module ends that is a function to be called by that.
const BODY: &str = "?require";
/// What gives them to each other.
const COMMONJS_HELP: &str = "akao/commonjs.js";
/// More modules are no node any more.
const MODULES_MAX: usize = 5_000;
/// Larger bundles are not run.
pub(crate) const BUNDLE_BYTES_MAX: usize = 10_000_000;

/// What came of the files.
pub(crate) struct Bundle {
    /// The bundle; none where something keeps it from being made.
    pub(crate) code: Option<(String, Value)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) findings: Vec<Finding>,
    /// What is most likely not meant.
    pub(crate) lints: Vec<Lint>,
    /// What the entry says of itself.
    pub(crate) facts: Facts,
    /// What its types say of nodes.
    pub(crate) typed: Typed,
    /// The names that it exports, `default` among them.
    pub(crate) exports: Vec<String>,
    /// The modules, as they are told of.
    pub(crate) modules: Vec<Value>,
    /// The lines that can be run, by file; where they are counted.
    pub(crate) lines: BTreeMap<String, Vec<usize>>,
}

/// How files are put together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    /// Whether lines that are run are counted.
    pub(crate) counts: bool,
    /// Whether they are packages for scripts: each module is loaded when it is first asked for, and one that cannot be had is
    /// missed then.
    pub(crate) packages: bool,
}

/// A module with where its imports lead.
struct Module {
    path: String,
    compiled: Compiled,
    imports: BTreeMap<String, String>,
}

impl Module {
    /// Its name and size, and the modules to which its imports lead.
    fn to_json(&self) -> Value {
        let imports: BTreeSet<&String> = self.imports.values().collect();
        json!({"name": self.path, "bytes": self.compiled.code.len(), "imports": imports})
    }

    /// The imports without which it cannot be loaded.
    fn needs(&self) -> Vec<&str> {
        let needed = self.compiled.imports.iter().filter(|import| import.is_needed);
        needed.map(|import| import.specifier.as_str()).collect()
    }
}

/// Puts together what `entry` needs.
pub(crate) fn bundle(files: &Files<'_>, entry: &str, how: How) -> Bundle {
    let (modules, lines) = (BTreeMap::new(), BTreeMap::new());
    let mut maker = Maker { files, modules, problems: Vec::new(), order: Vec::new(), how, lines };
    maker.all(entry);
    let Maker { modules, mut problems, order, lines, .. } = maker;
    let mut ordered: Vec<Module> = Vec::new();
    let mut modules = modules;
    ordered.extend(order.iter().filter_map(|path| modules.remove(path).flatten()));
    provide(&mut ordered);
    let own = ordered.iter().find(|module| module.path == entry);
    let facts = own.map(|own| own.compiled.facts.clone()).unwrap_or_default();
    let typed = if own.is_none() || how.packages { Typed::default() } else { types::schemas(files, entry) };
    let findings = scan::together(ordered.iter().flat_map(|module| module.compiled.findings.clone()));
    let lints = ordered.iter().flat_map(|module| module.compiled.lints.clone()).collect();
    let told = ordered.iter().map(Module::to_json).collect();
    let borders = Borders::of(&ordered);
    let exports = borders.exports(entry).into_iter().map(str::to_owned).collect();
    if problems.is_empty() && !how.packages {
        problems.extend(ordered.iter().flat_map(|module| borders.problems(module, files)));
    }
    let mut code = None;
    if problems.is_empty() {
        let written = write(entry, &ordered, how);
        if written.0.len() > BUNDLE_BYTES_MAX {
            let message = format!("the bundle has {} bytes, more than the {BUNDLE_BYTES_MAX} allowed", written.0.len());
            problems.push(Problem::of_file(entry, message).suggest("Import less of what it imports."));
        } else {
            code = Some(written);
        }
    }
    problems.truncate(PROBLEMS_MAX);
    Bundle { code, problems, findings, lints, facts, typed, exports, modules: told, lines }
}

/// Lets modules that are run by `require` export every name that is asked of them: which ones they set shows only when they
/// run, and many set them in ways that nobody sees before.
fn provide(modules: &mut [Module]) {
    let all: &[Module] = modules;
    let places: BTreeMap<&str, usize> = all.iter().enumerate().map(|(at, one)| (one.path.as_str(), at)).collect();
    let mut asked = Vec::new();
    for module in all {
        let border = &module.compiled.border;
        let names = border.takes.iter().map(|(from, name, _)| (from, name));
        for (from, name) in names.chain(border.reads.iter().map(|(from, name)| (from, name))) {
            let target = module.imports.get(from).filter(|_| name != "default" && name != "__esModule");
            asked.extend(target.and_then(|target| provider(all, &places, target, name)).map(|at| (at, name.clone())));
        }
    }
    for (at, name) in asked {
        let Some(module) = modules.get_mut(at) else { continue };
        if let Kind::CommonJs(names) = &mut module.compiled.kind
            && module.compiled.border.exports.insert(name.clone())
        {
            names.push(name);
        }
    }
}

/// The module that is run by `require` and of which a name may come that is taken from `path`.
fn provider(modules: &[Module], places: &BTreeMap<&str, usize>, path: &str, name: &str) -> Option<usize> {
    let (mut seen, mut waiting) = (BTreeSet::new(), VecDeque::from([path]));
    while let Some(path) = waiting.pop_front() {
        let Some((at, module)) = places.get(path).and_then(|at| Some((*at, modules.get(*at)?))) else { continue };
        if matches!(module.compiled.kind, Kind::CommonJs(_)) {
            return Some(at);
        }
        let border = &module.compiled.border;
        if border.exports.contains(name) {
            return None;
        }
        let stars = border.stars.iter().filter_map(|star| module.imports.get(star)).map(String::as_str);
        waiting.extend(stars.filter(|star| seen.insert(*star)));
    }
    None
}

/// What the modules give to each other.
struct Borders<'m>(BTreeMap<&'m str, &'m Module>);

impl<'m> Borders<'m> {
    fn of(modules: &'m [Module]) -> Self {
        Self(modules.iter().map(|module| (module.path.as_str(), module)).collect())
    }

    fn exports<'a>(&'a self, path: &'a str) -> BTreeSet<&'a str> {
        let of = |path: &str| -> Option<(&'a Border, &'a BTreeMap<String, String>)> {
            let module: &'m Module = self.0.get(path).copied()?;
            Some((&module.compiled.border, &module.imports))
        };
        exports::every(path, &of)
    }

    /// The names that a module takes from others and that are not there.
    fn problems(&self, module: &Module, files: &Files<'_>) -> Vec<Problem> {
        let text = match compatible::of_place(&module.path) {
            // Those are ours, and tests hold them together.
            Some(_) => return Vec::new(),
            None => files.text(&module.path).unwrap_or_default(),
        };
        let missing = module.compiled.border.takes.iter().filter(|(specifier, name, _)| {
            let target = module.imports.get(specifier).filter(|target| self.0.contains_key(target.as_str()));
            target.is_some_and(|target| !self.exports(target).contains(name.as_str()))
        });
        let problem = |(specifier, name, offset): &(String, String, usize)| {
            let what = if name == "default" { "a default export".to_owned() } else { format!("`{name}`") };
            Problem::at(&module.path, text, *offset, format!("`{specifier}` does not export {what}"))
                .suggest("Import what it exports; a type is imported and passed on with `type` before its name.")
        };
        missing.map(problem).collect()
    }
}

struct Maker<'a> {
    files: &'a Files<'a>,
    /// By path; none for one that could not be compiled.
    modules: BTreeMap<String, Option<Module>>,
    problems: Vec<Problem>,
    order: Vec<String>,
    how: How,
    lines: BTreeMap<String, Vec<usize>>,
}

impl Maker<'_> {
    fn all(&mut self, entry: &str) {
        let mut waiting = VecDeque::from([entry.to_owned()]);
        while let Some(path) = waiting.pop_front() {
            if self.modules.contains_key(&path) {
                continue;
            }
            if self.modules.len() >= MODULES_MAX {
                let message = format!("more than {MODULES_MAX} modules are needed");
                return self.problems.push(Problem::of_file(entry, message).suggest("Import less."));
            }
            let module = self.module(&path);
            if let Some(module) = &module {
                waiting.extend(module.imports.values().filter(|target| !target.starts_with("akao:")).cloned());
                if matches!(module.compiled.kind, Kind::CommonJs(_)) || module.compiled.wants_node {
                    waiting.push_back(COMMONJS_HELP.to_owned());
                }
            }
            self.order.push(path.clone());
            self.modules.insert(path, module);
        }
    }

    fn compile(&mut self, path: &str, text: &str) -> Result<Compiled, Vec<Problem>> {
        // Nobody is shown a place in what is always there.
        if self.how.packages && path.contains("node_modules/") || compatible::of_place(path).is_some() {
            return module::compile_compact(path, text);
        }
        // Tests themselves and what others wrote are not what is measured.
        let is_own = !path.contains("node_modules/");
        let is_code = !path.ends_with(".json") && !path.contains(".test.") && !path.contains("akao-tests");
        if !(self.how.counts && is_own && is_code) {
            return module::compile(path, text);
        }
        let (compiled, lines) = module::compile_counted(path, text)?;
        self.lines.insert(path.to_owned(), lines);
        Ok(compiled)
    }

    fn module(&mut self, path: &str) -> Option<Module> {
        let text = match compatible::of_place(path) {
            Some(compatible) => Some(compatible.source),
            None => self.files.text(path),
        };
        let Some(text) = text else {
            self.problems.push(Problem::of_file(path, "is not among the files"));
            return None;
        };
        match self.compile(path, text) {
            // Nobody may ever come to a file of a package that is not JavaScript.
            Err(_) if self.how.packages && path.contains("node_modules/") => None,
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
            Ok(mut compiled) => {
                if let Kind::CommonJs(names) = &compiled.kind {
                    compiled.border = Border {
                        exports: names.iter().cloned().chain(["default".to_owned()]).collect(),
                        ..Border::default()
                    };
                }
                if let Some(compatible) = compatible::of_place(path) {
                    compiled.findings.clear();
                    compiled.lints.clear();
                    let licence = compatible.licence().map(|licence| format!("{licence}\n"));
                    compiled.code.insert_str(0, licence.as_deref().unwrap_or_default());
                }
                let mut imports = BTreeMap::new();
                for import in &compiled.imports {
                    match self.files.find(path, &import.specifier) {
                        Found::Module(target) | Found::Host(target) => {
                            imports.insert(import.specifier.clone(), target);
                        }
                        Found::Missing { message, suggestion } => {
                            // A package that asks for something of Node.js inside `require` may never come to it.
                            let is_by_require = matches!(compiled.kind, Kind::CommonJs(_));
                            if self.how.packages || is_by_require && path.contains("node_modules/") {
                                continue;
                            }
                            let problem = Problem::at(path, text, import.offset, message);
                            self.problems.push(problem.suggest(suggestion));
                        }
                    }
                }
                Some(Module { path: path.to_owned(), compiled, imports })
            }
        }
    }
}

/// Writes modules one after the other, and remembers where each stands.
struct Writer {
    text: String,
    line: usize,
    table: Vec<Value>,
    sections: Vec<Value>,
    /// Whether the table says what each module cannot be loaded without.
    tells_needs: bool,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.line += text.matches('\n').count();
        self.text.push_str(text);
    }

    fn end_line(&mut self) {
        if !self.text.ends_with('\n') {
            self.push("\n");
        }
    }

    /// Text that came of a file.
    fn mapped(&mut self, compiled: &Compiled) {
        if let Some(map) = &compiled.map {
            self.sections.push(json!({"offset": {"line": self.line, "column": 0}, "map": map}));
        }
        self.push(&compiled.code);
        self.end_line();
    }

    /// `needs`: what of its imports, found or not, it cannot be loaded without.
    fn module(
        &mut self,
        name: &str,
        imports: &BTreeMap<String, String>,
        needs: &[&str],
        write: impl FnOnce(&mut Self),
    ) {
        let (start, line) = (self.text.len(), self.line);
        write(self);
        self.end_line();
        let imports: Map<String, Value> = imports.iter().map(|(from, to)| (from.clone(), json!(to))).collect();
        let bytes = self.text.len() - start;
        let mut entry = json!({"name": name, "start": start, "bytes": bytes, "line": line, "imports": imports});
        if self.tells_needs && !needs.is_empty() {
            entry["needs"] = json!(needs);
        }
        self.table.push(entry);
    }
}

fn write(entry: &str, modules: &[Module], how: How) -> (String, Value) {
    // The table is the first line, and the modules' texts begin below it.
    let (table, sections) = (Vec::new(), Vec::new());
    let mut writer = Writer { text: String::new(), line: 1, table, sections, tells_needs: how.packages };
    let is_commonjs = |module: &&Module| matches!(module.compiled.kind, Kind::CommonJs(_));
    for module in modules {
        match &module.compiled.kind {
            Kind::Module if module.compiled.wants_node => {
                let mut imports = module.imports.clone();
                imports.insert(COMMONJS_HELP.to_owned(), COMMONJS_HELP.to_owned());
                let needs = [module.needs(), vec![COMMONJS_HELP]].concat();
                writer.module(&module.path, &imports, &needs, |writer| {
                    writer.push(&format!("import {{ process, global }} from {};\n", json!(COMMONJS_HELP)));
                    writer.mapped(&module.compiled);
                });
            }
            Kind::Module => {
                let write = |writer: &mut Writer| writer.mapped(&module.compiled);
                writer.module(&module.path, &module.imports, &module.needs(), write);
            }
            Kind::CommonJs(names) => {
                facade(&mut writer, &module.path, names, if how.packages { REQUIRE } else { COMMONJS })
            }
        }
    }
    let by_require: Vec<&Module> = modules.iter().filter(is_commonjs).collect();
    if how.packages {
        by_require.iter().for_each(|module| body(&mut writer, module));
    } else if !by_require.is_empty() {
        commonjs_modules(&mut writer, &by_require, modules);
    }
    let table = json!({"entry": entry, "modules": writer.table});
    let map = json!({"version": 3, "file": "bundle.js", "sections": writer.sections});
    (format!("//# akao-bundle=1 {table}\n{}", writer.text), map)
}

/// What `import` sees of a module that is run by `require`, which `loader` does.
fn facade(writer: &mut Writer, path: &str, names: &[String], loader: &str) {
    let imports = BTreeMap::from([(loader.to_owned(), loader.to_owned())]);
    let mut text = format!("import {{ load }} from {};\nconst all = load({});\n", json!(loader), json!(path));
    text.push_str("export default all && all.__esModule && \"default\" in all ? all.default : all;\n");
    for (at, name) in names.iter().enumerate() {
        text.push_str(&format!("const e{at} = all?.[{name}];\nexport {{ e{at} as {name} }};\n", name = json!(name)));
    }
    writer.module(path, &imports, &[loader], |writer| writer.push(&text));
}

/// A module that is run by `require`, as the function that does it. It is no module of its own, so that it is as strict as it says.
fn body(writer: &mut Writer, module: &Module) {
    writer.module(&format!("{}{BODY}", module.path), &module.imports, &[], |writer| {
        writer.push("(function (exports, require, module, __filename, __dirname, process, global) {\n");
        writer.mapped(&module.compiled);
        writer.push("\n})\n");
    });
}

/// The modules that are run by `require`, as one module: each is run when it is first asked for, as in Node.js.
fn commonjs_modules(writer: &mut Writer, by_require: &[&Module], all: &[Module]) {
    let is_by_require = |path: &str| by_require.iter().any(|module| module.path == path);
    let mut imports = BTreeMap::from([(COMMONJS_HELP.to_owned(), COMMONJS_HELP.to_owned())]);
    let targets = by_require.iter().flat_map(|module| module.imports.values());
    let by_import: BTreeSet<&String> =
        targets.filter(|target| !is_by_require(target) && all.iter().any(|module| module.path == **target)).collect();
    imports.extend(by_import.iter().map(|target| ((*target).clone(), (*target).clone())));
    writer.module(COMMONJS, &imports, &[], |writer| {
        writer.push(&format!("import {{ registry }} from {};\n", json!(COMMONJS_HELP)));
        for (at, target) in by_import.iter().enumerate() {
            writer.push(&format!("import * as m{at} from {};\n", json!(target)));
        }
        writer.push("const { add, load } = registry();\nexport { load };\n");
        for (at, target) in by_import.iter().enumerate() {
            // Data stand in the default export of the module that they have become, and `require` gives the data.
            let part = if target.ends_with(".json") { ".default" } else { "" };
            writer.push(&format!("add({}, null, m{at}{part});\n", json!(target)));
        }
        for module in by_require {
            let (path, imports) = (json!(module.path), json!(module.imports));
            writer.push(&format!(
                "add({path}, {imports}, function (exports, require, module, __filename, __dirname, process, global) {{\n"
            ));
            writer.mapped(&module.compiled);
            writer.push("});\n");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(files: &Value) -> Bundle {
        let files = files.as_object().cloned().unwrap_or_default();
        bundle(&Files::new(&files, std::iter::empty(), true), "src/node.ts", How::default())
    }

    fn code(files: &Value) -> String {
        let made = made(files);
        assert_eq!(made.problems, Vec::new());
        made.code.map(|(code, _)| code).unwrap_or_default()
    }

    #[test]
    fn what_was_imported_as_a_type_from_a_module_that_is_always_there_is_a_value_where_it_is_used_as_one() {
        let source = "import type { NodeStatus, TemporalContext } from '@wayfarer-ai/btree';\nimport { ActionNode } from '@wayfarer-ai/btree';\n\
                      export class X extends ActionNode {\n  private a: string;\n  async executeTick(c: TemporalContext): Promise<NodeStatus> { return NodeStatus.SUCCESS as NodeStatus; }\n}\n";
        let code = code(&json!({"src/node.ts": source}));
        let own = &code[code.find("\nimport").unwrap_or_default()..];
        assert!(own.contains("import { NodeStatus } from \"@wayfarer-ai/btree\""), "{own}");
        assert!(!own.contains("TemporalContext") && !own.contains("private"), "{own}");
        assert!(!own.lines().any(|line| line.trim() == "a;"), "{own}");
    }

    #[test]
    fn modules_of_every_kind_are_put_together() {
        let code = code(&json!({
            "src/node.ts": "import d from './data.json'; import c, { one } from 'c'; import { two } from './two.js';\nexport enum E { A = 1, B }\nexport const x = () => [d, c, one, two, E.B] as const;",
            "src/two.ts": "export const two: number = 2;",
            "src/data.json": "{\"a\": \"\u{2028}\"}",
            "node_modules/c/package.json": "{\"main\": \"./c.js\"}",
            "node_modules/c/c.js": "'use strict'; const u = require('./u'); exports.one = u.one; Object.defineProperty(exports, 'y', {value: 1});",
            "node_modules/c/u.js": "module.exports = { one: 1 };",
        }));
        for part in
            ["akao/commonjs-modules.js", "export { e0 as \"one\" };", "export { e1 as \"y\" };", "\\u2028", "two = 2"]
        {
            assert!(code.contains(part), "{part} in {code}");
        }
    }

    #[test]
    fn the_licence_of_zod_goes_with_it() {
        let with_zod = code(&json!({"src/node.ts": "import { z } from 'zod';\nexport const x = () => z.string();"}));
        let start = with_zod.find("/*! zod 4").unwrap();
        let end = start + with_zod[start..].find("*/").unwrap();
        for part in ["MIT License", "Copyright (c) 2025 Colin McDonnell", "The above copyright notice", "SOFTWARE."] {
            assert!(with_zod[start..end].contains(part), "{part}");
        }
        assert!(!code(&json!({"src/node.ts": "export const x = () => 1;"})).contains("MIT License"));
    }

    #[test]
    fn a_module_for_require_exports_what_is_asked_of_it() {
        let code = code(&json!({
            "src/node.ts": "import { chunk } from 'c';\nimport * as all from 'c';\nimport { keyBy } from './all';\n                            export const x = () => [chunk, all.sum, keyBy];",
            "src/all.ts": "export * from 'c';\nexport const own = 1;",
            "node_modules/c/package.json": "{\"main\": \"./c.js\"}",
            "node_modules/c/c.js": "(function () { var all = {}; for (const name of ['chunk', 'sum', 'keyBy']) all[name] = () => name; module.exports = all; })();",
        }));
        for name in ["chunk", "sum", "keyBy"] {
            assert!(code.contains(&format!("as {} }};", json!(name))), "{name} in {code}");
        }
    }

    #[test]
    fn data_that_are_required_are_the_data_themselves() {
        let code = code(&json!({
            "src/node.ts": "import c from 'c';\nexport const x = () => c;",
            "node_modules/c/package.json": "{\"main\": \"./c.js\"}",
            "node_modules/c/c.js": "module.exports = [require('./lib/inner'), require('./data.json'), require('./m.mjs')];",
            "node_modules/c/lib/inner.js": "exports.data = require('../data'); exports.own = require('./own.json');",
            "node_modules/c/data.json": "{\"default\": 1}", "node_modules/c/lib/own.json": "{\"__proto__\": null}",
            "node_modules/c/m.mjs": "export default 1;",
        }));
        let added: Vec<&str> =
            code.lines().filter(|line| line.starts_with("add(") && line.contains(", null, ")).collect();
        let expected = [
            "add(\"node_modules/c/data.json\", null, m0.default);",
            "add(\"node_modules/c/lib/own.json\", null, m1.default);",
            "add(\"node_modules/c/m.mjs\", null, m2);",
        ];
        assert_eq!(added, expected);
        assert!(code.contains("export default JSON.parse(\"{\\\"__proto__\\\":null}\");"), "{code}");
    }

    #[test]
    fn packages_are_loaded_one_by_one_and_what_they_lack_is_missed_when_it_is_asked_for() {
        let files = json!({
            "entry.mjs": "export const modules = { a: () => import('a'), b: () => import('b'), c: () => import('c') };",
            "node_modules/a/package.json": "{}", "node_modules/a/index.js": "exports.one = require('./two').two;",
            "node_modules/a/two.js": "exports.two = 2; with ({}) { }",
            "node_modules/b/package.json": "{\"type\": \"module\"}",
            "node_modules/b/index.js": "import { Readable } from 'node:stream'; import './broken.js'; export default Readable;",
            "node_modules/b/broken.js": "const a = 1; const a = 2;",
        });
        let files = files.as_object().cloned().unwrap_or_default();
        let how = How { packages: true, ..How::default() };
        let made = bundle(&Files::new(&files, std::iter::empty(), true), "entry.mjs", how);
        assert_eq!(made.problems, Vec::new());
        let (code, _) = made.code.expect("a bundle");
        let table: Value = serde_json::from_str(
            code.lines().next().and_then(|line| line.split_once("=1 ")).map_or("", |(_, table)| table),
        )
        .expect("a table");
        let module = |name: &str| {
            table["modules"].as_array().and_then(|all| all.iter().find(|one| one["name"] == name)).cloned()
        };
        let imports = |name: &str| module(name).map(|module| module["imports"].clone());
        let led = json!({"a": "node_modules/a/index.js", "b": "node_modules/b/index.js"});
        assert_eq!(imports("entry.mjs"), Some(led), "there is no `c`");
        assert_eq!(imports("node_modules/a/index.js"), Some(json!({"akao:require": "akao:require"})));
        assert_eq!(imports("node_modules/a/index.js?require"), Some(json!({"./two": "node_modules/a/two.js"})));
        assert_eq!(imports("node_modules/b/index.js"), Some(json!({"./broken.js": "node_modules/b/broken.js"})));
        assert_eq!(imports("node_modules/b/broken.js"), None);
        let needs = module("node_modules/b/index.js").map(|module| module["needs"].clone());
        assert_eq!(needs, Some(json!(["node:stream", "./broken.js"])));
        assert_eq!(module("entry.mjs").map(|module| module["needs"].clone()), Some(Value::Null));
        assert!(module("akao/commonjs-modules.js").is_none() && code.contains("with"), "{code}");
    }

    #[test]
    fn problems_have_their_places() {
        let made = made(&json!({
            "src/node.ts": "import { a } from './absent';\nimport fs from 'node:fs';\nimport './bad';\nexport const x = a + fs;",
            "src/bad.ts": "const a = 1;\n  const a = 2;\n",
        }));
        assert!(made.code.is_none());
        let told: Vec<_> =
            made.problems.iter().map(|p| (p.file.as_str(), p.place.map(|p| p.line), p.message.as_str())).collect();
        assert_eq!(told[0], ("src/node.ts", Some(1), "`./absent` is not found"));
        assert_eq!((told[1].0, told[1].1), ("src/node.ts", Some(2)));
        assert_eq!((told[2].0, told[2].1), ("src/bad.ts", Some(1)), "{told:?}");
    }

    #[test]
    fn the_scan_sees_through_spacing_and_tells_what_is_asked_for() {
        let made = made(
            &json!({"src/node.ts": "export const permissions = ['network.http=api.example.com:443'];\nexport default async (p: {k: string}, c: any) => {\n  await fetch('https://api.example.com/x');\n  c.secret('TOKEN');\n  const f = globalThis [ 'ev' + 'al' ];\n  new  Function ('return 1')();\n  Object.prototype.x = 1;\n  return 'http://169.254.169.254/latest';\n}"}),
        );
        let told: Vec<Value> = made.findings.iter().map(Finding::to_json).collect();
        let told: Vec<String> = told
            .iter()
            .map(|f| {
                format!("{} {} {}", f["line"], f["weight"].as_str().unwrap_or(""), f["rule"].as_str().unwrap_or(""))
            })
            .collect();
        for expected in [
            "3 asks network",
            "4 asks secret",
            "5 alarm run-time-code",
            "6 alarm run-time-code",
            "7 alarm shared-objects",
            "8 alarm suspicious-text",
        ] {
            assert!(told.iter().any(|t| t == expected), "{expected} in {told:?}");
        }
        assert_eq!(made.facts.said.data["permissions"], json!(["network.http=api.example.com:443"]));
        assert_eq!(made.exports, ["default", "permissions"]);
    }

    #[test]
    fn a_name_that_is_not_there_is_told_where_it_is_taken() {
        let made = made(&json!({
            "src/node.ts": "import { one, two } from './all';\nimport lack from './all';\nimport type { T } from './all';\n                            import { T as U } from './all';\nimport data, { a } from './d.json';\nimport { log, no } from '@temporalio/workflow';\n                            import * as every from './all';\nexport { gone } from './all';\nexport * from './all';\n                            export const x = (t: T, u: U) => [one, two, lack, data, a, log, no, every.nothing];",
            "src/all.ts": "export * from './part';\nexport enum E { A }\nexport const { b, c: [d] } = { b: 1, c: [2] };\nexport default 1;\n",
            "src/part.ts": "export * from './all';\nexport type T = string;\nexport const one = 1;\nexport default 2;\n",
            "src/d.json": "{\"a\": 1}",
        }));
        let told: Vec<_> = made.problems.iter().map(|p| (p.place.map_or(0, |p| p.line), p.message.as_str())).collect();
        assert_eq!(
            told,
            [
                (1, "`./all` does not export `two`"),
                (5, "`./d.json` does not export `a`"),
                (6, "`@temporalio/workflow` does not export `no`"),
                (8, "`./all` does not export `gone`"),
            ]
        );
        assert_eq!(made.exports, ["E", "b", "d", "gone", "one", "x"]);
    }

    #[test]
    fn npm_packages_see_a_little_of_node_js_and_are_strict() {
        let package = |main: &str| {
            json!({
                "src/node.ts": "import p from 'p';\nexport default () => p;",
                "node_modules/p/package.json": "{\"main\": \"./p.js\"}", "node_modules/p/p.js": main,
            })
        };
        let by_require = code(&package("module.exports = process.env.NODE_ENV === 'production' ? global : 1;"));
        assert!(by_require.contains("__dirname, process, global) {"), "{by_require}");
        let by_import = code(&package("export default process.env.NODE_ENV;"));
        assert!(by_import.contains("import { process, global } from"), "{by_import}");
        let own = code(&package("const process = { env: {} };\nexport default process.env.NODE_ENV;"));
        assert!(!own.contains("import { process"), "{own}");
        // What strict code cannot say and still means something in it is written as that.
        assert!(code(&package("module.exports = 010;")).contains("module.exports = 8;"));
        let made = made(&package("with ({ a: 1 }) module.exports = a;"));
        assert!(made.problems[0].message.contains("is not strict JavaScript"), "{:?}", made.problems);
    }
}
