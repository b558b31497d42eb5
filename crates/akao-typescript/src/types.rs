//! JSON Schema of a node's props from the types in its files: what `defineNode<…>` is given, or the type of what the class of a
//! node is made with. Types that are imported from other files of the node are looked for there. Only what is plain to see is said:
//! a type that is not understood, or comes from a package, is anything, so that nothing is refused that fits the type.

use crate::{literal, module, resolve::Files};
use akao_node::{Map, Value, json};
use oxc_allocator::Allocator;
use oxc_ast::ast::{
    BindingPattern, CallExpression, Class, ClassElement, Declaration, ExportDefaultDeclarationKind, Expression,
    ImportDeclarationSpecifier, ImportOrExportKind, MethodDefinitionKind, Program, Statement, TSEnumDeclaration,
    TSInterfaceDeclaration, TSLiteral, TSSignature, TSType, TSTypeAliasDeclaration, TSTypeName, TSTypeOperatorOperator,
    TSTypeParameterInstantiation, TSTypeReference, UnaryOperator,
};
use oxc_parser::Parser;
use oxc_span::Span;
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

/// Deeper types are anything.
const DEPTH_MAX: usize = 16;
/// After so many types, further ones are anything: aliases may stand for each other again and again.
const TYPES_MAX: usize = 2_000;
/// Types in further files are anything.
const FILES_MAX: usize = 100;
/// What the configuration of a node has beside its props.
const CONFIGURATION: &str = "NodeConfiguration";
/// Words by which a class looks into its configuration under names that its type need not list.
const LOOKS_UP: [&str; 4] = ["this.config", "getInput", "setOutput", "providedPorts"];

/// What the types of a node say.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Typed {
    /// The schemas of nodes by what they are exported as.
    pub(crate) schemas: BTreeMap<String, Value>,
    /// The files of which that came, beside the entry.
    pub(crate) files: BTreeSet<String>,
}

/// Reads the types of the file `entry` and of what it imports from other files of the project.
pub(crate) fn schemas(files: &Files<'_>, entry: &str) -> Typed {
    let allocator = Allocator::default();
    let programs = programs(&allocator, files, entry);
    let Some(own) = programs.first() else { return Typed::default() };
    let types = Types::of(&programs);
    let mut all =
        Nodes { types: In { types: &types, file: 0 }, text: own.text, found: BTreeMap::new(), renamed: Vec::new() };
    own.program.body.iter().for_each(|statement| all.statement(statement));
    let Nodes { found: mut schemas, renamed, .. } = all;
    for (exported, local) in renamed {
        if let Some(schema) = schemas.get(&local).cloned() {
            schemas.insert(exported, schema);
        }
    }
    let used = types.files.iter().filter(|file| file.is_used.get()).map(|file| file.path.to_owned());
    Typed { schemas, files: used.collect() }
}

/// A file of the project with where those of its imports lead that are files of the project.
struct Parsed<'s, 'a> {
    path: String,
    text: &'s str,
    program: Program<'a>,
    imports: BTreeMap<String, String>,
}

/// The entry and what it imports, for types or for values; what cannot be read says nothing.
fn programs<'s: 'a, 'a>(allocator: &'a Allocator, files: &Files<'s>, entry: &str) -> Vec<Parsed<'s, 'a>> {
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

struct Nodes<'t, 'p, 'a> {
    types: In<'t, 'p, 'a>,
    text: &'t str,
    found: BTreeMap<String, Value>,
    /// Names under which something is exported, with what it is called here.
    renamed: Vec<(String, String)>,
}

impl Nodes<'_, '_, '_> {
    fn statement(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                ExportDefaultDeclarationKind::ClassDeclaration(class) => {
                    self.class("default", class);
                    self.named_class(class);
                }
                ExportDefaultDeclarationKind::ClassExpression(class) => self.class("default", class),
                ExportDefaultDeclarationKind::CallExpression(call) => self.call("default", call),
                ExportDefaultDeclarationKind::Identifier(name) => {
                    self.renamed.push(("default".to_owned(), name.name.to_string()));
                }
                _ => {}
            },
            Statement::ExportDeclaration(export) => match &export.declaration {
                Declaration::ClassDeclaration(class) => self.named_class(class),
                Declaration::VariableDeclaration(variables) => self.variables(&variables.declarations),
                _ => {}
            },
            Statement::ExportNamedDeclaration(export) if export.export_kind != ImportOrExportKind::Type => {
                let names = export.specifiers.iter();
                self.renamed.extend(names.map(|one| (one.exported.name().to_string(), one.local.name().to_string())));
            }
            Statement::ClassDeclaration(class) => self.named_class(class),
            Statement::VariableDeclaration(variables) => self.variables(&variables.declarations),
            _ => {}
        }
    }

    fn variables(&mut self, variables: &[oxc_ast::ast::VariableDeclarator<'_>]) {
        for one in variables {
            match (&one.id, &one.init) {
                (BindingPattern::BindingIdentifier(name), Some(Expression::CallExpression(call))) => {
                    self.call(&name.name, call);
                }
                (BindingPattern::BindingIdentifier(name), Some(Expression::ClassExpression(class))) => {
                    self.class(&name.name, class);
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, name: &str, call: &CallExpression<'_>) {
        let props = call.type_arguments.as_ref().and_then(|given| given.params.first());
        if let (true, Some(props)) = (call.callee.is_specific_id("defineNode"), props) {
            self.found.extend(self.types.props(props, false).map(|schema| (name.to_owned(), schema)));
        }
    }

    fn named_class(&mut self, class: &Class<'_>) {
        if let Some(id) = &class.id {
            self.class(&id.name, class);
        }
    }

    /// A class is made with its configuration.
    fn class(&mut self, name: &str, class: &Class<'_>) {
        let constructor = class.body.body.iter().find_map(|element| match element {
            ClassElement::MethodDefinition(method) if method.kind == MethodDefinitionKind::Constructor => Some(method),
            _ => None,
        });
        let first = constructor.and_then(|constructor| constructor.value.params.items.first());
        let Some(given) = first.and_then(|first| first.type_annotation.as_ref()) else { return };
        let own = span_of(self.text, class.span);
        let is_open = LOOKS_UP.iter().any(|word| own.contains(word));
        if let Some(mut schema) = self.types.props(&given.type_annotation, is_open) {
            // Every node has these without being given them.
            if let Some(Value::Array(required)) = schema.get_mut("required") {
                required.retain(|name| name != "id" && name != "name");
            }
            self.found.insert(name.to_owned(), schema);
        }
    }
}

fn span_of(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.end as usize).unwrap_or_default()
}

#[derive(Clone, Copy)]
enum Named<'p, 'a> {
    Interface(&'p TSInterfaceDeclaration<'a>),
    Alias(&'p TSTypeAliasDeclaration<'a>),
    Enum(&'p TSEnumDeclaration<'a>),
    /// It is called so in the same file.
    Here(&'p str),
    /// It is called so in what this is imported from.
    Elsewhere(&'p str, &'p str),
}

/// The types of a file by their names.
struct FileTypes<'p, 'a> {
    path: &'p str,
    /// By what they are called here. A name that is declared more than once is none.
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
    is_used: Cell<bool>,
}

/// The types of all files.
struct Types<'p, 'a> {
    files: Vec<FileTypes<'p, 'a>>,
    read: Cell<usize>,
}

/// The types as one of the files sees them.
#[derive(Clone, Copy)]
struct In<'t, 'p, 'a> {
    types: &'t Types<'p, 'a>,
    file: usize,
}

/// The members of an object, where they are known.
#[derive(Default)]
struct Members {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// What else there may be.
    rest: Option<Value>,
}

impl Members {
    fn extend(&mut self, other: Self) {
        self.properties.extend(other.properties);
        self.required.extend(other.required);
        self.rest = self.rest.take().or(other.rest);
    }

    /// `is_closed`: whether what is not listed is a mistake.
    fn to_schema(self, is_closed: bool) -> Value {
        let mut schema = json!({"type": "object", "properties": self.properties});
        let mut required = self.required;
        required.sort_unstable();
        required.dedup();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        match self.rest {
            Some(rest) => schema["additionalProperties"] = if is_anything(&rest) { json!(true) } else { rest },
            None if is_closed => schema["additionalProperties"] = json!(false),
            None => {}
        }
        schema
    }
}

fn is_anything(schema: &Value) -> bool {
    schema.as_object().is_some_and(Map::is_empty)
}

impl<'p, 'a> Types<'p, 'a> {
    fn of(parsed: &'p [Parsed<'_, 'a>]) -> Self {
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
            Statement::TSInterfaceDeclaration(one) => self.own(&one.id.name, Some(Named::Interface(one)), false),
            Statement::TSTypeAliasDeclaration(one) => self.own(&one.id.name, Some(Named::Alias(one)), false),
            Statement::TSEnumDeclaration(one) => self.own(&one.id.name, Some(Named::Enum(one)), false),
            Statement::ClassDeclaration(one) => self.class(one, false),
            Statement::ExportDeclaration(export) => match &export.declaration {
                Declaration::TSInterfaceDeclaration(one) => self.own(&one.id.name, Some(Named::Interface(one)), true),
                Declaration::TSTypeAliasDeclaration(one) => self.own(&one.id.name, Some(Named::Alias(one)), true),
                Declaration::TSEnumDeclaration(one) => self.own(&one.id.name, Some(Named::Enum(one)), true),
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
        let value = if self.known.contains_key(name) { None } else { named };
        self.known.insert(name, value);
    }

    fn own(&mut self, name: &'p str, named: Option<Named<'p, 'a>>, is_exported: bool) {
        self.add(name, named);
        if is_exported || self.is_of_types {
            self.declared.insert(name);
        }
    }

    /// What an instance of a class has is not read.
    fn class(&mut self, class: &'p Class<'a>, is_exported: bool) {
        if let Some(id) = &class.id {
            self.own(&id.name, None, is_exported);
        }
    }

    /// What comes from a package is not known, and it is nothing else that is called so.
    fn import(&mut self, local: &'p str, source: &'p str, name: &'p str) {
        self.add(local, source.starts_with('.').then_some(Named::Elsewhere(source, name)));
    }
}

impl<'p, 'a> In<'_, 'p, 'a> {
    /// What a name stands for: none for one that is not known here, and nothing within that for one that is, and is not understood.
    fn known(&self, name: &str) -> Option<Option<(Self, Named<'p, 'a>)>> {
        let known = self.types.files.get(self.file)?.known.get(name)?;
        let settled = known.and_then(|named| self.types.settled(self.file, named, 0));
        Some(settled.map(|(file, named)| (Self { file, ..*self }, named)))
    }

    /// The schema of props of this type; none where it says nothing of them.
    fn props(self, given: &TSType<'_>, is_open: bool) -> Option<Value> {
        let members = self.members(given, 0)?;
        let says = !members.properties.is_empty() || members.rest.as_ref().is_some_and(|rest| !is_anything(rest));
        let mut schema = members.to_schema(true);
        if is_open {
            schema["additionalProperties"] = json!(true);
        }
        says.then_some(schema)
    }

    fn members(self, given: &TSType<'_>, depth: usize) -> Option<Members> {
        if !self.goes_on(depth) {
            return None;
        }
        match given {
            TSType::TSTypeLiteral(literal) => Some(self.listed(&literal.members, depth)),
            TSType::TSParenthesizedType(within) => self.members(&within.type_annotation, depth + 1),
            TSType::TSIntersectionType(all) => {
                let mut together = Members::default();
                for one in &all.types {
                    together.extend(self.members(one, depth + 1)?);
                }
                Some(together)
            }
            TSType::TSTypeReference(reference) => self.referred(reference, depth),
            _ => None,
        }
    }

    fn goes_on(self, depth: usize) -> bool {
        let count = self.types.read.get() + 1;
        self.types.read.set(count);
        depth <= DEPTH_MAX && count <= TYPES_MAX
    }

    fn referred(self, reference: &TSTypeReference<'_>, depth: usize) -> Option<Members> {
        let name = name_of(&reference.type_name)?;
        let arguments = reference.type_arguments.as_deref();
        if let Some(known) = self.known(name) {
            let (there, known) = known?;
            return there.known_members(known, arguments, depth);
        }
        let argument = |at: usize| arguments.and_then(|arguments| arguments.params.get(at));
        match name {
            "Readonly" | "Required" => self.members(argument(0)?, depth + 1),
            "Partial" => Some(Members { required: Vec::new(), ..self.members(argument(0)?, depth + 1)? }),
            "Record" if matches!(argument(0)?, TSType::TSStringKeyword(_)) => {
                Some(Members { rest: Some(self.schema(argument(1)?, depth + 1)), ..Members::default() })
            }
            _ => None,
        }
    }

    fn known_members(
        self,
        known: Named<'_, '_>,
        arguments: Option<&TSTypeParameterInstantiation<'_>>,
        depth: usize,
    ) -> Option<Members> {
        match known {
            _ if arguments.is_some() => None,
            Named::Alias(alias) if alias.type_parameters.is_none() => self.members(&alias.type_annotation, depth + 1),
            Named::Interface(interface) if interface.type_parameters.is_none() => {
                let mut members = Members::default();
                for base in &interface.extends {
                    let name = name_of(&base.type_name)?;
                    match self.known(name) {
                        Some(Some((there, known))) if self.goes_on(depth + 1) => {
                            members.extend(there.known_members(known, base.type_arguments.as_deref(), depth + 1)?);
                        }
                        None | Some(None) if name == CONFIGURATION => {}
                        _ => return None,
                    }
                }
                members.extend(self.listed(&interface.body.body, depth));
                Some(members)
            }
            _ => None,
        }
    }

    fn listed(self, signatures: &[TSSignature<'_>], depth: usize) -> Members {
        let mut members = Members::default();
        for signature in signatures {
            match signature {
                TSSignature::TSPropertySignature(property) => {
                    let Some(name) = literal::key(&property.key).filter(|_| !property.computed) else {
                        members.rest = Some(json!({}));
                        continue;
                    };
                    let given = property.type_annotation.as_ref();
                    let schema = given.map_or(json!({}), |given| self.schema(&given.type_annotation, depth + 1));
                    // What may be `undefined` need not be there.
                    let is_optional = property.optional
                        || given.is_none_or(|given| self.may_be_undefined(&given.type_annotation, depth));
                    if !is_optional {
                        members.required.push(name.clone());
                    }
                    members.properties.insert(name, schema);
                }
                TSSignature::TSIndexSignature(index) => {
                    members.rest = Some(self.schema(&index.type_annotation.type_annotation, depth + 1));
                }
                TSSignature::TSMethodSignature(method) => {
                    let name = literal::key(&method.key);
                    members.properties.extend(name.map(|name| (name, json!({}))));
                }
                _ => {}
            }
        }
        members
    }

    /// The schema of a type; the empty one for what is not understood.
    fn schema(self, given: &TSType<'_>, depth: usize) -> Value {
        if !self.goes_on(depth) {
            return json!({});
        }
        match given {
            TSType::TSStringKeyword(_) => json!({"type": "string"}),
            TSType::TSNumberKeyword(_) => json!({"type": "number"}),
            TSType::TSBooleanKeyword(_) => json!({"type": "boolean"}),
            TSType::TSNullKeyword(_) => json!({"type": "null"}),
            TSType::TSLiteralType(literal) => {
                constant(&literal.literal).map_or(json!({}), |value| json!({"const": value}))
            }
            TSType::TSArrayType(list) => self.list(&list.element_type, depth),
            TSType::TSTupleType(_) => json!({"type": "array"}),
            TSType::TSParenthesizedType(within) => self.schema(&within.type_annotation, depth + 1),
            TSType::TSTypeOperatorType(operator) if operator.operator == TSTypeOperatorOperator::Readonly => {
                self.schema(&operator.type_annotation, depth + 1)
            }
            TSType::TSUnionType(union) => self.union(&union.types, depth),
            TSType::TSTypeLiteral(_) | TSType::TSIntersectionType(_) => self.object(given, depth),
            TSType::TSTypeReference(reference) => self.reference(given, reference, depth),
            _ => json!({}),
        }
    }

    fn object(self, given: &TSType<'_>, depth: usize) -> Value {
        // A value may have more members than its type: that is no mistake within props.
        self.members(given, depth).map_or(json!({}), |members| members.to_schema(false))
    }

    fn list(self, item: &TSType<'_>, depth: usize) -> Value {
        let items = self.schema(item, depth + 1);
        if is_anything(&items) { json!({"type": "array"}) } else { json!({"type": "array", "items": items}) }
    }

    fn reference(self, given: &TSType<'_>, reference: &TSTypeReference<'_>, depth: usize) -> Value {
        let name = name_of(&reference.type_name);
        match name.map(|name| (name, self.known(name))) {
            Some((_, Some(Some((there, Named::Alias(alias))))))
                if reference.type_arguments.is_none() && alias.type_parameters.is_none() =>
            {
                there.schema(&alias.type_annotation, depth + 1)
            }
            Some((_, Some(Some((_, Named::Enum(one)))))) => enumeration(one),
            Some(("Array" | "ReadonlyArray", None)) => {
                let item = reference.type_arguments.as_ref().and_then(|given| given.params.first());
                item.map_or(json!({"type": "array"}), |item| self.list(item, depth))
            }
            _ => self.object(given, depth),
        }
    }

    /// Whether `undefined` is of a type, as far as the type and its aliases say so; what is worked out from others may be.
    fn may_be_undefined(self, given: &TSType<'_>, depth: usize) -> bool {
        match given {
            TSType::TSUndefinedKeyword(_)
            | TSType::TSVoidKeyword(_)
            | TSType::TSAnyKeyword(_)
            | TSType::TSUnknownKeyword(_)
            | TSType::TSIndexedAccessType(_)
            | TSType::TSConditionalType(_)
            | TSType::TSTypeQuery(_) => true,
            TSType::TSUnionType(union) => union.types.iter().any(|one| self.may_be_undefined(one, depth + 1)),
            TSType::TSParenthesizedType(within) => self.may_be_undefined(&within.type_annotation, depth + 1),
            TSType::TSTypeReference(reference) => self.alias_may_be_undefined(reference, depth),
            _ => false,
        }
    }

    fn alias_may_be_undefined(self, reference: &TSTypeReference<'_>, depth: usize) -> bool {
        let known = name_of(&reference.type_name).and_then(|name| self.known(name));
        let Some(Some((there, Named::Alias(alias)))) = known else { return false };
        if !self.goes_on(depth) {
            return true;
        }
        // It may be whatever it is given, and that is given where nothing is said as well.
        let given = reference.type_arguments.iter().flat_map(|given| &given.params);
        let mut may = given.map(|one| self.may_be_undefined(one, depth + 1));
        let parameters = alias.type_parameters.iter().flat_map(|parameters| &parameters.params);
        let has_default = parameters.into_iter().any(|one| one.default.is_some());
        has_default || may.any(|may| may) || there.may_be_undefined(&alias.type_annotation, depth + 1)
    }

    fn union(self, types: &[TSType<'_>], depth: usize) -> Value {
        let mut all: Vec<Value> = Vec::new();
        for one in types.iter().filter(|one| !matches!(one, TSType::TSUndefinedKeyword(_) | TSType::TSVoidKeyword(_))) {
            let schema = self.schema(one, depth + 1);
            if is_anything(&schema) {
                return schema;
            }
            if !all.contains(&schema) {
                all.push(schema);
            }
        }
        let constants: Option<Vec<Value>> = all.iter().map(|one| one.get("const").cloned()).collect();
        match (constants, &all[..]) {
            (_, []) => json!({}),
            (_, [only]) => only.clone(),
            (Some(constants), _) => json!({"enum": constants}),
            (None, _) => json!({"anyOf": all}),
        }
    }
}

fn name_of<'n>(name: &'n TSTypeName<'_>) -> Option<&'n str> {
    match name {
        TSTypeName::IdentifierReference(name) => Some(name.name.as_str()),
        _ => None,
    }
}

/// The values of an enumeration, where each is plain to see. Numbers may be put together as flags are, and any number fits then.
fn enumeration(one: &TSEnumDeclaration<'_>) -> Value {
    let mut next = Some(0.0);
    let values = one.body.members.iter().map(|member| {
        let number = match &member.initializer {
            Some(Expression::StringLiteral(text)) => {
                next = None;
                return Some(json!(text.value.as_str()));
            }
            Some(Expression::NumericLiteral(number)) => Some(number.value),
            Some(_) => None,
            None => next,
        };
        next = number.map(|number| number + 1.0);
        literal::number_of(number?)
    });
    match values.collect::<Option<Vec<Value>>>() {
        None => json!({}),
        Some(values) if values.iter().all(Value::is_number) => json!({"type": "number"}),
        Some(values) => json!({"enum": values}),
    }
}

fn constant(literal: &TSLiteral<'_>) -> Option<Value> {
    let number = |value: f64| literal::number_of(value);
    match literal {
        TSLiteral::BooleanLiteral(truth) => Some(json!(truth.value)),
        TSLiteral::NumericLiteral(one) => number(one.value),
        TSLiteral::StringLiteral(text) => Some(json!(text.value.as_str())),
        TSLiteral::UnaryExpression(unary) if unary.operator == UnaryOperator::UnaryNegation => match &unary.argument {
            Expression::NumericLiteral(one) => number(-one.value),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_files(given: &Value) -> Typed {
        let given = given.as_object().cloned().unwrap_or_default();
        schemas(&Files::new(&given, std::iter::empty(), true), "src/node.ts")
    }

    fn of(text: &str) -> BTreeMap<String, Value> {
        of_files(&json!({"src/node.ts": text})).schemas
    }

    /// What a type says of a member.
    fn member(written: &str) -> Value {
        let text = format!(
            "interface Own {{ a: string; b?: number }}\ntype Level = 'low' | 'high';\ntype Loop = {{ next?: Loop }};\n\
             enum Level2 {{ A, B = 5, C, D = 'x' }}\nenum Sum {{ A = 1 + 1 }}\nenum Flags {{ A = 1, B, C = 4 }}\n\
             export default defineNode<{{ it: {written} }}>(() => 1);\n"
        );
        of(&text)["default"]["properties"]["it"].clone()
    }

    #[test]
    fn types_say_what_is_plain_to_see_and_nothing_else() {
        let own = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a"]});
        for (written, schema) in [
            ("string", json!({"type": "string"})),
            ("number | null", json!({"anyOf": [{"type": "number"}, {"type": "null"}]})),
            ("Level", json!({"enum": ["low", "high"]})),
            ("-1 | true", json!({"enum": [-1, true]})),
            ("string | undefined", json!({"type": "string"})),
            ("readonly Own[]", json!({"type": "array", "items": own})),
            ("Array<string>", json!({"type": "array", "items": {"type": "string"}})),
            ("[string, number]", json!({"type": "array"})),
            (
                "Record<string, boolean>",
                json!({"type": "object", "properties": {}, "additionalProperties": {"type": "boolean"}}),
            ),
            (
                "Own & { c: 1 }",
                json!({"type": "object", "required": ["a", "c"],
                "properties": {"a": {"type": "string"}, "b": {"type": "number"}, "c": {"const": 1}}}),
            ),
            ("Level2", json!({"enum": [0, 5, 6, "x"]})),
            ("Flags", json!({"type": "number"})),
            ("Partial<Own>", json!({"type": "object", "properties": own["properties"]})),
        ] {
            assert_eq!(member(written), schema, "{written}");
        }
        for written in [
            "any",
            "unknown",
            "Date",
            "Imported",
            "string | Imported",
            "keyof Own",
            "`a${string}`",
            "() => void",
            "bigint",
            "Sum",
        ] {
            assert_eq!(member(written), json!({}), "{written}");
        }
        assert_eq!(member("Loop")["type"], "object", "a type that names itself ends");
    }

    #[test]
    fn nodes_of_each_kind_have_the_schema_of_what_they_are_given() {
        let all = of("import type { NodeConfiguration } from '@wayfarer-ai/btree';\n\
            interface Props extends NodeConfiguration { name: string; url: string; deep?: { a: 1 } }\n\
            export class Sends extends ActionNode { constructor(private readonly props: Props) { super(props); } }\n\
            class Looks extends ActionNode { constructor(config: Props) { super(config); } tick() { return this.config.other; } }\n\
            export { Looks as Renamed };\n\
            export class Any extends ActionNode { constructor(config: NodeConfiguration) { super(config); } }\n\
            const add = defineNode<{ a: number; b: number | undefined }>({ run: () => 1 });\nexport default add;\n\
            export const Open = defineNode<Record<string, unknown>>(() => 1);\n");
        assert_eq!(
            (&all["Sends"]["required"], &all["Sends"]["additionalProperties"]),
            (&json!(["url"]), &json!(false))
        );
        assert_eq!(all["Renamed"]["additionalProperties"], true, "it looks for more than its type lists");
        assert_eq!(all["default"]["required"], json!(["a"]));
        assert!(!all.contains_key("Any") && !all.contains_key("Open"), "{all:?}");
    }

    #[test]
    fn types_in_other_files_of_the_node_are_followed() {
        let typed = of_files(&json!({
            "src/node.ts": "import type { Props as Own, Level } from './types.js';\nimport Base, { Gone } from './types';\n\
                import type { Far } from 'far';\nimport { NodeConfiguration } from './types';\n\
                interface Props extends Base, NodeConfiguration { own: Own; level?: Level; far: Far; gone: Gone; kind: Kind }\n\
                type Kind = 'a';\nexport class Sends { constructor(props: Props) {} }\n",
            "src/types/index.ts": "export interface Unused {}",
            "src/types.ts": "export * from './more';\nimport { Deep } from './more';\ntype Kind = 'other';\n\
                export { Deep as Level };\ninterface Hidden { kind: Kind; deep: Deep[] }\n\
                export { type Hidden as Props, Private as default };\nexport type { NodeConfiguration } from '@wayfarer-ai/btree';\n\
                interface Private { base: string }\n",
            "src/more/index.d.ts": "export declare enum Deep { Low = 'low', High = 'high' }\nimport type { Round } from '../types';\n\
                export type { Round };\n",
        }));
        let deep = json!({"enum": ["low", "high"]});
        let own = json!({"type": "object", "required": ["deep", "kind"], "properties": {
            "kind": {"const": "other"}, "deep": {"type": "array", "items": deep}}});
        let schema = &typed.schemas["Sends"];
        assert_eq!(
            schema["properties"],
            json!({
            "base": {"type": "string"}, "own": own, "level": deep, "far": {}, "gone": {}, "kind": {"const": "a"}})
        );
        assert_eq!(schema["required"], json!(["base", "far", "gone", "kind", "own"]));
        assert_eq!(typed.files, BTreeSet::from(["src/more/index.d.ts".to_owned(), "src/types.ts".to_owned()]));
    }

    #[test]
    fn a_file_gives_others_what_it_exports_and_nothing_else() {
        let typed = of_files(&json!({
            "src/node.ts": "import type { Kind, Level, Made, Sort } from './types';\nimport Gone from './types';\n\
                import { Told, Hidden } from './told';\nexport default defineNode<{ kind: Kind; level: Level; made: Made; sort: Sort;\n\
                gone: Gone; told: Told; hidden: Hidden }>(() => 1);\n",
            // A type of its own, one that it imports, and a class that is called as what it passes on.
            "src/types.ts": "type Kind = 'own';\nimport type { Level } from './other';\nexport * from './more';\n\
                export class Made { own = 1 }\nexport type Sort = 'own';\n",
            "src/other.ts": "export type Level = 'other';",
            "src/more.ts": "export type Kind = 'more';\nexport type Level = 'more';\nexport type Made = 'more';\n\
                export type Sort = 'more';\nexport default interface Gone { a: string }\n",
            "src/told.d.ts": "type Told = 'told';\ndeclare class Hidden {}\n",
        }));
        assert_eq!(
            typed.schemas["default"]["properties"],
            json!({"kind": {"const": "more"}, "level": {"const": "more"}, "made": {}, "sort": {"const": "own"},
            "gone": {}, "told": {"const": "told"}, "hidden": {}})
        );
    }

    #[test]
    fn what_an_alias_leaves_open_need_not_be_there() {
        let all = of(
            "type Maybe = string | undefined;\ntype Again = null | Maybe;\ntype Given<T> = T;\ntype List<T> = { all: T[] };\ntype Loop = Loop | 'a';\n\
            interface Own { a?: string }\n\
            export default defineNode<{ a: Maybe; b: Again; c: Given<string | undefined>; d: Own['a']; e: Own; f: string; g: Loop; h: List<string> }>(() => 1);\n",
        );
        assert_eq!(all["default"]["required"], json!(["e", "f", "h"]));
    }

    #[test]
    fn a_name_of_the_language_that_comes_from_a_package_is_not_the_languages() {
        let all = of(
            "import type { Record, Partial as Readonly } from 'far';\nimport Array from 'far';\nclass Partial {}\n\
            interface Own { a: string }\n\
            export default defineNode<{ it: { record: Record<string, number>; list: Array<string>; own: Readonly<Own>; part: Partial } }>(\n\
            () => 1);\n",
        );
        let told = &all["default"]["properties"]["it"]["properties"];
        assert_eq!(told, &json!({"record": {}, "list": {}, "own": {}, "part": {}}));
    }

    #[test]
    fn files_of_types_that_import_each_other_end() {
        let typed = of_files(&json!({
            "src/node.ts": "import { A } from './a';\nexport default defineNode<{ it: A; other: string }>(() => 1);",
            "src/a.ts": "export { A } from './b';\nexport * from './b';", "src/b.ts": "export { A } from './a';\nexport * from './a';",
        }));
        assert_eq!(typed.schemas["default"]["properties"], json!({"it": {}, "other": {"type": "string"}}));
        let all: String = (0..60).map(|n| format!("export * from './a{n}';\n")).collect();
        let mut given: Map<String, Value> = (0..60).map(|n| (format!("src/a{n}.ts"), json!(all))).collect();
        let entry = "import { A } from './a0';\nexport default defineNode<{ other: string; it: A }>(() => 1);";
        given.insert("src/node.ts".to_owned(), json!(entry));
        assert_eq!(of_files(&json!(given)).schemas["default"]["properties"]["other"], json!({"type": "string"}));
    }

    #[test]
    fn types_that_name_each_other_again_and_again_end_soon() {
        let doubling: String = (0..60).map(|n| format!("type T{n} = {{ a: T{}; b: T{} }};\n", n + 1, n + 1)).collect();
        let all = of(&format!("{doubling}type T60 = string;\nexport default defineNode<T0>(() => 1);\n"));
        assert_eq!(all["default"]["type"], "object");
    }
}
