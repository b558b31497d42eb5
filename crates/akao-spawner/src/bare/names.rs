//! Where the names of an order are really: without mounts nothing can be shown elsewhere than where it is.

use crate::wire::{Command, Order};

/// Names inside and the real ones, the longest first.
pub(crate) struct Names(Vec<(Vec<u8>, Vec<u8>)>);

impl Names {
    pub(crate) fn new(mut names: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        names.sort_by_key(|(inside, _)| std::cmp::Reverse(inside.len()));
        Self(names)
    }

    /// The order with real names: of its command, its working folder, and each argument and variable that is such a name, or
    /// has one behind its first `=`; in variables also between colons.
    pub(crate) fn applied(&self, order: &Order) -> Order {
        let command = match &order.command {
            Command::Path(path) => Command::Path(self.real(path)),
            Command::Descriptor => Command::Descriptor,
        };
        Order {
            command,
            arguments: order.arguments.iter().map(|argument| self.after_sign(argument, Self::real)).collect(),
            environment: order.environment.iter().map(|variable| self.after_sign(variable, Self::list)).collect(),
            working_folder: self.real(&order.working_folder),
            ..order.clone()
        }
    }

    /// What `name` is really; itself when it is none of these.
    pub(crate) fn real(&self, name: &[u8]) -> Vec<u8> {
        for (inside, real) in &self.0 {
            match name.strip_prefix(inside.as_slice()) {
                Some(rest) if rest.is_empty() || rest.starts_with(b"/") => return [real, rest].concat(),
                _ => {}
            }
        }
        name.to_vec()
    }

    fn list(&self, text: &[u8]) -> Vec<u8> {
        let parts: Vec<Vec<u8>> = text.split(|byte| *byte == b':').map(|part| self.real(part)).collect();
        parts.join(&b':')
    }

    fn after_sign(&self, text: &[u8], real: impl Fn(&Self, &[u8]) -> Vec<u8>) -> Vec<u8> {
        match text.iter().position(|byte| *byte == b'=') {
            Some(at) if !text.starts_with(b"/") => [&text[..=at], &real(self, &text[at + 1..])].concat(),
            _ => self.real(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_whole_and_the_longest_first() {
        let pair = |inside: &str, real: &str| (inside.as_bytes().to_vec(), real.as_bytes().to_vec());
        let names = Names::new(vec![pair("/tmp", "/t/1"), pair("/volumes/a", "/srv/a"), pair("/volumes/a/b", "/x")]);
        for (name, expected) in [
            ("/tmp", "/t/1"),
            ("/tmp/file", "/t/1/file"),
            ("/tmpfile", "/tmpfile"),
            ("/volumes/a/c", "/srv/a/c"),
            ("/volumes/a/b/c", "/x/c"),
            ("/usr/bin/env", "/usr/bin/env"),
            ("relative/tmp", "relative/tmp"),
        ] {
            assert_eq!(names.real(name.as_bytes()), expected.as_bytes(), "{name}");
        }
        let list = |text: &str| String::from_utf8(names.after_sign(text.as_bytes(), Names::list)).unwrap();
        assert_eq!(list("PATH=/usr/bin:/tmp/bin:/tmp"), "PATH=/usr/bin:/t/1/bin:/t/1");
        let argument = |text: &str| String::from_utf8(names.after_sign(text.as_bytes(), Names::real)).unwrap();
        assert_eq!(argument("--cache=/tmp/c"), "--cache=/t/1/c");
        assert_eq!(argument("/tmp/a=b"), "/t/1/a=b");
    }
}
