//! JSON Schema of a node's props from the types in its file: what `defineNode<…>` is given, or the type of what the class of a node
//! is made with. Only what is plain to see is said: a type that is not understood, or stands in another file, is anything, so that
//! nothing is refused that fits the type.

use crate::literal;
use akao_node::{Map, Value, json};
use oxc_ast::ast::{
    BindingPattern, CallExpression, Class, ClassElement, Declaration, ExportDefaultDeclarationKind, Expression,
    ImportOrExportKind, MethodDefinitionKind, Program, Statement, TSInterfaceDeclaration, TSLiteral, TSSignature,
    TSType, TSTypeAliasDeclaration, TSTypeName, TSTypeOperatorOperator, TSTypeParameterInstantiation, TSTypeReference,
    UnaryOperator,
};
use oxc_span::Span;
use std::{cell::Cell, collections::BTreeMap};

/// Deeper types are anything.
const DEPTH_MAX: usize = 16;
/// After so many types, further ones are anything: aliases may stand for each other again and again.
const TYPES_MAX: usize = 2_000;
/// What the configuration of a node has beside its props.
const CONFIGURATION: &str = "NodeConfiguration";
/// Words by which a class looks into its configuration under names that its type need not list.
const LOOKS_UP: [&str; 4] = ["this.config", "getInput", "setOutput", "providedPorts"];

/// The schemas of nodes by what they are exported as.
pub(crate) fn schemas(program: &Program<'_>, text: &str) -> BTreeMap<String, Value> {
    let types = Types::of(program);
    let mut all = Nodes { types: &types, text, found: BTreeMap::new(), renamed: Vec::new() };
    program.body.iter().for_each(|statement| all.statement(statement));
    let Nodes { mut found, renamed, .. } = all;
    for (exported, local) in renamed {
        if let Some(schema) = found.get(&local).cloned() {
            found.insert(exported, schema);
        }
    }
    found
}

struct Nodes<'t, 'p, 'a> {
    types: &'t Types<'p, 'a>,
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

enum Named<'p, 'a> {
    Interface(&'p TSInterfaceDeclaration<'a>),
    Alias(&'p TSTypeAliasDeclaration<'a>),
}

/// The types of a file by their names. A name that is declared more than once is none.
struct Types<'p, 'a> {
    known: BTreeMap<&'p str, Option<Named<'p, 'a>>>,
    read: Cell<usize>,
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
    fn of(program: &'p Program<'a>) -> Self {
        let mut all = Self { known: BTreeMap::new(), read: Cell::new(0) };
        for statement in &program.body {
            match statement {
                Statement::TSInterfaceDeclaration(one) => all.add(&one.id.name, Named::Interface(one)),
                Statement::TSTypeAliasDeclaration(one) => all.add(&one.id.name, Named::Alias(one)),
                Statement::ExportDeclaration(export) => match &export.declaration {
                    Declaration::TSInterfaceDeclaration(one) => all.add(&one.id.name, Named::Interface(one)),
                    Declaration::TSTypeAliasDeclaration(one) => all.add(&one.id.name, Named::Alias(one)),
                    _ => {}
                },
                _ => {}
            }
        }
        all
    }

    fn add(&mut self, name: &'p str, named: Named<'p, 'a>) {
        let value = if self.known.contains_key(name) { None } else { Some(named) };
        self.known.insert(name, value);
    }

    /// The schema of props of this type; none where it says nothing of them.
    fn props(&self, given: &TSType<'_>, is_open: bool) -> Option<Value> {
        let members = self.members(given, 0)?;
        let says = !members.properties.is_empty() || members.rest.as_ref().is_some_and(|rest| !is_anything(rest));
        let mut schema = members.to_schema(true);
        if is_open {
            schema["additionalProperties"] = json!(true);
        }
        says.then_some(schema)
    }

    fn members(&self, given: &TSType<'_>, depth: usize) -> Option<Members> {
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

    fn goes_on(&self, depth: usize) -> bool {
        let count = self.read.get() + 1;
        self.read.set(count);
        depth <= DEPTH_MAX && count <= TYPES_MAX
    }

    fn referred(&self, reference: &TSTypeReference<'_>, depth: usize) -> Option<Members> {
        let name = name_of(&reference.type_name)?;
        let arguments = reference.type_arguments.as_deref();
        if let Some(known) = self.known.get(name) {
            return self.known_members(known.as_ref()?, arguments, depth);
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
        &self,
        known: &Named<'_, '_>,
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
                    match self.known.get(name) {
                        Some(known) if self.goes_on(depth + 1) => {
                            let known = known.as_ref()?;
                            members.extend(self.known_members(known, base.type_arguments.as_deref(), depth + 1)?);
                        }
                        None if name == CONFIGURATION => {}
                        _ => return None,
                    }
                }
                members.extend(self.listed(&interface.body.body, depth));
                Some(members)
            }
            _ => None,
        }
    }

    fn listed(&self, signatures: &[TSSignature<'_>], depth: usize) -> Members {
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
                    let is_optional =
                        property.optional || given.is_none_or(|given| may_be_undefined(&given.type_annotation));
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
    fn schema(&self, given: &TSType<'_>, depth: usize) -> Value {
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

    fn object(&self, given: &TSType<'_>, depth: usize) -> Value {
        // A value may have more members than its type: that is no mistake within props.
        self.members(given, depth).map_or(json!({}), |members| members.to_schema(false))
    }

    fn list(&self, item: &TSType<'_>, depth: usize) -> Value {
        let items = self.schema(item, depth + 1);
        if is_anything(&items) { json!({"type": "array"}) } else { json!({"type": "array", "items": items}) }
    }

    fn reference(&self, given: &TSType<'_>, reference: &TSTypeReference<'_>, depth: usize) -> Value {
        let name = name_of(&reference.type_name);
        match name.map(|name| (name, self.known.get(name))) {
            Some((_, Some(Some(Named::Alias(alias)))))
                if reference.type_arguments.is_none() && alias.type_parameters.is_none() =>
            {
                self.schema(&alias.type_annotation, depth + 1)
            }
            Some(("Array" | "ReadonlyArray", None)) => {
                let item = reference.type_arguments.as_ref().and_then(|given| given.params.first());
                item.map_or(json!({"type": "array"}), |item| self.list(item, depth))
            }
            _ => self.object(given, depth),
        }
    }

    fn union(&self, types: &[TSType<'_>], depth: usize) -> Value {
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

/// Whether `undefined` is of a type, as far as the type itself says so; what is not understood may be.
fn may_be_undefined(given: &TSType<'_>) -> bool {
    match given {
        TSType::TSUndefinedKeyword(_)
        | TSType::TSVoidKeyword(_)
        | TSType::TSAnyKeyword(_)
        | TSType::TSUnknownKeyword(_) => true,
        TSType::TSUnionType(union) => union.types.iter().any(may_be_undefined),
        TSType::TSParenthesizedType(within) => may_be_undefined(&within.type_annotation),
        _ => false,
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
    use oxc_allocator::Allocator;
    use oxc_parser::Parser;
    use oxc_span::SourceType;

    fn of(text: &str) -> BTreeMap<String, Value> {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
        assert!(parsed.diagnostics.is_empty(), "{text}");
        schemas(&parsed.program, text)
    }

    /// What a type says of a member.
    fn member(written: &str) -> Value {
        let text = format!(
            "interface Own {{ a: string; b?: number }}\ntype Level = 'low' | 'high';\ntype Loop = {{ next?: Loop }};\n\
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
    fn types_that_name_each_other_again_and_again_end_soon() {
        let doubling: String = (0..60).map(|n| format!("type T{n} = {{ a: T{}; b: T{} }};\n", n + 1, n + 1)).collect();
        let all = of(&format!("{doubling}type T60 = string;\nexport default defineNode<T0>(() => 1);\n"));
        assert_eq!(all["default"]["type"], "object");
    }
}
