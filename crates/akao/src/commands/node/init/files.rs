//! The files of new nodes, as the build script found them: templates with names to fill in, and SDKs as they are.

use std::{borrow::Cow, cmp::Reverse};

/// A file of a new node.
#[derive(Debug)]
pub(super) struct NodeFile {
    language: &'static str,
    /// Its path in the node's folder.
    pub(super) path: &'static str,
    bytes: &'static [u8],
    /// Whether names are filled in.
    is_template: bool,
}

/// Every file of every language.
const FILES: &[NodeFile] = include!(concat!(env!("OUT_DIR"), "/node_files.rs"));

/// The files of a language.
pub(super) fn files_of(language: &str) -> impl Iterator<Item = &'static NodeFile> {
    FILES.iter().filter(move |file| file.language == language)
}

/// What templates call the node, and what it is called. Templates are whole nodes under names of their own, so that an
/// editor or a compiler takes them as they are.
#[derive(Debug)]
pub(super) struct Names(Vec<(&'static str, String)>);

impl Names {
    pub(super) fn new(name: &str, id: &str) -> Self {
        let words = name.replace(['-', '_'], " ");
        let title =
            words.get(..1).map(str::to_ascii_uppercase).unwrap_or_default() + words.get(1..).unwrap_or_default();
        Self(vec![
            ("com.example.my-node", id.to_owned()),
            // Names of Rust packages have no dots.
            ("com-example-my-node", id.replace('.', "-")),
            ("my-node", name.to_owned()),
            ("My node", title),
        ])
    }

    /// The text with the names in it. What was filled in is not looked at again.
    fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        let next = |rest: &str| {
            let found = self.0.iter().filter_map(|(from, to)| Some((rest.find(from)?, from.len(), to)));
            found.min_by_key(|(at, length, _)| (*at, Reverse(*length)))
        };
        while let Some((at, length, to)) = next(rest) {
            filled.push_str(&rest[..at]);
            filled.push_str(to);
            rest = &rest[at + length..];
        }
        filled + rest
    }
}

impl NodeFile {
    /// The content with names filled in.
    pub(super) fn filled(&self, names: &Names) -> Cow<'static, [u8]> {
        match std::str::from_utf8(self.bytes) {
            Ok(text) if self.is_template => names.fill(text).into_bytes().into(),
            _ => self.bytes.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Language, *};
    use clap::ValueEnum;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_filled_in_once() {
        let names = Names::new("my-node-2", "org.acme.my-node");
        let text = "com.example.my-node com-example-my-node my-node \"My node\" my-nod";
        assert_eq!(names.fill(text), "org.acme.my-node org-acme-my-node my-node-2 \"My node 2\" my-nod");
    }

    #[test]
    fn every_language_has_a_whole_node_and_the_sdk_without_tests_and_caches() {
        let sdk: [(&str, &[&str]); 6] = [
            ("python", &["main.py", "akao/__init__.py", "akao/_session.py", "akao/testing.py"]),
            (
                "typescript",
                &["main.ts", "main.js", "build.sh", "akao/package.json", "akao/serve.js", "akao/index.d.ts"],
            ),
            ("javascript", &["main.mjs", "akao/package.json", "akao/testing.js"]),
            ("go", &["main.go", "go.mod", "build.sh", "akao/go.mod", "akao/wire.go", "akao/akaotest/host.go"]),
            ("rust", &["src/main.rs", "Cargo.toml", "Cargo.lock", "akao/Cargo.toml", "akao/src/lib.rs", "build.sh"]),
            ("shell", &["main.sh", "akao.sh", "session.sh", "dispatch.jq", "testing.sh"]),
        ];
        for (language, named) in sdk {
            let paths: Vec<&str> = files_of(language).map(|file| file.path).collect();
            let missing: Vec<_> = ["_.yaml", "README.md", "tests/cases.yaml"].iter().chain(named).collect();
            let missing: Vec<_> = missing.into_iter().filter(|name| !paths.contains(name)).collect();
            assert!(missing.is_empty(), "{language}: {missing:?} of {paths:?}");
            assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len(), "{language}: {paths:?}");
            let strange: Vec<_> =
                paths.iter().filter(|path| path.contains("cache") || path.contains("_test")).collect();
            assert!(strange.is_empty(), "{strange:?}");
        }
        let languages: BTreeSet<&str> = FILES.iter().map(|file| file.language).collect();
        assert_eq!(languages, Language::value_variants().iter().map(|language| language.name()).collect());
    }

    #[test]
    fn nothing_of_a_template_keeps_its_own_name() {
        let names = Names::new("greeter", "org.acme.greeter");
        for file in FILES.iter().filter(|file| file.is_template) {
            let text = String::from_utf8(file.filled(&names).into_owned()).expect("templates are text");
            let kept = ["my-node", "My node", "com.example"].into_iter().find(|own| text.contains(own));
            assert_eq!(kept, None, "{}", file.path);
        }
    }
}
