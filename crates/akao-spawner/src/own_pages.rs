//! The pages of a process's own program that it does not use now.

use crate::sys;
use std::{fs, io};

/// Lets go of the pages of this process's program that it has mapped and never written. The system keeps them as long as it
/// has room for them, and maps them again where they are used; a program that has begun needs few of those it began with.
/// Returns how many bytes were mapped.
///
/// # Errors
/// The system does not say what is mapped, or refuses.
pub fn let_go() -> io::Result<u64> {
    let program = fs::read_link("/proc/self/exe")?;
    let mapped = fs::read_to_string("/proc/self/smaps")?;
    let mut bytes = 0;
    for range in program.to_str().map(|path| unwritten(&mapped, path)).unwrap_or_default() {
        sys::let_go_of_program(range.start, range.bytes)?;
        bytes += range.resident_bytes;
    }
    Ok(bytes)
}

/// A mapping of the program in which no page is a copy of this process's own.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    start: usize,
    bytes: usize,
    resident_bytes: u64,
    has_no_copies: bool,
}

/// The mappings of `path` without writing that have pages, none of them a copy. What stands in `mapped` is the system's own text;
/// what cannot be read in it is passed over.
fn unwritten(mapped: &str, path: &str) -> Vec<Range> {
    let mut found = Vec::new();
    let mut current = None;
    for line in mapped.lines() {
        if let Some(range) = program_range(line, path) {
            current = range;
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let kilobytes = value.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        match (name, &mut current, kilobytes) {
            ("Rss", Some(range), Some(kilobytes)) => range.resident_bytes = kilobytes * 1024,
            ("Anonymous", Some(range), Some(0)) => range.has_no_copies = true,
            // A copy may also be in swap. This line comes after the others.
            ("Swap", range, Some(0)) => {
                found.extend(range.take().filter(|range| range.has_no_copies && range.resident_bytes > 0));
            }
            _ => {}
        }
    }
    found
}

/// The line that begins a mapping: its range where it is one of the program's that are not written. None for any other line.
fn program_range(line: &str, path: &str) -> Option<Option<Range>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let mut fields = rest.splitn(5, ' ');
    let rights = fields.next()?;
    let named = fields.nth(3).unwrap_or_default().trim_start() == path;
    let is_ours = named && matches!(rights, "r-xp" | "r--p");
    Some(is_ours.then(|| Range { start, bytes: end.saturating_sub(start), resident_bytes: 0, has_no_copies: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPED: &str = "\
555555554000-555555600000 r--p 00000000 fe:00 77                         /usr/bin/a program
Size:                688 kB
Rss:                  64 kB
Anonymous:             0 kB
Swap:                  0 kB
555555600000-555555900000 r-xp 000ac000 fe:00 77                         /usr/bin/a program
Rss:                3072 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
555555900000-555555910000 r--p 003ac000 fe:00 77                         /usr/bin/a program
Rss:                  64 kB
Anonymous:            64 kB
555555910000-555555920000 rw-p 003bc000 fe:00 77                         /usr/bin/a program
Rss:                  64 kB
Anonymous:             0 kB
Swap:                  0 kB
555555920000-555555930000 r--p 003cc000 fe:00 77                         /usr/bin/a program
Rss:                   0 kB
Anonymous:             0 kB
Swap:                  0 kB
555555930000-555555940000 r--p 003dc000 fe:00 77                         /usr/bin/a program
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  8 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 78                         /usr/lib/libc.so.6
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
7f0000002000-7f0000003000 rw-p 00000000 00:00 0
Rss:                   4 kB
Anonymous:             4 kB
";

    #[test]
    fn only_unwritten_mappings_of_the_program_are_let_go_of() {
        let found = unwritten(MAPPED, "/usr/bin/a program");
        let expected = [
            Range { start: 0x5555_5555_4000, bytes: 0xac000, resident_bytes: 64 << 10, has_no_copies: true },
            Range { start: 0x5555_5560_0000, bytes: 0x30_0000, resident_bytes: 3 << 20, has_no_copies: true },
        ];
        assert_eq!(found, expected);
        assert_eq!(unwritten(MAPPED, "/usr/bin/another"), []);
        assert_eq!(unwritten("nothing of the kind\nRss: x kB\nAnonymous:", "/usr/bin/a program"), []);
    }

    #[test]
    fn what_was_let_go_of_is_there_again_when_it_is_used() {
        static TABLE: [u64; 4096] = {
            let mut table = [0; 4096];
            let mut at = 0;
            while at < table.len() {
                table[at] = at as u64 * 3;
                at += 1;
            }
            table
        };
        let sum = || std::hint::black_box(&TABLE).iter().sum::<u64>();
        let before = sum();
        // Those of files alone: what other tests allocate meanwhile does not count.
        let resident = || {
            let text = fs::read_to_string("/proc/self/statm").unwrap();
            text.split(' ').nth(2).unwrap().parse::<u64>().unwrap() * 4096
        };
        let had = resident();
        let bytes = let_go().unwrap();
        assert!(bytes > 100_000 && resident() < had, "{bytes} of {had}, {} left", resident());
        assert_eq!(sum(), before);
    }
}
