//! Which lines of a file are run: before each statement a mark is put that says so, on the statement's own line, so that lines
//! stay what they are.

use crate::{module::source_type, place::Place};
use oxc_allocator::Allocator;
use oxc_ast::ast::Statement;
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_span::GetSpan;

/// The file with its marks, and the lines that have one. What cannot be parsed has none: compiling it says why.
pub(crate) fn counted(path: &str, text: &str) -> (String, Vec<usize>) {
    let Ok(source_type) = source_type(path) else { return (text.to_owned(), Vec::new()) };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, source_type).parse();
    let mut starts = Starts(Vec::new());
    starts.visit_program(&parsed.program);
    let mut starts = starts.0;
    starts.sort_unstable();
    starts.dedup();
    let file = akao_node::json!(path);
    let mut marked = String::with_capacity(text.len() * 2);
    // On the first line, so that no line moves.
    marked.push_str(&format!("(globalThis.akaoLines ??= {{}})[{file}] ??= new Set();"));
    let (mut at, mut lines) = (0, Vec::new());
    for start in starts {
        let line = Place::of(text, start).line;
        marked.push_str(text.get(at..start).unwrap_or_default());
        marked.push_str(&format!("akaoLines[{file}].add({line});"));
        at = start;
        lines.push(line);
    }
    marked.push_str(text.get(at..).unwrap_or_default());
    lines.dedup();
    (marked, lines)
}

/// Where statements begin that a mark may stand before.
struct Starts(Vec<usize>);

impl<'a> Visit<'a> for Starts {
    fn visit_statements(&mut self, statements: &oxc_allocator::Vec<'a, Statement<'a>>) {
        for statement in statements {
            let is_run = !matches!(
                statement,
                Statement::ImportDeclaration(_)
                    | Statement::ExportAllDeclaration(_)
                    | Statement::ExportFromDeclaration(_)
                    | Statement::ExportNamedDeclaration(_)
                    | Statement::FunctionDeclaration(_)
                    | Statement::EmptyStatement(_)
                    | Statement::TSTypeAliasDeclaration(_)
                    | Statement::TSInterfaceDeclaration(_)
                    | Statement::TSEnumDeclaration(_)
                    | Statement::TSExternalModuleDeclaration(_)
                    | Statement::TSNamespaceDeclaration(_)
                    | Statement::TSGlobalDeclaration(_)
                    | Statement::TSImportEqualsDeclaration(_)
            );
            if is_run {
                self.0.push(statement.span().start as usize);
            }
        }
        walk::walk_statements(self, statements);
    }
}
