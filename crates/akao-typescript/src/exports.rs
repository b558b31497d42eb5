//! What a module gives to others and takes from them by name, once its types are gone: a name that is not there would stop the
//! whole bundle before its first call.

use oxc_ast::ast::{
    Declaration, Expression, ImportDeclarationSpecifier, ModuleExportName, Program, Statement, StaticMemberExpression,
};
use oxc_ast_visit::{Visit, walk};
use std::collections::{BTreeMap, BTreeSet};

/// The names at the borders of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Border {
    /// What it exports.
    pub(crate) exports: BTreeSet<String>,
    /// Modules of which it exports everything but the default, as they are imported.
    pub(crate) stars: Vec<String>,
    /// The names that it takes, by what is imported, with the byte offset of each.
    pub(crate) takes: Vec<(String, String, usize)>,
    /// The names that it reads of what it imports as a whole, by what is imported.
    pub(crate) reads: Vec<(String, String)>,
}

/// Finds what is read of modules that are imported as a whole, by what they are called here.
struct Reads<'b> {
    wholes: BTreeMap<String, String>,
    found: &'b mut Vec<(String, String)>,
}

impl<'a> Visit<'a> for Reads<'_> {
    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        if let Expression::Identifier(whole) = &member.object
            && let Some(from) = self.wholes.get(whole.name.as_str())
        {
            self.found.push((from.clone(), member.property.name.to_string()));
        }
        walk::walk_static_member_expression(self, member);
    }
}

impl Border {
    /// Reads a file that was rid of its types.
    pub(crate) fn of(program: &Program<'_>) -> Self {
        let mut border = Self::default();
        let mut wholes = BTreeMap::new();
        for statement in &program.body {
            border.statement(statement);
            if let Statement::ImportDeclaration(import) = statement {
                for specifier in import.specifiers.iter().flatten() {
                    if let ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) = specifier {
                        wholes.insert(one.local.name.to_string(), import.source.value.to_string());
                    }
                }
            }
        }
        if !wholes.is_empty() {
            Reads { wholes, found: &mut border.reads }.visit_program(program);
        }
        border
    }

    fn statement(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::ImportDeclaration(import) => {
                for specifier in import.specifiers.iter().flatten() {
                    let (name, span) = match specifier {
                        ImportDeclarationSpecifier::ImportSpecifier(one) => (one.imported.name().to_string(), one.span),
                        ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => ("default".to_owned(), one.span),
                        ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => continue,
                    };
                    self.takes.push((import.source.value.to_string(), name, span.start as usize));
                }
            }
            Statement::ExportDefaultDeclaration(_) => drop(self.exports.insert("default".to_owned())),
            Statement::ExportDeclaration(export) => self.declaration(&export.declaration),
            Statement::ExportNamedDeclaration(export) => {
                self.exports.extend(export.specifiers.iter().map(|specifier| name_of(&specifier.exported)));
            }
            Statement::ExportFromDeclaration(export) => {
                for specifier in &export.specifiers {
                    self.exports.insert(name_of(&specifier.exported));
                    let taken = (export.source.value.to_string(), name_of(&specifier.local));
                    self.takes.push((taken.0, taken.1, specifier.span.start as usize));
                }
            }
            Statement::ExportAllDeclaration(export) => match &export.exported {
                Some(name) => drop(self.exports.insert(name_of(name))),
                None => self.stars.push(export.source.value.to_string()),
            },
            _ => {}
        }
    }

    fn declaration(&mut self, declaration: &Declaration<'_>) {
        match declaration {
            Declaration::ClassDeclaration(class) => self.exports.extend(class.id.iter().map(|id| id.name.to_string())),
            Declaration::FunctionDeclaration(function) => {
                self.exports.extend(function.id.iter().map(|id| id.name.to_string()));
            }
            Declaration::VariableDeclaration(variables) => {
                let names =
                    variables.declarations.iter().flat_map(|declarator| declarator.id.get_binding_identifiers());
                self.exports.extend(names.map(|name| name.name.to_string()));
            }
            _ => {}
        }
    }
}

fn name_of(name: &ModuleExportName<'_>) -> String {
    name.name().to_string()
}

/// Every name that a module exports, with those of the modules that it passes on. `of` gives a module's border with where its
/// imports lead.
pub(crate) fn every<'m>(
    path: &'m str,
    of: &dyn Fn(&str) -> Option<(&'m Border, &'m BTreeMap<String, String>)>,
) -> BTreeSet<&'m str> {
    let (mut names, mut seen, mut waiting) = (BTreeSet::new(), BTreeSet::new(), vec![path]);
    while let Some(at) = waiting.pop() {
        if !seen.insert(at) {
            continue;
        }
        let Some((border, imports)) = of(at) else { continue };
        // What is passed on is everything but the default.
        names.extend(border.exports.iter().map(String::as_str).filter(|name| at == path || *name != "default"));
        waiting.extend(border.stars.iter().filter_map(|star| imports.get(star)).map(String::as_str));
    }
    names
}
