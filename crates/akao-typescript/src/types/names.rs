//! What the names of types stand for, in the file where they are written and in those from which it imports them.

use super::{DEPTH_MAX, TYPES_MAX, files::Parsed};
use oxc_ast::ast::{
    Class, Declaration, ExportDefaultDeclarationKind, ImportDeclarationSpecifier, Statement, TSEnumDeclaration,
    TSInterfaceDeclaration, TSTypeAliasDeclaration, TSTypeName,
};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

#[derive(Clone, Copy)]
pub(super) enum Named<'p, 'a> {
    Interface(&'p TSInterfaceDeclaration<'a>),
    Alias(&'p TSTypeAliasDeclaration<'a>),
    Enum(&'p TSEnumDeclaration<'a>),
    /// It is there, and no more is known of it: what is made of a class, and what is declared in several parts.
    Opaque,
    /// It is called so in the same file.
    Here(&'p str),
    /// It is called so in what this is imported from.
    Elsewhere(&'p str, &'p str),
}

/// The types of a file by their names.
pub(super) struct FileTypes<'p, 'a> {
    pub(super) path: &'p str,
    /// By what they are called here; none for what comes from a package, of which nothing is known.
    known: BTreeMap<&'p str, Option<Named<'p, 'a>>>,
    /// By what they are exported as, where that is said apart from what they are.
    exported: BTreeMap<&'p str, Named<'p, 'a>>,
    /// The names that are exported where they are declared.
    declared: BTreeSet<&'p str>,
    /// Whether it tells types alone: what is declared there is exported.
    is_of_types: bool,
    /// From where everything is passed on.
    stars: Vec<&'p str>,
    imports: BTreeMap<&'p str, usize>,
    pub(super) is_used: Cell<bool>,
}

/// The types of all files.
pub(super) struct Types<'p, 'a> {
    pub(super) files: Vec<FileTypes<'p, 'a>>,
    read: Cell<usize>,
}

/// The types as one of the files sees them.
#[derive(Clone, Copy)]
pub(super) struct In<'t, 'p, 'a> {
    pub(super) types: &'t Types<'p, 'a>,
    pub(super) file: usize,
}

impl<'p, 'a> Types<'p, 'a> {
    pub(super) fn of(parsed: &'p [Parsed<'_, 'a>]) -> Self {
        let place = |path: &str| parsed.iter().position(|file| file.path == path);
        let files = parsed.iter().map(|file| {
            let led = |(specifier, target): (&'p String, &String)| Some((specifier.as_str(), place(target)?));
            let imports = file.imports.iter().filter_map(led).collect();
            let mut types = FileTypes {
                path: &file.path,
                known: BTreeMap::new(),
                exported: BTreeMap::new(),
                declared: BTreeSet::new(),
                is_of_types: file.path.ends_with(".d.ts"),
                stars: Vec::new(),
                imports,
                is_used: Cell::new(false),
            };
            file.program.body.iter().for_each(|statement| types.statement(statement));
            types
        });
        Self { files: files.collect(), read: Cell::new(0) }
    }

    /// What a file exports under a name, with the file in which that stands.
    fn exported(&self, file: usize, name: &str, depth: usize) -> Option<(usize, Named<'p, 'a>)> {
        // Files may pass on each other's names again and again.
        self.read.set(self.read.get() + 1);
        let of = self.files.get(file).filter(|_| depth <= DEPTH_MAX && self.read.get() <= TYPES_MAX)?;
        match of.exported.get(name) {
            Some(named) => self.settled(file, *named, depth),
            None if of.declared.contains(name) => self.settled(file, of.known.get(name).copied().flatten()?, depth),
            // What is exported by default is not passed on with everything.
            None if name == "default" => None,
            None => of.stars.iter().find_map(|star| self.exported(*of.imports.get(star)?, name, depth + 1)),
        }
    }

    /// A type where it stands itself.
    fn settled(&self, file: usize, named: Named<'p, 'a>, depth: usize) -> Option<(usize, Named<'p, 'a>)> {
        let of = self.files.get(file)?;
        match named {
            _ if depth > DEPTH_MAX => None,
            Named::Here(name) => self.settled(file, of.known.get(name).copied().flatten()?, depth + 1),
            Named::Elsewhere(specifier, name) => self.exported(*of.imports.get(specifier)?, name, depth + 1),
            named => {
                of.is_used.set(of.is_used.get() || file > 0);
                Some((file, named))
            }
        }
    }
}

impl<'p, 'a> FileTypes<'p, 'a> {
    fn statement(&mut self, statement: &'p Statement<'a>) {
        match statement {
            Statement::TSInterfaceDeclaration(one) => self.own(&one.id.name, Named::Interface(one), false),
            Statement::TSTypeAliasDeclaration(one) => self.own(&one.id.name, Named::Alias(one), false),
            Statement::TSEnumDeclaration(one) => self.own(&one.id.name, Named::Enum(one), false),
            Statement::ClassDeclaration(one) => self.class(one, false),
            Statement::ExportDeclaration(export) => match &export.declaration {
                Declaration::TSInterfaceDeclaration(one) => self.own(&one.id.name, Named::Interface(one), true),
                Declaration::TSTypeAliasDeclaration(one) => self.own(&one.id.name, Named::Alias(one), true),
                Declaration::TSEnumDeclaration(one) => self.own(&one.id.name, Named::Enum(one), true),
                Declaration::ClassDeclaration(one) => self.class(one, true),
                _ => {}
            },
            Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                ExportDefaultDeclarationKind::TSInterfaceDeclaration(one) => {
                    self.add(&one.id.name, Some(Named::Interface(one)));
                    self.exported.insert("default", Named::Interface(one));
                }
                ExportDefaultDeclarationKind::ClassDeclaration(one) => self.class(one, false),
                ExportDefaultDeclarationKind::Identifier(name) => {
                    self.exported.insert("default", Named::Here(&name.name));
                }
                _ => {}
            },
            Statement::ImportDeclaration(import) => {
                let source = import.source.value.as_str();
                for specifier in import.specifiers.iter().flatten() {
                    match specifier {
                        ImportDeclarationSpecifier::ImportSpecifier(one) => {
                            self.import(&one.local.name, source, one.imported.name().as_str());
                        }
                        ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                            self.import(&one.local.name, source, "default");
                        }
                        ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => {}
                    }
                }
            }
            Statement::ExportNamedDeclaration(export) => {
                for one in &export.specifiers {
                    self.exported.insert(one.exported.name().as_str(), Named::Here(one.local.name().as_str()));
                }
            }
            Statement::ExportFromDeclaration(export) => {
                for one in &export.specifiers {
                    let from = Named::Elsewhere(&export.source.value, one.local.name().as_str());
                    self.exported.insert(one.exported.name().as_str(), from);
                }
            }
            Statement::ExportAllDeclaration(export) if export.exported.is_none() => {
                self.stars.push(export.source.value.as_str());
            }
            _ => {}
        }
    }

    /// None: the name stands for something, of which nothing is known.
    fn add(&mut self, name: &'p str, named: Option<Named<'p, 'a>>) {
        let is_part = |named: Named<'_, '_>| matches!(named, Named::Interface(_) | Named::Enum(_) | Named::Opaque);
        let value = match (self.known.get(name).copied(), named) {
            (None, named) => named,
            // TypeScript puts such parts together, and nothing else that is called alike.
            (Some(Some(one)), Some(other)) if is_part(one) && is_part(other) => Some(Named::Opaque),
            _ => None,
        };
        self.known.insert(name, value);
    }

    fn own(&mut self, name: &'p str, named: Named<'p, 'a>, is_exported: bool) {
        self.add(name, Some(named));
        if is_exported || self.is_of_types {
            self.declared.insert(name);
        }
    }

    /// What an instance of a class has is not read.
    fn class(&mut self, class: &'p Class<'a>, is_exported: bool) {
        if let Some(id) = &class.id {
            self.own(&id.name, Named::Opaque, is_exported);
        }
    }

    /// What comes from a package is not known, and it is nothing else that is called so.
    fn import(&mut self, local: &'p str, source: &'p str, name: &'p str) {
        self.add(local, source.starts_with('.').then_some(Named::Elsewhere(source, name)));
    }
}

impl<'p, 'a> In<'_, 'p, 'a> {
    /// What a name stands for: none for one that is not known here, and nothing within that for one that is, and is not understood.
    pub(super) fn known(&self, name: &str) -> Option<Option<(Self, Named<'p, 'a>)>> {
        let known = self.types.files.get(self.file)?.known.get(name)?;
        let settled = known.and_then(|named| self.types.settled(self.file, named, 0));
        Some(settled.map(|(file, named)| (Self { file, ..*self }, named)))
    }

    /// Whether a further type is looked into.
    pub(super) fn goes_on(self, depth: usize) -> bool {
        let count = self.types.read.get() + 1;
        self.types.read.set(count);
        depth <= DEPTH_MAX && count <= TYPES_MAX
    }
}

pub(super) fn name_of<'n>(name: &'n TSTypeName<'_>) -> Option<&'n str> {
    match name {
        TSTypeName::IdentifierReference(name) => Some(name.name.as_str()),
        _ => None,
    }
}
