//! The comments by which somebody says that something is meant all the same.

use super::Lint;
use crate::place::Place;
use oxc_ast::ast::Program;

/// Comments beyond these allow nothing.
const ALLOWED_MAX: usize = 1_000;

/// The lines on which comments allow what is told otherwise: of one rule, or of all.
pub(super) struct Allowed(Vec<(usize, usize, Vec<String>)>);

impl Allowed {
    pub(super) fn of(text: &str, program: &Program<'_>) -> Self {
        let mut lines = Vec::new();
        for comment in &program.comments {
            if lines.len() >= ALLOWED_MAX {
                break;
            }
            let span = comment.content_span();
            let said = text.get(span.start as usize..span.end as usize).unwrap_or_default().trim_start();
            let Some(said) = said.strip_prefix("eslint-").or_else(|| said.strip_prefix("oxlint-")) else { continue };
            let word = said.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
            // What follows two hyphens is a reason for people.
            let rest = said.get(word.len()..).unwrap_or_default().split("--").next().unwrap_or_default();
            let rules = rest.split(',').map(|rule| rule.trim().rsplit('/').next().unwrap_or_default().to_owned());
            let rules: Vec<String> = rules.filter(|rule| !rule.is_empty()).collect();
            let (first, last) =
                (Place::of(text, comment.span.start as usize).line, Place::of(text, comment.span.end as usize).line);
            match word {
                "disable-line" => lines.push((first, last, rules)),
                "disable-next-line" => lines.push((last + 1, last + 1, rules)),
                "disable" => lines.push((first, usize::MAX, rules)),
                "enable" => lines.iter_mut().filter(|open| open.1 == usize::MAX).for_each(|open| open.1 = first),
                _ => {}
            }
        }
        Self(lines)
    }

    pub(super) fn allows(&self, lint: &Lint) -> bool {
        let is_of = |rules: &[String]| rules.is_empty() || rules.iter().any(|rule| rule == lint.rule);
        self.0.iter().any(|(first, last, rules)| (*first..=*last).contains(&lint.place.line) && is_of(rules))
    }
}
