//! Index maps of version 3: from a line and column of a bundle to those of a file. Lines and columns are counted from 0.

use akao_node::Value;

/// One file's part of a bundle.
struct Section {
    line: u32,
    sources: Vec<String>,
    /// By line of the section: column, source, line and column there, in the order of columns.
    lines: Vec<Vec<(u32, usize, u32, u32)>>,
}

/// See the module.
pub(crate) struct SourceMap(Vec<Section>);

impl SourceMap {
    /// Reads a map; none where the text is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let map: Value = serde_json::from_str(text).ok()?;
        let section = |section: &Value| {
            let line = u32::try_from(section["offset"]["line"].as_u64()?).ok()?;
            let map = &section["map"];
            let sources =
                map["sources"].as_array()?.iter().map(|source| source.as_str().unwrap_or_default().to_owned());
            Some(Section { line, sources: sources.collect(), lines: decode(map["mappings"].as_str()?)? })
        };
        map["sections"].as_array()?.iter().map(section).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The file, line and column of which a place was made: the nearest one before it on the line.
    pub(crate) fn find(&self, line: u32, column: u32) -> Option<(&str, u32, u32)> {
        let section = self.0.iter().take_while(|section| section.line <= line).last()?;
        let segments = section.lines.get((line - section.line) as usize)?;
        let before = segments.iter().take_while(|segment| segment.0 <= column).last();
        let &(_, source, line, column) = before.or_else(|| segments.first())?;
        Some((section.sources.get(source)?, line, column))
    }
}

/// Reads the mappings of one map.
fn decode(mappings: &str) -> Option<Vec<Vec<(u32, usize, u32, u32)>>> {
    let (mut source, mut line, mut column) = (0_i64, 0_i64, 0_i64);
    let mut lines = Vec::new();
    for text in mappings.split(';') {
        let mut segments = Vec::new();
        let mut generated = 0_i64;
        for segment in text.split(',').filter(|segment| !segment.is_empty()) {
            let mut numbers = Numbers(segment.as_bytes());
            generated += numbers.next()?;
            let Some(more) = numbers.next() else { continue };
            source += more;
            line += numbers.next()?;
            column += numbers.next()?;
            let small = |number: i64| u32::try_from(number).ok();
            segments.push((small(generated)?, usize::try_from(source).ok()?, small(line)?, small(column)?));
        }
        lines.push(segments);
    }
    Some(lines)
}

/// Numbers in base 64 of variable length, the sign in the lowest bit.
struct Numbers<'a>(&'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (mut value, mut shift) = (0_i64, 0_u32);
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            let digit = i64::try_from(DIGITS.iter().position(|digit| digit == first)?).ok()?;
            value |= (digit & 31).checked_shl(shift)?;
            shift += 5;
            if digit & 32 == 0 {
                return Some(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            }
            // No file has as many lines as that.
            if shift > 40 {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Numbers, SourceMap};

    #[test]
    fn numbers_and_places_are_read() {
        assert_eq!(Numbers(b"AAgBDxjB").collect::<Vec<_>>(), [0, 0, 16, -1, -568]);
        assert_eq!(Numbers(b"!").next(), None);
        let map = r#"{"version":3,"sections":[{"offset":{"line":2,"column":0},"map":{"sources":["a.ts"],"mappings":"AACA,IAAE;;AAEF"}}]}"#;
        let map = SourceMap::read(map).unwrap();
        assert_eq!(map.find(2, 0), Some(("a.ts", 1, 0)));
        assert_eq!(map.find(2, 9), Some(("a.ts", 1, 2)));
        assert_eq!(map.find(4, 1), Some(("a.ts", 3, 0)));
        assert_eq!((map.find(1, 0), map.find(3, 0), map.find(9, 0)), (None, None, None));
        assert!(SourceMap::read("{}").is_none());
    }
}
