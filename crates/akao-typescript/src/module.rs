//! One file, from its text to the JavaScript of a module: parsed, looked through, rid of its types, written out with a map.

use crate::{
    commonjs, compatible, coverage,
    exports::Border,
    facts::Facts,
    lint::{self, Lint},
    place::Problem,
    scan::{self, Finding},
};
use akao_node::Value;
use oxc_allocator::Allocator;
use oxc_ast::ast::{Expression, ImportDeclarationSpecifier, ImportOrExportKind, Program, Statement};
use oxc_ast_visit::{Visit, walk};
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_span::{GetSpan, SourceType, Span};
use oxc_transformer::{TransformOptions, Transformer};
use std::{collections::BTreeSet, path::Path};

/// How a file is a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By `import` and `export`.
    Module,
    /// By `require` and `module.exports`, with the names that it sets there.
    CommonJs(Vec<String>),
}

/// What a file wants from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) specifier: String,
    pub(crate) offset: usize,
    /// Whether the file cannot be loaded without it.
    pub(crate) is_needed: bool,
}

/// A file as it is run.
pub(crate) struct Compiled {
    pub(crate) code: String,
    /// From the code to the file, where there is one.
    pub(crate) map: Option<Value>,
    pub(crate) kind: Kind,
    pub(crate) imports: Vec<Import>,
    pub(crate) border: Border,
    /// Whether it uses what only Node.js has, of which npm packages get a little.
    pub(crate) wants_node: bool,
    pub(crate) facts: Facts,
    pub(crate) findings: Vec<Finding>,
    /// What is most likely not meant, where whoever makes the node wrote it.
    pub(crate) lints: Vec<Lint>,
}

/// Compiles a file so that it tells which of its lines are run; gives those on which something can be.
///
/// # Errors
/// As with [`compile`].
pub(crate) fn compile_counted(path: &str, text: &str) -> Result<(Compiled, Vec<usize>), Vec<Problem>> {
    let (counted, lines) = coverage::counted(path, text);
    compile(path, &counted).map(|compiled| (compiled, lines))
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As a module, with a map to where it comes from.
    Readable,
    /// Without blanks, comments and a map; a file that uses `require` is as strict as it says.
    Compact,
}

/// Compiles a file.
///
/// # Errors
/// It is not TypeScript or JavaScript, or uses what is not there.
pub(crate) fn compile(path: &str, text: &str) -> Result<Compiled, Vec<Problem>> {
    compile_as(path, text, Form::Readable)
}

/// Compiles a file so that it is read quickly, to be loaded by itself.
///
/// # Errors
/// As with [`compile`].
pub(crate) fn compile_compact(path: &str, text: &str) -> Result<Compiled, Vec<Problem>> {
    compile_as(path, text, Form::Compact)
}

fn compile_as(path: &str, text: &str, form: Form) -> Result<Compiled, Vec<Problem>> {
    if path.ends_with(".json") {
        return json_module(path, text);
    }
    let is_dependency = path.contains("node_modules/");
    let source_type = source_type(path)?;
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, source_type).parse();
    let problems = |found: &[oxc_diagnostics::OxcDiagnostic]| -> Vec<Problem> {
        found.iter().filter_map(|diagnostic| Problem::of_diagnostic(path, text, diagnostic)).collect()
    };
    let found = problems(&parsed.diagnostics);
    if !found.is_empty() || parsed.panicked {
        return Err(found);
    }
    let is_module = parsed.module_record.has_module_syntax;
    let mut program = parsed.program;
    let kind = match is_dependency || path.ends_with(".cjs") {
        true if !is_module => commonjs::names(&program).map_or(Kind::Module, Kind::CommonJs),
        _ => Kind::Module,
    };
    let facts = Facts::of(&program);
    let findings = scan::scan(path, text, &program);
    let lints = if is_dependency { Vec::new() } else { lint::lint(path, text, &program) };
    use_values(&mut program);
    let semantic = SemanticBuilder::new().with_check_syntax_error(true).with_enum_eval(true).build(&program);
    let found = problems(&semantic.diagnostics);
    if !found.is_empty() {
        return Err(found);
    }
    let scoping = semantic.semantic.into_scoping();
    let is_of_node = |name: &str| matches!(name, "process" | "global");
    let wants_node = is_dependency && scoping.root_unresolved_references().keys().any(|name| is_of_node(name.as_str()));
    let mut options = TransformOptions::default();
    // A field that only declares a type must not hide what the base class has set.
    options.typescript.remove_class_fields_without_initializer = true;
    options.typescript.only_remove_type_imports = false;
    if let Some(problem) = decorated(path, text, &program) {
        return Err(vec![problem]);
    }
    let transformed = Transformer::new(&allocator, Path::new(path), &options).build_with_scoping(scoping, &mut program);
    let found = problems(&transformed.diagnostics);
    if !found.is_empty() {
        return Err(found);
    }
    let imports = imports(&program, &kind);
    let border = Border::of(&program);
    let options = match form {
        Form::Readable => CodegenOptions { source_map_path: Some(path.into()), ..CodegenOptions::default() },
        Form::Compact => CodegenOptions::minify(),
    };
    let written = Codegen::new().with_options(options).with_source_text(text).build(&program);
    if matches!(kind, Kind::CommonJs(_))
        && form == Form::Readable
        && let Some(problem) = not_strict(path, &written.code)
    {
        return Err(vec![problem]);
    }
    let map = written.map.and_then(|map| serde_json::from_str(&map.to_json_string()).ok());
    Ok(Compiled { code: written.code, map, kind, imports, border, wants_node, facts, findings, lints })
}

/// What a file says that modules must not say: within a bundle all code is strict.
fn not_strict(path: &str, code: &str) -> Option<Problem> {
    let allocator = Allocator::default();
    let wrapped = format!("(function () {{\n{code}\n}});\n");
    let parsed = Parser::new(&allocator, &wrapped, SourceType::mjs()).parse();
    let semantic = SemanticBuilder::new().with_check_syntax_error(true).build(&parsed.program);
    let mut found = parsed.diagnostics.iter().chain(semantic.diagnostics.iter());
    let first = found.find_map(|diagnostic| Problem::of_diagnostic(path, &wrapped, diagnostic))?;
    let problem = Problem::of_file(path, format!("is not strict JavaScript, as which it is run: {}", first.message));
    Some(problem.suggest("Use another version of the package, or another package."))
}

pub(crate) fn source_type(path: &str) -> Result<SourceType, Vec<Problem>> {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "ts" | "mts" => Ok(SourceType::ts()),
        "js" => Ok(SourceType::unambiguous()),
        "mjs" => Ok(SourceType::mjs()),
        "cjs" => Ok(SourceType::cjs()),
        "tsx" | "jsx" => {
            let problem = Problem::of_file(path, "a node has no pages: `.tsx` and `.jsx` files are not compiled");
            Err(vec![problem.suggest("Write the node in a `.ts` file.")])
        }
        _ => Err(vec![Problem::of_file(path, "is neither TypeScript nor JavaScript nor JSON, by its name")]),
    }
}

/// A file of data as a module.
fn json_module(path: &str, text: &str) -> Result<Compiled, Vec<Problem>> {
    let value: Value = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|error| {
        let place = Some(crate::place::Place { line: error.line(), column: error.column().max(1) });
        vec![Problem { place, ..Problem::of_file(path, format!("is not JSON: {error}")) }]
    })?;
    // What ends lines in JavaScript and not in JSON is written so that it does not.
    let written = value.to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    // In an object of JavaScript that name would not be one of the data, but set what stands behind the object.
    let code = match written.contains("\"__proto__\"") {
        true => format!("export default JSON.parse({});\n", Value::from(written)),
        false => format!("export default {written};\n"),
    };
    let (facts, findings) = (Facts::default(), scan::scan_data(path, text, &value));
    let border = Border { exports: BTreeSet::from(["default".to_owned()]), ..Border::default() };
    let (imports, kind) = (Vec::new(), Kind::Module);
    Ok(Compiled { code, map: None, kind, imports, border, wants_node: false, facts, findings, lints: Vec::new() })
}

/// Lets what was imported as a type be used as a value, where the module is one that is always there: some nodes import
/// `NodeStatus` as a type and return `NodeStatus.SUCCESS`. What is used as a type alone, the transformer still takes away.
fn use_values(program: &mut Program<'_>) {
    for statement in &mut program.body {
        let Statement::ImportDeclaration(import) = statement else { continue };
        if !compatible::has_values(import.source.value.as_str()) {
            continue;
        }
        import.import_kind = ImportOrExportKind::Value;
        for specifier in import.specifiers.iter_mut().flatten() {
            if let ImportDeclarationSpecifier::ImportSpecifier(specifier) = specifier {
                specifier.import_kind = ImportOrExportKind::Value;
            }
        }
    }
}

/// The first decorator or auto-accessor: QuickJS has neither, and their helpers would have to be sent along.
fn decorated(path: &str, text: &str, program: &Program<'_>) -> Option<Problem> {
    struct Look(Option<(Span, bool)>);
    impl<'a> Visit<'a> for Look {
        fn visit_decorator(&mut self, decorator: &oxc_ast::ast::Decorator<'a>) {
            self.0.get_or_insert((decorator.span, true));
        }

        fn visit_accessor_property(&mut self, accessor: &oxc_ast::ast::AccessorProperty<'a>) {
            walk::walk_accessor_property(self, accessor);
            self.0.get_or_insert((accessor.span, false));
        }
    }
    let mut look = Look(None);
    look.visit_program(program);
    let (at, is_decorator) = look.0?;
    let (message, instead) = match is_decorator {
        true => ("decorators are not supported in custom nodes", "Call the function that the decorator stands for."),
        false => {
            let instead = "Write a field, or a private field with `get` and `set`.";
            ("fields with `accessor` are not supported in custom nodes", instead)
        }
    };
    Some(Problem::at(path, text, at.start as usize, message).suggest(instead))
}

/// What the compiled file wants from others, each once.
fn imports(program: &Program<'_>, kind: &Kind) -> Vec<Import> {
    let mut look = Imports { found: Vec::new(), requires: matches!(kind, Kind::CommonJs(_)) };
    for statement in &program.body {
        match statement {
            Statement::ImportDeclaration(import) => look.add(&import.source.value, import.span, true),
            Statement::ExportAllDeclaration(export) => look.add(&export.source.value, export.span, true),
            Statement::ExportFromDeclaration(export) => look.add(&export.source.value, export.span, true),
            _ => {}
        }
    }
    look.visit_program(program);
    look.found
}

struct Imports {
    found: Vec<Import>,
    requires: bool,
}

impl Imports {
    fn add(&mut self, specifier: &str, span: Span, is_needed: bool) {
        if self.found.iter().all(|import| import.specifier != specifier) {
            self.found.push(Import { specifier: specifier.to_owned(), offset: span.start as usize, is_needed });
        }
    }
}

impl<'a> Visit<'a> for Imports {
    fn visit_import_expression(&mut self, import: &oxc_ast::ast::ImportExpression<'a>) {
        if let Expression::StringLiteral(source) = &import.source {
            self.add(&source.value, import.span, false);
        }
        walk::walk_import_expression(self, import);
    }

    fn visit_call_expression(&mut self, call: &oxc_ast::ast::CallExpression<'a>) {
        let first = call.arguments.first().and_then(oxc_ast::ast::Argument::as_expression);
        if let (true, true, Some(Expression::StringLiteral(source))) =
            (self.requires, call.callee.is_specific_id("require"), first)
        {
            self.add(&source.value, call.span(), false);
        }
        walk::walk_call_expression(self, call);
    }
}
