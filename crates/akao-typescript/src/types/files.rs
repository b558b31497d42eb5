//! The files in which the types of a node are looked for: its own, and what that imports from other files of the project.

use crate::{module, resolve::Files};
use oxc_allocator::Allocator;
use oxc_ast::ast::{Program, Statement};
use oxc_parser::Parser;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Types in further files are anything.
const FILES_MAX: usize = 100;

/// A file of the project with where those of its imports lead that are files of the project.
pub(super) struct Parsed<'s, 'a> {
    pub(super) path: String,
    pub(super) text: &'s str,
    pub(super) program: Program<'a>,
    pub(super) imports: BTreeMap<String, String>,
}

/// The entry and what it imports, for types or for values; what cannot be read says nothing.
pub(super) fn programs<'s: 'a, 'a>(allocator: &'a Allocator, files: &Files<'s>, entry: &str) -> Vec<Parsed<'s, 'a>> {
    let (mut parsed, mut waiting) = (Vec::new(), VecDeque::from([entry.to_owned()]));
    let mut seen = BTreeSet::from([entry.to_owned()]);
    while let Some(path) = waiting.pop_front().filter(|_| parsed.len() < FILES_MAX) {
        let (Some(text), Ok(source_type)) = (files.text(&path), module::source_type(&path)) else { continue };
        let read = Parser::new(allocator, text, source_type).parse();
        if read.panicked || !read.diagnostics.is_empty() {
            continue;
        }
        let led = |specifier: &str| Some((specifier.to_owned(), files.find_types(&path, specifier)?));
        let imports: BTreeMap<String, String> = read.program.body.iter().filter_map(source).filter_map(led).collect();
        waiting.extend(imports.values().filter(|target| seen.insert((*target).clone())).cloned());
        parsed.push(Parsed { path, text, program: read.program, imports });
    }
    parsed
}

/// From where a statement takes something.
fn source<'p>(statement: &'p Statement<'_>) -> Option<&'p str> {
    match statement {
        Statement::ImportDeclaration(import) => Some(import.source.value.as_str()),
        Statement::ExportFromDeclaration(export) => Some(export.source.value.as_str()),
        Statement::ExportAllDeclaration(export) if export.exported.is_none() => Some(export.source.value.as_str()),
        _ => None,
    }
}
