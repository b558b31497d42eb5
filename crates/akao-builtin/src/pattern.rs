//! Regular expressions as workflows write them: JavaScript's spelling and flags, linear time, bounded memory.

use crate::{props::bad_input, text::excerpt};
use akao_contract::{ErrorKind, StepError};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

/// Memory that one compiled expression may use, in bytes.
const PROGRAM_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of groups.
const NEST_MAX: u32 = 100;

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 16 * 1024;

/// Places of a pattern, multiplied by the bytes of a text. Matching takes linear time, and a line can be very steep: when the
/// library's fast ways do not fit a pattern, every place is looked at for every byte.
const WORK_MAX: u64 = 4_000_000_000;

/// A compiled pattern.
pub(crate) struct Pattern {
    /// The expression.
    pub(crate) regex: Regex,
    /// Whether the flag `g` asks for every match.
    pub(crate) all: bool,
    /// Places of the pattern after its repetitions were written out.
    places: u64,
}

impl Pattern {
    /// Refuses a text that is too long for this pattern.
    pub(crate) fn check_work(&self, text_bytes: usize) -> Result<(), StepError> {
        if self.places.saturating_mul(text_bytes as u64) <= WORK_MAX {
            return Ok(());
        }
        let message =
            format!("a pattern of {} places over a text of {text_bytes} bytes takes too much work", self.places);
        Err(StepError::new(ErrorKind::Resource, message)
            .with_suggestion("Use smaller repetition counts, or match a shorter text."))
    }
}

/// How many places a pattern has when its counted repetitions are written out. The parser bounds the depth.
fn places(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(_) => 2,
        HirKind::Repetition(repeated) => {
            let times = repeated.max.unwrap_or_else(|| repeated.min.saturating_add(1)).max(1);
            places(&repeated.sub).saturating_mul(u64::from(times))
        }
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(places).fold(0, u64::saturating_add),
    }
}

/// Compiles a pattern with JavaScript's flags. `g`, `i`, `m`, `s` and `u` are known; the others have no meaning here.
pub(crate) fn compile(pattern: &str, flags: &str) -> Result<Pattern, StepError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(bad_input(format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(PROGRAM_BYTES_MAX).dfa_size_limit(PROGRAM_BYTES_MAX).nest_limit(NEST_MAX);
    let mut all = false;
    for flag in flags.chars() {
        match flag {
            'g' => all = true,
            'i' => drop(builder.case_insensitive(true)),
            'm' => drop(builder.multi_line(true)),
            's' => drop(builder.dot_matches_new_line(true)),
            'u' => {}
            'd' | 'v' | 'y' => {
                let message = format!("the flag `{flag}` exists in JavaScript only; the flags here are g, i, m, s, u");
                return Err(bad_input(message));
            }
            other => return Err(bad_input(format!("there is no flag `{other}`; the flags are g, i, m, s, u"))),
        }
    }
    let regex = builder.build().map_err(|error| explain(pattern, &error))?;
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(NEST_MAX).build().parse(pattern);
    // What compiles has been parsed; should the two ever differ, the work counts as the most there can be.
    let places = parsed.map_or(u64::MAX, |hir| places(&hir));
    Ok(Pattern { regex, all, places })
}

fn explain(pattern: &str, error: &regex::Error) -> StepError {
    let pattern = excerpt(pattern);
    match error {
        regex::Error::CompiledTooBig(_) => {
            bad_input(format!("the pattern `{pattern}` needs more than {PROGRAM_BYTES_MAX} bytes when compiled"))
                .with_suggestion("Use smaller repetition counts.")
        }
        // The library draws a picture of the pattern; its last line holds the reason.
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let error = bad_input(format!("the pattern `{pattern}` is not valid: {reason}"));
            if !reason.contains("look-around") && !reason.contains("backreferences") {
                return error;
            }
            error.with_suggestion(
                "Matching takes linear time here, so there is no look-around and no back-reference: match more and \
                take a `group`.",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_mean_what_they_mean_in_javascript() {
        let cases =
            [("A", "gi", "xa", true), ("^b", "m", "a\nb", true), ("^b", "", "a\nb", false), ("a.b", "s", "a\nb", true)];
        for (pattern, flags, text, matches) in cases {
            assert_eq!(compile(pattern, flags).unwrap().regex.is_match(text), matches, "/{pattern}/{flags}");
        }
        assert!(compile("a", "g").unwrap().all);
        assert!(!compile("a", "i").unwrap().all);
    }

    #[test]
    fn work_is_bounded_by_pattern_and_text_together() {
        let mebibytes = 16 << 20;
        for pattern in [r"\d{4}-\d{2}-\d{2}", r"(?i)\bword\b|other (\w+)", "[a-z]{1,100}", r"https?://\S+"] {
            assert!(compile(pattern, "").unwrap().check_work(mebibytes).is_ok(), "{pattern}");
        }
        for pattern in ["[ab]*a[ab]{2000}c", "(a?){500}", "((a{9}){9}){9}"] {
            let pattern = compile(pattern, "").unwrap();
            assert!(pattern.check_work(1 << 10).is_ok());
            assert_eq!(pattern.check_work(mebibytes).unwrap_err().kind, ErrorKind::Resource);
        }
    }

    #[test]
    fn what_is_not_supported_is_explained() {
        let cases = [
            (
                "a(?=b)",
                "",
                "the pattern `a(?=b)` is not valid: look-around, including look-ahead and look-behind, is not \
                supported",
            ),
            (r"(a)\1", "", r"the pattern `(a)\1` is not valid: backreferences are not supported"),
            ("(", "", "the pattern `(` is not valid: unclosed group"),
            ("a", "y", "the flag `y` exists in JavaScript only; the flags here are g, i, m, s, u"),
            ("a", "x", "there is no flag `x`; the flags are g, i, m, s, u"),
            (r"(\w{1000}){1000}", "", r"the pattern `(\w{1000}){1000}` needs more than 1048576 bytes when compiled"),
        ];
        for (pattern, flags, message) in cases {
            assert_eq!(compile(pattern, flags).err().unwrap().message, message);
        }
    }
}
