//! What a reviewer should see before a node is let in: what its code asks for, and what honest code hardly ever does. Read
//! from the syntax tree, so that neither spacing nor comments hide anything. It helps people and proves nothing: a name that is
//! put together at run time, or an object that is passed on, is not followed. The sandbox is what holds.

use crate::place::Place;
use akao_node::{Value, json};
use oxc_ast::ast::{
    Argument, AssignmentExpression, AssignmentTarget, AssignmentTargetProperty, BinaryExpression, BinaryOperator,
    BindingProperty, CallExpression, ComputedMemberExpression, Expression, IdentifierReference, MemberExpression,
    Program, PropertyKey, StaticMemberExpression, StringLiteral, TSClassImplements, TSInterfaceDeclaration, TSType,
    TSTypeAliasDeclaration, TSTypeAnnotation, TSTypeParameterDeclaration, TSTypeParameterInstantiation,
    TemplateLiteral,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

/// Findings beyond these are not told one by one: of what the code asks for, and of everything else. Each weight has its own
/// room, so that nothing can be pushed out by what counts less.
const ASKS_MAX: usize = 200;
const OTHERS_MAX: usize = 200;
/// Longer reasons are cut, in bytes.
const REASON_BYTES_MAX: usize = 200;
/// Text of at least so many characters that is nothing but an encoding of something else.
const ENCODED_MIN: usize = 1_000;

/// How much a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// What the code asks for.
    Asks,
    /// To be looked at.
    Notice,
    /// Hardly ever honest.
    Alarm,
}

impl Weight {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asks => "asks",
            Self::Notice => "notice",
            Self::Alarm => "alarm",
        }
    }
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    rule: &'static str,
    weight: Weight,
    reason: String,
    file: String,
    place: Place,
}

impl Finding {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "rule": self.rule, "weight": self.weight.as_str(), "reason": self.reason,
            "file": self.file, "line": self.place.line, "column": self.place.column,
        })
    }
}

/// The rules about what stands in no honest package either. What else is an alarm in a node's own file is found in packages
/// that everybody uses, and is to be looked at there.
const GRAVEST: [&str; 2] = ["suspicious-text", "obfuscated"];

/// The npm package of a file.
fn package_of(path: &str) -> Option<&str> {
    let (_, within) = path.rsplit_once("node_modules/")?;
    let parts = if within.starts_with('@') { 2 } else { 1 };
    let end = within.match_indices('/').nth(parts - 1).map_or(within.len(), |(at, _)| at);
    within.get(..end)
}

/// Looks through a file.
pub(crate) fn scan(path: &str, text: &str, program: &Program<'_>) -> Vec<Finding> {
    let mut scan = Scan::new(path, text);
    scan.visit_program(program);
    scan.found
}

/// Looks through the texts of a file of data.
pub(crate) fn scan_data(path: &str, text: &str, value: &Value) -> Vec<Finding> {
    let mut scan = Scan::new(path, text);
    scan.data(value);
    scan.found
}

/// The findings of all files, the gravest first where they are too many; then one says that there are more.
pub(crate) fn together(all: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let (asks, mut others): (Vec<Finding>, Vec<Finding>) =
        all.into_iter().partition(|finding| finding.weight == Weight::Asks);
    let more = asks.len().saturating_sub(ASKS_MAX) + others.len().saturating_sub(OTHERS_MAX);
    others.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    others.truncate(OTHERS_MAX);
    let is_cut = others.iter().any(|finding| finding.rule == TRUNCATED);
    if more > 0 && !is_cut {
        let file = others.first().or(asks.first()).map(|finding| finding.file.clone()).unwrap_or_default();
        others.push(truncated(file));
    }
    others.extend(asks.into_iter().take(ASKS_MAX));
    others
}

/// The rule of the finding that says that there are more.
const TRUNCATED: &str = "truncated";

fn truncated(file: String) -> Finding {
    let reason = "has more findings, which are not told one by one".to_owned();
    Finding { rule: TRUNCATED, weight: Weight::Notice, reason, file, place: Place { line: 1, column: 1 } }
}

fn clipped(mut reason: String) -> String {
    if reason.len() > REASON_BYTES_MAX {
        let end = (0..=REASON_BYTES_MAX).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or_default();
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

struct Scan<'t> {
    path: &'t str,
    text: &'t str,
    /// The npm package that the file is of.
    package: Option<&'t str>,
    found: Vec<Finding>,
    /// How many of each weight were seen.
    seen: [usize; 3],
}

/// Words that stand in no honest node, with what they are for.
const WORDS: [(&str, &str); 8] = [
    ("169.254.169.254", "the address at which clouds give out a machine's credentials"),
    ("metadata.google.internal", "the name at which a cloud gives out a machine's credentials"),
    ("stratum+tcp", "the protocol of pools that mine coins"),
    ("coinhive", "a program that mines coins"),
    ("cryptonight", "a way of mining coins"),
    ("/etc/passwd", "a file with the users of a machine"),
    ("/proc/self", "a way to look into the process"),
    ("/var/run/docker.sock", "the way to the containers of a machine"),
];

/// Deeper expressions are not worked out.
const FOLD_DEPTH_MAX: usize = 32;

/// The text that an expression stands for, where that is plain to see.
fn folded(expression: &Expression<'_>, depth: usize) -> Option<String> {
    let inner = |inner: &Expression<'_>| folded(inner, depth + 1);
    match expression {
        _ if depth > FOLD_DEPTH_MAX => None,
        Expression::StringLiteral(text) => Some(text.value.to_string()),
        Expression::NumericLiteral(number) => Some(number.value.to_string()),
        Expression::TemplateLiteral(template) => {
            let mut text = String::new();
            for (at, part) in template.quasis.iter().enumerate() {
                text.push_str(part.value.cooked.as_deref()?);
                if let Some(value) = template.expressions.get(at) {
                    text.push_str(&inner(value)?);
                }
            }
            Some(text)
        }
        Expression::BinaryExpression(both) if both.operator == BinaryOperator::Addition => {
            Some(inner(&both.left)? + &inner(&both.right)?)
        }
        Expression::ParenthesizedExpression(within) => inner(&within.expression),
        Expression::TSAsExpression(within) => inner(&within.expression),
        Expression::TSNonNullExpression(within) => inner(&within.expression),
        _ => None,
    }
}

/// The name of the property that is read or set, where that is plain to see.
fn property(member: &MemberExpression<'_>) -> Option<String> {
    match member {
        MemberExpression::StaticMemberExpression(member) => Some(member.property.name.to_string()),
        MemberExpression::ComputedMemberExpression(member) => folded(&member.expression, 0),
        MemberExpression::PrivateFieldExpression(_) => None,
    }
}

fn is_constructor(expression: &Expression<'_>) -> bool {
    expression.as_member_expression().and_then(property).as_deref() == Some("constructor")
}

/// Whether something is of the language or the worker, and shared by all code of the process.
fn is_shared(expression: &Expression<'_>) -> bool {
    const SHARED: [&str; 13] = [
        "Object", "Array", "Function", "Promise", "String", "Number", "Boolean", "RegExp", "Map", "Set", "JSON",
        "Math", "Reflect",
    ];
    let is_name = |expression: &Expression<'_>| SHARED.iter().any(|name| expression.is_specific_id(name));
    let of_prototype =
        |member: &MemberExpression<'_>| property(member).as_deref() == Some("prototype") && is_name(member.object());
    is_name(expression) || expression.as_member_expression().is_some_and(of_prototype)
}

impl<'t> Scan<'t> {
    fn new(path: &'t str, text: &'t str) -> Self {
        Self { path, text, package: package_of(path), found: Vec::new(), seen: [0; 3] }
    }

    fn tell(&mut self, rule: &'static str, weight: Weight, span: Span, reason: impl Into<String>) {
        let mut reason = reason.into();
        let mut weight = weight;
        if let Some(package) = self.package {
            reason = format!("the package `{package}` {reason}");
            if weight == Weight::Alarm && !GRAVEST.contains(&rule) {
                weight = Weight::Notice;
            }
            // Its author is somebody else: what it does is told, and not each place at which it does it.
            let reason = clipped(reason.clone());
            if self.found.iter().any(|found| found.rule == rule && found.reason == reason) {
                return;
            }
        }
        let (max, seen) = (if weight == Weight::Asks { ASKS_MAX } else { OTHERS_MAX }, &mut self.seen[weight as usize]);
        *seen += 1;
        if *seen > max {
            if *seen == max + 1 {
                self.found.push(truncated(self.path.to_owned()));
            }
            return;
        }
        let place = Place::of(self.text, span.start as usize);
        let reason = clipped(reason);
        let found = Finding { rule, weight, reason, file: self.path.to_owned(), place };
        // A place is told once for each rule.
        if self.found.last() != Some(&found) {
            self.found.push(found);
        }
    }

    fn string(&mut self, text: &str, span: Span) {
        let lower = text.to_ascii_lowercase();
        for (word, what) in WORDS {
            if lower.contains(word) {
                self.tell("suspicious-text", Weight::Alarm, span, format!("names `{word}`, {what}"));
            }
        }
        let is_encoded = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
        if text.len() >= ENCODED_MIN && text.chars().all(is_encoded) {
            let reason = format!("holds {} characters that are an encoding of something else", text.len());
            self.tell("encoded-text", Weight::Notice, span, reason);
        }
    }

    fn data(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text, self.place_of(text)),
            Value::Array(items) => items.iter().for_each(|item| self.data(item)),
            Value::Object(map) => {
                for (key, value) in map {
                    self.string(key, self.place_of(key));
                    self.data(value);
                }
            }
            _ => {}
        }
    }

    /// Where a text of a file of data stands, where it is written as it is.
    fn place_of(&self, text: &str) -> Span {
        let is_odd =
            text.len() >= ENCODED_MIN || WORDS.iter().any(|(word, _)| text.to_ascii_lowercase().contains(word));
        let at = if is_odd { self.text.find(text).unwrap_or_default() } else { 0 };
        Span::empty(u32::try_from(at).unwrap_or_default())
    }

    fn makes_code(&mut self, what: &str, span: Span) {
        let reason = format!("reaches for `{what}`, which makes code at run time that no review can see");
        self.tell("run-time-code", Weight::Alarm, span, reason);
    }

    /// A property that is read, or taken out of an object, by its name.
    fn named(&mut self, name: &str, span: Span) {
        match name {
            "eval" | "Function" => self.makes_code(name, span),
            "constructor" => self.makes_code("constructor", span),
            "__proto__" => self.tell("shared-objects", Weight::Notice, span, "reaches for `__proto__`"),
            _ => {}
        }
    }

    fn key(&mut self, key: &PropertyKey<'_>) {
        let name = match key.as_expression() {
            Some(expression) => folded(expression, 0),
            None => key.static_name().map(std::borrow::Cow::into_owned),
        };
        if let Some(name) = name {
            self.named(&name, key.span());
        }
    }

    /// The rules about calls of functions by their name.
    fn named_call(&mut self, name: &str, arguments: &[Argument<'_>], span: Span) {
        let first = arguments.first().and_then(Argument::as_expression);
        let text = first.and_then(|first| folded(first, 0));
        match name {
            "fetch" => match text {
                Some(url) => self.tell("network", Weight::Asks, span, format!("asks the network for `{url}`")),
                None => self.tell("network", Weight::Asks, span, "asks the network for a URL that is put together"),
            },
            "setTimeout" | "setInterval" if text.is_some() => {
                self.tell("run-time-code", Weight::Alarm, span, format!("gives `{name}` code as text"));
            }
            "proxyActivities" | "proxyLocalActivities" => {
                self.tell("activities", Weight::Asks, span, "calls activities");
            }
            _ => {}
        }
    }

    fn member_call(&mut self, object: &Expression<'_>, name: &str, call: &CallExpression<'_>) {
        const CHANGES: [&str; 8] = [
            "defineProperty",
            "defineProperties",
            "assign",
            "setPrototypeOf",
            "set",
            "deleteProperty",
            "__defineGetter__",
            "__defineSetter__",
        ];
        let first = call.arguments.first().and_then(Argument::as_expression);
        if name == "secret" {
            let reason = match first.and_then(|first| folded(first, 0)) {
                Some(name) => format!("asks for the secret `{name}`"),
                None => "asks for a secret whose name is put together".to_owned(),
            };
            self.tell("secret", Weight::Asks, call.span, reason);
        } else if object.is_specific_id("globalThis") {
            self.named_call(name, &call.arguments, call.span);
        }
        let by_language = ["Object", "Reflect"].iter().any(|holder| object.is_specific_id(holder));
        let changed = if by_language { first } else { Some(object) };
        let is_change = CHANGES.contains(&name) && (by_language || name.starts_with("__"));
        if is_change && changed.is_some_and(is_shared) {
            self.changes_shared(call.span);
        }
    }

    fn changes_shared(&mut self, span: Span) {
        let reason = "changes what all objects have, which the rest of the worker relies on";
        self.tell("shared-objects", Weight::Alarm, span, reason);
    }

    fn changes(&mut self, member: &MemberExpression<'_>, span: Span) {
        if property(member).as_deref() == Some("__proto__") || is_shared(member.object()) {
            self.changes_shared(span);
        }
        if member.object().is_specific_id("globalThis") && property(member).is_none() {
            let reason = "sets a global variable whose name is put together";
            self.tell("hidden-global", Weight::Notice, span, reason);
        }
    }
}

impl<'a> Visit<'a> for Scan<'_> {
    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        match &call.callee {
            Expression::Identifier(name) => self.named_call(&name.name, &call.arguments, call.span),
            callee => {
                if let Some(member) = callee.as_member_expression()
                    && let Some(name) = property(member)
                {
                    self.member_call(member.object(), &name, call);
                }
            }
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        let member = match &assignment.left {
            AssignmentTarget::StaticMemberExpression(_) | AssignmentTarget::ComputedMemberExpression(_) => {
                assignment.left.as_member_expression()
            }
            _ => None,
        };
        let Some(member) = member else { return walk::walk_assignment_expression(self, assignment) };
        self.changes(member, assignment.span);
        // To set what a class says of its objects reads nothing.
        if property(member).as_deref() == Some("constructor") && assignment.operator.is_assign() {
            self.visit_expression(member.object());
            return self.visit_expression(&assignment.right);
        }
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        // The name of a class gives nothing away but itself.
        if member.property.name == "name"
            && is_constructor(&member.object)
            && let Some(within) = member.object.as_member_expression()
        {
            return self.visit_expression(within.object());
        }
        self.named(&member.property.name, member.span);
        walk::walk_static_member_expression(self, member);
    }

    fn visit_computed_member_expression(&mut self, member: &ComputedMemberExpression<'a>) {
        match folded(&member.expression, 0) {
            Some(name) => self.named(&name, member.span),
            None if member.object.is_specific_id("globalThis") => {
                let reason = "reads a global variable whose name is put together";
                self.tell("hidden-global", Weight::Notice, member.span, reason);
            }
            None => {}
        }
        walk::walk_computed_member_expression(self, member);
    }

    fn visit_binary_expression(&mut self, both: &BinaryExpression<'a>) {
        for side in [&both.left, &both.right] {
            match side.as_member_expression() {
                // To compare what made two objects gives nothing of it away.
                Some(member) if both.operator.is_equality() && is_constructor(side) => {
                    self.visit_expression(member.object());
                }
                _ => self.visit_expression(side),
            }
        }
    }

    fn visit_binding_property(&mut self, property: &BindingProperty<'a>) {
        self.key(&property.key);
        walk::walk_binding_property(self, property);
    }

    fn visit_assignment_target_property(&mut self, property: &AssignmentTargetProperty<'a>) {
        match property {
            AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(one) => {
                self.named(&one.binding.name, one.span);
            }
            AssignmentTargetProperty::AssignmentTargetPropertyProperty(one) => self.key(&one.name),
        }
        walk::walk_assignment_target_property(self, property);
    }

    fn visit_import_expression(&mut self, import: &oxc_ast::ast::ImportExpression<'a>) {
        if !matches!(import.source, Expression::StringLiteral(_)) {
            let reason = "imports a module whose name is put together";
            self.tell("run-time-code", Weight::Alarm, import.span, reason);
        }
        walk::walk_import_expression(self, import);
    }

    fn visit_identifier_reference(&mut self, name: &IdentifierReference<'a>) {
        if matches!(name.name.as_str(), "eval" | "Function") {
            self.makes_code(&name.name, name.span);
        }
        let hex = name
            .name
            .strip_prefix("_0x")
            .is_some_and(|rest| rest.len() >= 4 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if hex && !self.found.iter().any(|finding| finding.rule == "obfuscated") {
            let reason = format!("has names such as `{}`, as programs give that hide what code does", name.name);
            self.tell("obfuscated", Weight::Alarm, name.span, reason);
        }
    }

    fn visit_string_literal(&mut self, text: &StringLiteral<'a>) {
        self.string(&text.value, text.span);
    }

    fn visit_template_literal(&mut self, template: &TemplateLiteral<'a>) {
        for part in &template.quasis {
            self.string(part.value.cooked.as_deref().unwrap_or(&part.value.raw), part.span);
        }
        walk::walk_template_literal(self, template);
    }

    // Types do not run, and `Function` is one of them.
    fn visit_ts_type(&mut self, _: &TSType<'a>) {}
    fn visit_ts_type_annotation(&mut self, _: &TSTypeAnnotation<'a>) {}
    fn visit_ts_type_parameter_declaration(&mut self, _: &TSTypeParameterDeclaration<'a>) {}
    fn visit_ts_type_parameter_instantiation(&mut self, _: &TSTypeParameterInstantiation<'a>) {}
    fn visit_ts_type_alias_declaration(&mut self, _: &TSTypeAliasDeclaration<'a>) {}
    fn visit_ts_interface_declaration(&mut self, _: &TSInterfaceDeclaration<'a>) {}
    fn visit_ts_class_implements(&mut self, _: &TSClassImplements<'a>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxc_allocator::Allocator;
    use oxc_parser::Parser;
    use oxc_span::SourceType;

    fn found(text: &str) -> Vec<(Weight, &'static str)> {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
        assert!(parsed.diagnostics.is_empty(), "{text}");
        scan("a.ts", text, &parsed.program).iter().map(|finding| (finding.weight, finding.rule)).collect()
    }

    #[test]
    fn ways_to_code_made_at_run_time_and_to_shared_objects_are_alarms() {
        for (text, rule) in [
            ("(0, eval)(s);", "run-time-code"),
            ("const e = eval;", "run-time-code"),
            ("globalThis.eval(s);", "run-time-code"),
            ("globalThis['ev' + 'al'](s);", "run-time-code"),
            ("globalThis[`ev${'al'}`](s);", "run-time-code"),
            ("const { eval: e } = globalThis;", "run-time-code"),
            ("new Function('return 1')();", "run-time-code"),
            ("Reflect.construct(Function, ['return 1']);", "run-time-code"),
            ("const { constructor: F } = () => {};", "run-time-code"),
            ("let F; ({ constructor: F } = () => {});", "run-time-code"),
            ("let constructor; ({ constructor } = () => {});", "run-time-code"),
            ("(() => {}).constructor('return 1')();", "run-time-code"),
            ("f['con' + 'structor']('return 1');", "run-time-code"),
            ("globalThis.setTimeout('x()', 1);", "run-time-code"),
            ("import(name);", "run-time-code"),
            ("Object.defineProperty(Object.prototype, 'a', {});", "shared-objects"),
            ("Object.assign(Array.prototype, { at() {} });", "shared-objects"),
            ("Reflect.set(Object.prototype, 'a', 1);", "shared-objects"),
            ("Object.prototype.__defineGetter__('a', () => 1);", "shared-objects"),
            ("Object['prototype'].a = 1;", "shared-objects"),
            ("JSON.parse = () => 1;", "shared-objects"),
            ("const a = 'http://169.254.169.' + 254 + `/latest http://169.254.169.254`;", "suspicious-text"),
        ] {
            assert!(found(text).contains(&(Weight::Alarm, rule)), "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn honest_code_is_clean() {
        for text in [
            "export class A extends Error { constructor(m: string) { super(m); this.name = this.constructor.name; } }",
            "const same = a.constructor === b.constructor;",
            "Child.prototype.constructor = Child;",
            "function f(work: Function): Function { return work as Function; }",
            "const own = Object.assign({}, b); Object.defineProperty(exports, '__esModule', { value: true });",
            "const all = new Map<string, Function>(); all.set('a', () => {}); setTimeout(() => {}, 1);",
            "interface A { constructor: Function; eval: string }",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn nothing_that_is_asked_for_pushes_an_alarm_out() {
        let text = "fetch('https://a.example');\n".repeat(1_000) + "const { b } = globalThis['x' + y];\neval(s);\n";
        let all = found(&text);
        assert!(all.contains(&(Weight::Alarm, "run-time-code")) && all.contains(&(Weight::Notice, "hidden-global")));
        assert!(all.contains(&(Weight::Notice, TRUNCATED)) && all.len() < 210, "{}", all.len());
        let finding = |weight| Finding {
            rule: "r",
            weight,
            reason: String::new(),
            file: String::new(),
            place: Place { line: 1, column: 1 },
        };
        let many = (0..1_000).map(|_| finding(Weight::Notice)).chain([finding(Weight::Alarm)]);
        let told = together(many);
        assert_eq!((told[0].weight, told.len()), (Weight::Alarm, OTHERS_MAX + 1));
    }

    #[test]
    fn what_packages_do_is_to_be_looked_at_and_the_gravest_of_it_is_an_alarm() {
        let text = "new Function('a'); eval(b); eval(c); const d = 'http://169.254.169.254';";
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
        let all = scan("node_modules/@s/esm/node_modules/@s/within/a.js", text, &parsed.program);
        let told: Vec<_> = all.iter().map(|found| (found.weight, found.reason.split(',').next().unwrap())).collect();
        let expected = [
            (Weight::Notice, "the package `@s/within` reaches for `Function`"),
            (Weight::Notice, "the package `@s/within` reaches for `eval`"),
            (Weight::Alarm, "the package `@s/within` names `169.254.169.254`"),
        ];
        assert_eq!(told, expected);
        assert_eq!(package_of("node_modules/zod/v4/index.js"), Some("zod"));
        assert_eq!(package_of("src/a.ts"), None);
    }

    #[test]
    fn texts_of_data_are_looked_through() {
        let text = "{\n  \"a\": [\"http://169.254.169.254/latest\"]\n}";
        let value: Value = serde_json::from_str(text).unwrap();
        let all = scan_data("a.json", text, &value);
        assert_eq!((all.len(), all[0].weight, all[0].place.line), (1, Weight::Alarm, 2));
    }
}
