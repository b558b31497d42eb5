//! The nodes of a file, by what they are exported as, each with the type of what it is given.

use super::names::In;
use akao_node::Value;
use oxc_ast::ast::{
    BindingPattern, CallExpression, Class, ClassElement, Declaration, ExportDefaultDeclarationKind, Expression,
    ImportOrExportKind, MethodDefinitionKind, Program, Statement, VariableDeclarator,
};
use oxc_span::Span;
use std::collections::BTreeMap;

/// Words by which a class looks into its configuration under names that its type need not list.
const LOOKS_UP: [&str; 4] = ["this.config", "getInput", "setOutput", "providedPorts"];

/// The schemas of the nodes of a file, by what they are exported as.
pub(super) fn schemas(types: In<'_, '_, '_>, text: &str, program: &Program<'_>) -> BTreeMap<String, Value> {
    let mut all = Nodes { types, text, found: BTreeMap::new(), renamed: Vec::new() };
    program.body.iter().for_each(|statement| all.statement(statement));
    let Nodes { found: mut schemas, renamed, .. } = all;
    for (exported, local) in renamed {
        if let Some(schema) = schemas.get(&local).cloned() {
            schemas.insert(exported, schema);
        }
    }
    schemas
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

    fn variables(&mut self, variables: &[VariableDeclarator<'_>]) {
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
