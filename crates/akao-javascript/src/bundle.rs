//! A bundle, as the compiler writes it: modules one after the other in one file, and the map to the files that they came from.

mod instance;
mod source_map;

pub(crate) use instance::{BundleCall, BundleCalls, Ended, play};

use crate::guard::{At, Spot};
use akao_node::Value;
use source_map::SourceMap;
use std::{collections::BTreeMap, rc::Rc, sync::OnceLock};

/// How the first line begins.
const HEADER: &str = "//# akao-bundle=1 ";

/// A module's place in the bundle.
struct Module {
    start: usize,
    end: usize,
    /// The line on which it begins, from 0, counted with the header's.
    line: u32,
    /// Where its imports lead.
    imports: BTreeMap<String, String>,
    /// The imports without which it cannot be loaded, where that is told.
    needs: Vec<String>,
}

/// See the module.
pub(crate) struct Bundle {
    text: String,
    map_text: String,
    map: OnceLock<Option<SourceMap>>,
    entry: String,
    modules: BTreeMap<String, Module>,
}

impl Bundle {
    /// Reads a bundle and keeps its map, which is read when something fails.
    ///
    /// # Errors
    /// It is none; the reason is for people.
    pub(crate) fn read(text: String, map_text: String) -> Result<Self, String> {
        let header = text.lines().next().and_then(|line| line.strip_prefix(HEADER));
        let header = header.ok_or("its first line is not that of a bundle; it is made by `akao sdk deploy`")?;
        let table: Value =
            serde_json::from_str(header).map_err(|error| format!("its table cannot be read: {error}"))?;
        let below = text.find('\n').map_or(text.len(), |end| end + 1);
        let mut modules = BTreeMap::new();
        for entry in table["modules"].as_array().into_iter().flatten() {
            let number = |key: &str| entry[key].as_u64().and_then(|number| usize::try_from(number).ok());
            let name = entry["name"].as_str().unwrap_or_default().to_owned();
            let (start, bytes) = number("start").zip(number("bytes")).unwrap_or((usize::MAX, 0));
            let (start, end) = (below.saturating_add(start), below.saturating_add(start).saturating_add(bytes));
            if text.get(start..end).is_none() {
                return Err(format!("the module `{name}` is not within it"));
            }
            let target = |(from, to): (&String, &Value)| Some((from.clone(), to.as_str()?.to_owned()));
            let imports = entry["imports"].as_object().into_iter().flatten().filter_map(target).collect();
            let line = number("line").and_then(|line| u32::try_from(line).ok()).unwrap_or_default();
            let needs = entry["needs"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let needs = needs.map(str::to_owned).collect();
            modules.insert(name, Module { start, end, line, imports, needs });
        }
        let entry = table["entry"].as_str().unwrap_or_default().to_owned();
        if !modules.contains_key(&entry) {
            return Err(format!("its entry `{entry}` is not within it"));
        }
        Ok(Self { text, map_text, map: OnceLock::new(), entry, modules })
    }

    /// The module that is entered.
    pub(crate) fn entry(&self) -> &str {
        &self.entry
    }

    /// Whether it has a module.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.modules.contains_key(name)
    }

    /// What each module cannot be loaded without: the module, the import, and where that leads, if anywhere.
    pub(crate) fn needs(&self) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
        self.modules.iter().flat_map(|(name, module)| {
            let target = |need: &String| module.imports.get(need).map(String::as_str);
            module.needs.iter().map(move |need| (name.as_str(), need.as_str(), target(need)))
        })
    }

    /// The text of a module.
    pub(crate) fn source(&self, name: &str) -> Option<&str> {
        let module = self.modules.get(name)?;
        self.text.get(module.start..module.end)
    }

    /// The places in source files that something finds in the texts of the modules, by line and column from 1.
    pub(crate) fn spots(&self, find: impl Fn(&str) -> Vec<(u32, u32)>) -> Vec<Spot> {
        let texts =
            self.modules.iter().filter_map(|(name, module)| Some((name, self.text.get(module.start..module.end)?)));
        let found = texts.flat_map(|(name, text)| find(text).into_iter().map(move |place| (name, place)));
        found.filter_map(|(name, (line, column))| self.find(name, line, column)).collect()
    }

    /// Where an import leads.
    pub(crate) fn target(&self, from: &str, specifier: &str) -> Option<&str> {
        self.modules.get(from)?.imports.get(specifier).map(String::as_str)
    }

    /// The place in a source file; without a map, the place in the module itself.
    pub(crate) fn find(&self, name: &str, line: u32, column: u32) -> At {
        let module = self.modules.get(name)?;
        let map = self.map.get_or_init(|| SourceMap::read(&self.map_text));
        let found =
            map.as_ref().and_then(|map| map.find((module.line + line).saturating_sub(1), column.saturating_sub(1)));
        // What the bundler itself has written is nobody's place, and neither are the modules that are always there.
        match found {
            Some((file, _, _)) if file.starts_with("akao/") => None,
            Some((file, line, column)) => Some(Spot { file: Some(Rc::from(file)), line: line + 1, column: column + 1 }),
            None if name.starts_with("akao/") => None,
            None => Some(Spot { file: Some(Rc::from(name)), line, column }),
        }
    }
}
