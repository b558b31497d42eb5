//! What a file says of itself without being run: the data by which a node is described. It stands in exported constants, or in
//! static fields of the node's class; which class that is, whoever knows the node's name decides.

use crate::literal::{self, Constants};
use akao_node::{Map, Value, json};
use oxc_ast::ast::{
    BindingPattern, Class, ClassElement, Declaration, ExportDefaultDeclarationKind, Expression, ImportOrExportKind,
    ModuleExportName, Program, Statement, VariableDeclaration,
};
use oxc_span::{GetSpan, Span};
use std::collections::BTreeMap;

/// Exported constants that describe a node, and static properties of its class.
const WORDS: [&str; 11] = [
    "permissions",
    "description",
    "schema",
    "outputs",
    "idempotent",
    "effects",
    "timeout",
    "memory",
    "version",
    "rateLimit",
    "concurrency",
];

/// What is said in one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    /// The words that are plain data.
    pub(crate) data: Map<String, Value>,
    /// Where those stand that are not, as byte offsets.
    pub(crate) unread: BTreeMap<&'static str, u32>,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    /// Its exported constants.
    pub(crate) said: Said,
    /// The static fields of its classes by their names; `default` is the one that is exported as such.
    pub(crate) classes: BTreeMap<String, Said>,
}

impl Facts {
    /// Reads a file that was parsed.
    pub(crate) fn of(program: &Program<'_>) -> Self {
        let constants = Constants::of(program);
        let mut reader = Reader { facts: Self::default(), constants: &constants, renamed: Vec::new() };
        for statement in &program.body {
            reader.statement(statement);
        }
        let Reader { mut facts, renamed, .. } = reader;
        for (exported, local) in renamed {
            if let Some(said) = facts.classes.get(&local).cloned() {
                facts.classes.insert(exported, said);
            }
        }
        facts
    }
}

impl Said {
    /// As the host is told, with the lines of the file.
    pub(crate) fn to_json(&self, text: &str) -> Value {
        let line = |offset: &u32| crate::place::Place::of(text, *offset as usize).line;
        let unread: Map<String, Value> =
            self.unread.iter().map(|(word, offset)| ((*word).to_owned(), json!(line(offset)))).collect();
        json!({"data": self.data, "unread": unread})
    }

    fn say(&mut self, name: &str, value: Option<Value>, span: Span) {
        let Some(word) = WORDS.into_iter().find(|word| *word == name) else { return };
        match value {
            Some(value) => drop(self.data.insert(name.to_owned(), value)),
            None => drop(self.unread.insert(word, span.start)),
        }
    }
}

struct Reader<'c, 'a> {
    facts: Facts,
    constants: &'c Constants<'c, 'a>,
    /// Names under which something is exported, with what it is called here.
    renamed: Vec<(String, String)>,
}

impl Reader<'_, '_> {
    fn statement(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                ExportDefaultDeclarationKind::ClassDeclaration(class) => self.class("default", class),
                // `export default Name`: the class says what it says under that name.
                ExportDefaultDeclarationKind::Identifier(name) => {
                    self.renamed.push(("default".to_owned(), name.name.to_string()));
                }
                ExportDefaultDeclarationKind::ClassExpression(class) => self.class("default", class),
                _ => {}
            },
            Statement::ExportDeclaration(export) => self.declaration(&export.declaration),
            Statement::ExportNamedDeclaration(export) if export.export_kind != ImportOrExportKind::Type => {
                for specifier in export.specifiers.iter().filter(|one| one.export_kind != ImportOrExportKind::Type) {
                    let exported = specifier.exported.name();
                    let value = match &specifier.local {
                        ModuleExportName::IdentifierReference(local) => self.constants.value_of(&local.name),
                        _ => None,
                    };
                    self.facts.said.say(&exported, value, specifier.span);
                    self.renamed.push((exported.to_string(), specifier.local.name().to_string()));
                }
            }
            Statement::ExportFromDeclaration(export) if export.export_kind != ImportOrExportKind::Type => {
                for specifier in export.specifiers.iter().filter(|one| one.export_kind != ImportOrExportKind::Type) {
                    self.facts.said.say(&specifier.exported.name(), None, specifier.span);
                }
            }
            Statement::ClassDeclaration(class) => self.named_class(class),
            _ => {}
        }
    }

    fn declaration(&mut self, declaration: &Declaration<'_>) {
        match declaration {
            Declaration::ClassDeclaration(class) => self.named_class(class),
            Declaration::VariableDeclaration(variables) => self.variables(variables),
            Declaration::FunctionDeclaration(function) => {
                if let Some(name) = &function.id {
                    self.facts.said.say(&name.name, None, name.span);
                }
            }
            _ => {}
        }
    }

    fn variables(&mut self, variables: &VariableDeclaration<'_>) {
        for declarator in &variables.declarations {
            match (&declarator.id, &declarator.init) {
                (BindingPattern::BindingIdentifier(name), Some(Expression::ClassExpression(class))) => {
                    self.class(&name.name, class);
                }
                (BindingPattern::BindingIdentifier(name), init) => {
                    let value = init.as_ref().and_then(|init| literal::value(init, self.constants));
                    self.facts.said.say(&name.name, value, declarator.span);
                }
                (pattern, _) => {
                    for name in pattern.get_binding_identifiers() {
                        self.facts.said.say(&name.name, None, name.span);
                    }
                }
            }
        }
    }

    fn named_class(&mut self, class: &Class<'_>) {
        if let Some(id) = &class.id {
            self.class(&id.name, class);
        }
    }

    fn class(&mut self, name: &str, class: &Class<'_>) {
        let mut said = Said::default();
        for element in &class.body.body {
            if let ClassElement::PropertyDefinition(property) = element
                && property.r#static
                && let (Some(name), Some(value)) = (literal::key(&property.key), &property.value)
            {
                said.say(&name, literal::value(value, self.constants), property.key.span());
            }
        }
        self.facts.classes.insert(name.to_owned(), said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxc_allocator::Allocator;
    use oxc_parser::Parser;
    use oxc_span::SourceType;

    fn facts(text: &str) -> Facts {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
        assert!(parsed.diagnostics.is_empty(), "{text}");
        Facts::of(&parsed.program)
    }

    #[test]
    fn constants_are_followed_and_what_is_no_data_is_told() {
        let facts = facts(
            "const permissions = ['network.http=a.example:443'] as const;\nconst name = { type: 'string' };\n\
             export const schema = { type: 'object', properties: { name, other: name } };\n\
             export const timeout = 5 * 60;\nexport const memory = Object.freeze('64MB');\nlet version = '1.0.0';\n\
             export { permissions, version };\nexport { description } from './texts';\n",
        );
        assert_eq!(facts.said.data["permissions"], json!(["network.http=a.example:443"]));
        assert_eq!(facts.said.data["schema"]["properties"]["other"], json!({"type": "string"}));
        assert_eq!(facts.said.data["memory"], "64MB");
        let unread: Vec<&str> = facts.said.unread.keys().copied().collect();
        assert_eq!(unread, ["description", "timeout", "version"]);
    }

    #[test]
    fn each_class_says_what_it_says() {
        let facts = facts(
            "class Helper { static permissions = ['network.http']; static schema = z.object({}); }\n\
             export class Own { static permissions = []; static timeout = '1s'; }\nexport default Own;\n",
        );
        assert_eq!(facts.classes["Own"].data["permissions"], json!([]));
        assert_eq!(facts.classes["default"], facts.classes["Own"]);
        assert!(facts.classes["Helper"].unread.contains_key("schema") && facts.said == Said::default());
    }

    #[test]
    fn data_that_names_itself_again_and_again_ends_soon() {
        let doubling: String = (0..60).map(|n| format!("const a{n} = [a{}, a{}];\n", n + 1, n + 1)).collect();
        let facts = facts(&format!(
            "{doubling}const a60 = 1;\nconst b = [b];\nexport const schema = a0;\nexport const outputs = b;\n"
        ));
        assert_eq!(facts.said.unread.len(), 2);
    }
}
