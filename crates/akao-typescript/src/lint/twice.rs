//! What stands twice, so that one of the two is lost: keys, members of classes, cases and conditions.

use super::linter::{Linter, shown};
use oxc_ast::ast::{
    Class, ClassElement, IfStatement, MethodDefinitionKind, ObjectExpression, ObjectPropertyKind, PropertyKind,
    Statement, SwitchStatement,
};
use oxc_span::{ContentEq, GetSpan};
use std::collections::{BTreeMap, BTreeSet};

/// Further branches of one `if` are not held against its first.
const BRANCHES_MAX: usize = 100;

impl Linter<'_, '_, '_> {
    /// The conditions of one `if` and of those that follow each `else`.
    pub(super) fn asked_again(&mut self, choice: &IfStatement<'_>) {
        let mut next = choice.alternate.as_ref();
        for _ in 0..BRANCHES_MAX {
            let Some(Statement::IfStatement(later)) = next else { break };
            if choice.test.content_eq(&later.test) {
                let message = format!("`{}` was asked before", shown(self.text_of(later.test.span())));
                self.error(
                    "no-dupe-else-if",
                    later.test.span(),
                    message,
                    "Ask something else, or take the branch out.",
                );
            }
            next = later.alternate.as_ref();
        }
    }

    pub(super) fn cases(&mut self, cases: &SwitchStatement<'_>) {
        let mut known: BTreeSet<Vec<&str>> = BTreeSet::new();
        for test in cases.cases.iter().filter_map(|case| Some(case.test.as_ref()?.span())) {
            let written = self.text.get(test.start as usize..test.end as usize).unwrap_or_default();
            if !known.insert(as_written(written)) && !self.is_full() {
                let message = format!("`case {}` stands twice", shown(written));
                self.error("no-duplicate-case", test, message, "Take one out: the second is never reached.");
            }
        }
    }

    pub(super) fn keys(&mut self, object: &ObjectExpression<'_>) {
        let mut known: BTreeMap<String, PropertyKind> = BTreeMap::new();
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else { continue };
            let Some(name) = property.key.static_name().filter(|_| !property.computed) else { continue };
            let is_pair = |before: &PropertyKind| *before != property.kind && *before != PropertyKind::Init;
            let before = known.insert(name.to_string(), property.kind);
            if before.is_some_and(|before| property.kind == PropertyKind::Init || !is_pair(&before)) {
                let message = format!("the key `{}` stands twice, and the first value is lost", shown(&name));
                self.error("no-dupe-keys", property.key.span(), message, "Take one out, or give it another name.");
            }
        }
    }

    pub(super) fn members(&mut self, class: &Class<'_>) {
        let mut known: BTreeMap<(bool, String), Option<MethodDefinitionKind>> = BTreeMap::new();
        for element in &class.body.body {
            let (is_static, key, kind) = match element {
                // A signature without a body only says how the method may be called.
                ClassElement::MethodDefinition(method) if method.value.body.is_some() && !method.computed => {
                    (method.r#static, &method.key, Some(method.kind))
                }
                ClassElement::PropertyDefinition(field) if !field.declare && !field.computed => {
                    (field.r#static, &field.key, None)
                }
                _ => continue,
            };
            let Some(name) = key.static_name() else { continue };
            let is_accessor = |kind| matches!(kind, Some(MethodDefinitionKind::Get | MethodDefinitionKind::Set));
            let before = known.insert((is_static, name.to_string()), kind);
            if before.is_some_and(|before| before == kind || !is_accessor(before) || !is_accessor(kind)) {
                let message = format!("the class has two members `{}`, and the first is lost", shown(&name));
                self.error("no-dupe-class-members", key.span(), message, "Take one out, or give it another name.");
            }
        }
    }
}

/// An expression as it is held against others: by its words, or by all of its text where blanks may be a part of what it says.
fn as_written(text: &str) -> Vec<&str> {
    match text.contains(['\'', '"', '`', '/']) {
        true => vec![text],
        false => text.split_whitespace().collect(),
    }
}
