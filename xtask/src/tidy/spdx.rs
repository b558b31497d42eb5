//! Licence expressions (SPDX), as far as packages use them: names, `WITH`, `AND`, `OR`, parentheses and the old slash.

/// Whether the expression can be satisfied by licences that `allowed` accepts; nothing when it cannot be read.
pub(super) fn is_satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed, depth: 0 };
    let verdict = reader.alternatives()?;
    reader.words.is_empty().then_some(verdict)
}

/// How deep parentheses may stand in each other; real expressions have one level.
const DEPTH_MAX: usize = 16;

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn alternatives(&mut self) -> Option<bool> {
        let mut verdict = self.all()?;
        while self.take("OR") {
            verdict |= self.all()?;
        }
        Some(verdict)
    }

    fn all(&mut self) -> Option<bool> {
        let mut verdict = self.one()?;
        while self.take("AND") {
            verdict &= self.one()?;
        }
        Some(verdict)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            self.depth += 1;
            let verdict = if self.depth <= DEPTH_MAX { self.alternatives()? } else { return None };
            self.depth -= 1;
            return self.take(")").then_some(verdict);
        }
        let name = self.next().filter(|word| !["OR", "AND", "WITH", ")"].contains(word))?;
        if self.take("WITH") {
            let exception = self.next()?;
            return Some((self.allowed)(&format!("{name} WITH {exception}")));
        }
        Some((self.allowed)(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged_by_what_is_allowed() {
        let allowed = |name: &str| ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"].contains(&name);
        let cases = [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("Unlicense OR MIT", Some(true)),
            ("MIT/GPL-2.0", Some(true)),
            ("MIT AND GPL-2.0", Some(false)),
            ("ISC AND (MIT OR GPL-2.0)", Some(true)),
            ("GPL-2.0 OR ISC AND Zlib", Some(false)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("MIT WITH LLVM-exception", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT ISC", None),
        ];
        for (expression, expected) in cases {
            assert_eq!(is_satisfied(expression, &allowed), expected, "{expression}");
        }
        assert_eq!(is_satisfied(&"(".repeat(100_000), &allowed), None);
    }
}
