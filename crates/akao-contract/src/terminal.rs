//! What text from elsewhere may not do to a screen.

/// Whether a character steers a terminal, changes the order in which text is read, or hides text: control characters, line ends
/// of Unicode, marks of direction, annotations, tags, and what is not a character. Tabs and line ends are control characters too;
/// who lets them through says so.
pub fn steers_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_told_from_text() {
        for c in [
            '\n',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{61c}',
            '\u{200f}',
            '\u{2029}',
            '\u{202e}',
            '\u{2067}',
            '\u{206a}',
            '\u{fffa}',
            '\u{ffff}',
            '\u{e0001}',
            '\u{e0041}',
        ] {
            assert!(steers_terminal(c), "{c:?}");
        }
        for c in [' ', 'a', 'ü', '日', '\u{200d}', '\u{a0}', '\u{fffd}', '😀'] {
            assert!(!steers_terminal(c), "{c:?}");
        }
    }
}
