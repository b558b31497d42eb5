//! Where something stands in a document, as a chain on the stack: nothing is allocated until a problem is written down.

use std::fmt;

/// A path such as `root.children[1].props.url`.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing: the document.
    Document,
    /// The value under a key.
    Key(&'a str),
    /// An item of a list, counted from 0.
    Index(usize),
}

impl<'a> Path<'a> {
    /// The whole document.
    pub const DOCUMENT: Path<'static> = Path { parent: None, step: Step::Document };

    /// The path of the value under a key of this one.
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    /// The path of an item of this one, counted from 0.
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// The key that the path ends with.
    pub fn last_key(&self) -> Option<&'a str> {
        match self.step {
            Step::Key(key) => Some(key),
            _ => None,
        }
    }

    /// The steps from the document down.
    pub fn steps(&self) -> Vec<Step<'a>> {
        let (mut steps, mut at) = (Vec::new(), Some(self));
        while let Some(path) = at {
            if path.step != Step::Document {
                steps.push(path.step);
            }
            at = path.parent;
        }
        steps.reverse();
        steps
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_steps(f, &self.steps())
    }
}

/// Writes `root.children[1].props["x-y.z"]`.
fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[Step<'_>]) -> fmt::Result {
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Document => {}
            Step::Index(index) => write!(f, "[{index}]")?,
            Step::Key(key) if is_bare(key) && at == 0 => f.write_str(key)?,
            Step::Key(key) if is_bare(key) => write!(f, ".{key}")?,
            Step::Key(key) => write!(f, "[{}]", serde_json::Value::from(*key))?,
        }
    }
    Ok(())
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '[', ']', '"'])
}

/// Reads what [`Path`] prints; none when the text is not a path.
pub fn parse(text: &str) -> Option<Vec<OwnedStep>> {
    let (mut steps, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let mut stream = serde_json::Deserializer::from_str(&rest[1..]).into_iter::<String>();
            let key = stream.next()?.ok()?;
            rest = quoted.get(stream.byte_offset() - 1..)?.strip_prefix(']')?;
            steps.push(OwnedStep::Key(key));
        } else if let Some(indexed) = rest.strip_prefix('[') {
            let (index, after) = indexed.split_once(']')?;
            steps.push(OwnedStep::Index(index.parse().ok()?));
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            steps.push(OwnedStep::Key(name.get(..end).filter(|name| !name.is_empty())?.to_owned()));
            rest = &name[end..];
        }
    }
    Some(steps)
}

/// A step that owns its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedStep {
    /// The value under a key.
    Key(String),
    /// An item of a list, counted from 0.
    Index(usize),
}

impl OwnedStep {
    /// The step, borrowed.
    pub fn as_step(&self) -> Step<'_> {
        match self {
            Self::Key(key) => Step::Key(key),
            Self::Index(index) => Step::Index(*index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_they_are_read() {
        for text in ["", "root", "root.children[1].props.url", "root.props[\"a.b\"].c", "a[\"x\\\"]y\"][0]", "[2].a"] {
            let steps = parse(text).unwrap_or_else(|| panic!("{text} is not a path"));
            let borrowed: Vec<Step<'_>> = steps.iter().map(OwnedStep::as_step).collect();
            struct Shown<'a>(&'a [Step<'a>]);
            impl fmt::Display for Shown<'_> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write_steps(f, self.0)
                }
            }
            assert_eq!(Shown(&borrowed).to_string(), text.strip_prefix("[2]").map_or(text, |_| text));
        }
        for text in ["a[", "a[x]", "a..b", "a[\"x]"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
