//! XML files to a forest: every tree by its ID, the declared ports, the main tree. Includes are followed here.
//!
//! No DTD, no entities but the five of XML, depth, size and number of files bounded.

use crate::report::{Place, Report, Verdict};
use crate::{ImportError, Source};
use indexmap::IndexMap;
use std::collections::BTreeSet;

/// Most elements of all files together.
const ELEMENTS_MAX: u32 = 50_000;
/// Deepest nesting of elements.
const ELEMENT_DEPTH_MAX: usize = 64;
/// Most files, the main one included.
const FILES_MAX: usize = 64;

/// One element with what the import needs of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    pub(super) tag: String,
    pub(super) attributes: IndexMap<String, String>,
    pub(super) children: Vec<Element>,
    pub(super) line: u32,
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// Which way a declared port goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
    Both,
}

/// A port of `<TreeNodesModel>`.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) direction: Direction,
    pub(super) port_type: Option<String>,
    pub(super) default: Option<String>,
}

/// Everything the files hold.
#[derive(Debug, Default)]
pub(super) struct Forest {
    /// Tree ID to the `<BehaviorTree>` element, in the order of the files.
    pub(super) trees: IndexMap<String, Element>,
    /// Node ID to its declared ports.
    pub(super) models: IndexMap<String, IndexMap<String, Port>>,
    /// ID of the tree that runs.
    pub(super) main: String,
    files: usize,
    elements: u32,
    seen: BTreeSet<String>,
    wanted_main: Option<String>,
}

/// Reads the source and all that it includes.
pub(super) fn read(source: &Source<'_>, report: &mut Report) -> Result<Forest, ImportError> {
    let mut forest = Forest::default();
    forest.file(source, source.name, "", source.text, report)?;
    forest.choose_main(report)?;
    Ok(forest)
}

impl Forest {
    fn file(
        &mut self,
        source: &Source<'_>,
        name: &str,
        folder: &str,
        text: &str,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(ImportError::TooLarge { what: "number of included files", max: FILES_MAX });
        }
        crate::check_size(text)?;
        let root = self.parse(name, text)?;
        if root.tag != "root" {
            let message = format!("the outermost element is `{}`, not `root`", root.tag);
            return Err(ImportError::Xml { name: name.to_owned(), line: root.line, message });
        }
        self.check_format(&root, report);
        if folder.is_empty() && self.wanted_main.is_none() {
            self.wanted_main = root.attribute("main_tree_to_execute").map(str::to_owned);
        }
        for element in root.children {
            match element.tag.as_str() {
                "include" => self.include(source, folder, &element, report)?,
                "BehaviorTree" => self.tree(element, report),
                "TreeNodesModel" => self.model(&element),
                _ => {
                    let place = Place::new("root", Some(element.line));
                    report.add(&place, &element.tag, Verdict::Dropped, "not part of the format");
                }
            }
        }
        Ok(())
    }

    fn parse(&mut self, name: &str, text: &str) -> Result<Element, ImportError> {
        let options = roxmltree::ParsingOptions {
            allow_dtd: false,
            nodes_limit: ELEMENTS_MAX.saturating_sub(self.elements).max(1),
            ..roxmltree::ParsingOptions::default()
        };
        let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| ImportError::Xml {
            name: name.to_owned(),
            line: error.pos().row,
            message: error.to_string(),
        })?;
        let lines = Lines::new(text);
        let element = element(document.root_element(), &lines, 0)?;
        self.elements = self.elements.saturating_add(count(&element));
        Ok(element)
    }

    fn check_format(&self, root: &Element, report: &mut Report) {
        let format = root.attribute("BTCPP_format");
        if format != Some("4") {
            let found = format.map_or("no BTCPP_format".to_owned(), |format| format!("BTCPP_format {format}"));
            let place = Place::new("root", Some(root.line));
            let note = format!("{found}: read as format 4, where some nodes of format 3 mean something else");
            report.add(&place, "root", Verdict::Approximated, note);
        }
    }

    fn include(
        &mut self,
        source: &Source<'_>,
        folder: &str,
        element: &Element,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        let place = Place::new("root", Some(element.line));
        let Some(path) = element.attribute("path") else {
            report.add(&place, "include", Verdict::Dropped, "it has no `path`");
            return Ok(());
        };
        let path = join(folder, path);
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        let text = if element.attributes.contains_key("ros_pkg") { None } else { source.includes.read(&path) };
        match text {
            Some(text) => {
                let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
                self.file(source, &path, &folder, &text, report)
            }
            None => {
                let note = format!("`{path}` was not found; its trees are missing");
                report.add(&place, "include", Verdict::Dropped, note);
                Ok(())
            }
        }
    }

    fn tree(&mut self, element: Element, report: &mut Report) {
        let place = Place::new("root", Some(element.line));
        let id = element.attribute("ID").unwrap_or("Main").to_owned();
        if self.trees.contains_key(&id) {
            let note = format!("a tree with the ID `{id}` came before it");
            report.add(&place, "BehaviorTree", Verdict::Dropped, note);
            return;
        }
        self.trees.insert(id, element);
    }

    fn model(&mut self, model: &Element) {
        for declared in &model.children {
            let Some(id) = declared.attribute("ID") else { continue };
            let mut ports = IndexMap::new();
            for port in &declared.children {
                let direction = match port.tag.as_str() {
                    "input_port" => Direction::In,
                    "output_port" => Direction::Out,
                    "inout_port" => Direction::Both,
                    _ => continue,
                };
                let Some(name) = port.attribute("name") else { continue };
                let port_type = port.attribute("type").map(str::to_owned);
                let default = port.attribute("default").map(str::to_owned);
                ports.insert(name.to_owned(), Port { direction, port_type, default });
            }
            self.models.insert(id.to_owned(), ports);
        }
    }

    fn choose_main(&mut self, report: &mut Report) -> Result<(), ImportError> {
        if let Some(wanted) = self.wanted_main.take() {
            if !self.trees.contains_key(&wanted) {
                let message = format!("`main_tree_to_execute` names `{wanted}`, and no tree has this ID");
                return Err(ImportError::Structure { path: "root".to_owned(), line: Some(1), message });
            }
            self.main = wanted;
            return Ok(());
        }
        let called: BTreeSet<&str> = self.trees.values().flat_map(called_trees).collect();
        let main = self.trees.keys().find(|id| !called.contains(id.as_str())).or_else(|| self.trees.keys().next());
        let Some(main) = main.cloned() else {
            let message = "the file holds no `BehaviorTree`".to_owned();
            return Err(ImportError::Structure { path: "root".to_owned(), line: Some(1), message });
        };
        if self.trees.len() > 1 {
            let note = format!("no `main_tree_to_execute`: `{main}` runs, the first tree that no other one calls");
            report.add(&Place::new("root", Some(1)), "root", Verdict::Approximated, note);
        }
        self.main = main;
        Ok(())
    }
}

/// IDs of the trees that an element calls, at any depth.
pub(super) fn called_trees(element: &Element) -> Vec<&str> {
    let mut called = Vec::new();
    let mut open = vec![element];
    while let Some(element) = open.pop() {
        if element.tag == "SubTree" || element.tag == "SubTreePlus" {
            called.extend(element.attribute("ID"));
        }
        open.extend(&element.children);
    }
    called
}

fn element(node: roxmltree::Node<'_, '_>, lines: &Lines, depth: usize) -> Result<Element, ImportError> {
    if depth > ELEMENT_DEPTH_MAX {
        return Err(ImportError::TooDeep { max: ELEMENT_DEPTH_MAX });
    }
    let attributes = node.attributes().map(|a| (a.name().to_owned(), a.value().to_owned())).collect();
    let children: Result<Vec<_>, _> =
        node.children().filter(roxmltree::Node::is_element).map(|child| element(child, lines, depth + 1)).collect();
    Ok(Element {
        tag: node.tag_name().name().to_owned(),
        attributes,
        children: children?,
        line: lines.of(node.range().start),
        text: node.text().unwrap_or_default().trim().to_owned(),
    })
}

fn count(element: &Element) -> u32 {
    element.children.iter().fold(1, |sum, child| sum.saturating_add(count(child)))
}

/// Line numbers by binary search; the parser's own look-up scans the text each time.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn of(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|newline| *newline < offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

/// `path` seen from `folder`, with `.` and `..` resolved as far as they can be.
fn join(folder: &str, path: &str) -> String {
    let base = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}
