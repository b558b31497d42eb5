//! The cases: what each archive is, and the refusal that it must meet. Cases 105, 106 and 107 of the sandbox's list.

use crate::zip::{Entry, Zip, list};
use miniz_oxide::deflate::compress_to_vec;

/// A name for people, the archive, and the refusal: a variant, and for names the problem behind a slash.
pub(crate) type Case = (String, Vec<u8>, String);

fn case(what: impl Into<String>, zip: &Zip, refusal: impl Into<String>) -> Case {
    (what.into(), zip.bytes(), refusal.into())
}

const FILE: u32 = 0o100_644;

/// Case 105: names that lead elsewhere or mean different things to different readers.
pub(crate) fn names() -> Vec<Case> {
    let long = "a/".repeat(600) + "a";
    let deep = "a/".repeat(40) + "a";
    let (wide, huge) = ("x".repeat(256), "x".repeat(65_000));
    let bad: Vec<(&[u8], &str)> = vec![
        (b"../evil", "Parent"),
        (b"a/../../evil", "Parent"),
        (b"a/..", "Parent"),
        (b"..", "Parent"),
        (b"bin/../../../etc/passwd", "Parent"),
        (b"/etc/passwd", "Absolute"),
        (b"//server/share", "Absolute"),
        (b"..\\evil", "Backslash"),
        (b"a\\b", "Backslash"),
        (b"\\\\server\\share", "Backslash"),
        (b"C:\\windows", "Backslash"),
        (b"C:/windows", "Drive"),
        (b"c:evil", "Drive"),
        (b"Z:", "Drive"),
        (b".", "Dot"),
        (b"./a", "Dot"),
        (b"a/./b", "Dot"),
        (b"a//b", "EmptyPart"),
        (b"", "Empty"),
        (b"a\0b", "Control"),
        (b"a\0", "Control"),
        (b"a\nb", "Control"),
        (b"a\rb", "Control"),
        (b"a\tb", "Control"),
        (b"\x1b[31mred", "Control"),
        (b"a\x7fb", "Control"),
        ("a\u{202e}gpj.exe".as_bytes(), "Control"),
        ("a\u{2066}b".as_bytes(), "Control"),
        ("a\u{2028}b".as_bytes(), "Control"),
        ("a\u{85}b".as_bytes(), "Control"),
        (b"\xff\xfe", "NotUtf8"),
        (b"caf\xe9", "NotUtf8"),
        (b"\xc0\xae\xc0\xae/evil", "NotUtf8"),
        (b"a\xed\xa0\x80", "NotUtf8"),
        ("cafe\u{301}".as_bytes(), "NotNfc"),
        ("\u{212b}ngstrom".as_bytes(), "NotNfc"),
        ("a/\u{1100}\u{1161}".as_bytes(), "NotNfc"),
        (b"con", "Reserved"),
        (b"CON", "Reserved"),
        (b"a/nul.txt", "Reserved"),
        (b"aux.c", "Reserved"),
        (b"prn", "Reserved"),
        (b"COM1", "Reserved"),
        (b"lpt9.log", "Reserved"),
        ("com\u{b9}".as_bytes(), "Reserved"),
        (b"CONIN$", "Reserved"),
        (b"a.", "Reserved"),
        (b"a ", "Reserved"),
        (b" a", "Reserved"),
        (b"a./b", "Reserved"),
        (b"a/... /b", "Reserved"),
        (b"...", "Reserved"),
        (b"META/other", "Meta"),
        (b"META", "Meta"),
        (b"meta/files.json", "Meta"),
        (b"META/FILES.JSON", "Meta"),
        (b"Meta/a/b", "Meta"),
        (long.as_bytes(), "TooLong"),
        (wide.as_bytes(), "TooLong"),
        (huge.as_bytes(), "TooLong"),
        (deep.as_bytes(), "TooDeep"),
    ];
    let name = |(name, problem): (&[u8], &str)| {
        let zip = Zip::usual().with(Entry::new(name, b"evil", FILE));
        let shown: String = String::from_utf8_lossy(name).chars().take(30).collect();
        case(format!("name {shown:?}"), &zip, format!("Name/{problem}"))
    };
    let mut cases: Vec<Case> = bad.into_iter().map(name).collect();
    for (first, second, refusal) in [
        ("a", "a", "Duplicate"),
        ("_.yaml", "_.yaml", "Duplicate"),
        ("META/files.json", "META/files.json", "Duplicate"),
        ("Readme.md", "README.MD", "Spelling"),
        ("a/b", "A/b", "Spelling"),
        ("A/x", "a/y", "Spelling"),
        ("stra\u{df}e", "STRASSE", "Spelling"),
        ("\u{c4}", "\u{e4}", "Spelling"),
        ("\u{3a3}", "\u{3c2}", "Spelling"),
        ("k", "K", "Spelling"),
        ("\u{17f}", "s", "Spelling"),
        ("\u{fb01}", "fi", "Spelling"),
        ("x", "x/y", "FileAndFolder"),
        ("X", "x/y", "FileAndFolder"),
        ("bin", "bin/z", "FileAndFolder"),
        ("bin/hello/evil", "z", "FileAndFolder"),
        ("LICENSE/evil", "z", "FileAndFolder"),
        ("license", "z", "Spelling"),
        ("_.YAML", "z", "Spelling"),
    ] {
        let zip = Zip::usual().with(Entry::new(first, b"1", FILE)).with(Entry::new(second, b"2", FILE));
        cases.push(case(format!("{first} beside {second}"), &zip, refusal));
    }
    cases
}

/// Case 105: entries that are not plain files.
pub(crate) fn kinds() -> Vec<Case> {
    let modes = [
        ("a link", 0o120_777),
        ("a folder", 0o040_755),
        ("a block device", 0o060_644),
        ("a character device", 0o020_644),
        ("a pipe", 0o010_644),
        ("a socket", 0o140_644),
        ("setuid", 0o104_755),
        ("setgid", 0o102_755),
        ("sticky", 0o101_644),
        ("no kind", 0o644),
        ("mode 0", 0o100_000),
        ("writable by all", 0o100_666),
        ("all rights", 0o100_777),
        ("executable by its owner alone", 0o100_744),
        ("every bit", 0o177_777),
    ];
    let mut cases = Vec::new();
    for (what, mode) in modes {
        for (name, data) in [("bin/hello", "#!/bin/sh\necho hello\n"), ("zz", "/etc/passwd")] {
            let mut zip = Zip::usual();
            zip.entries.retain(|entry| entry.name != name.as_bytes());
            cases.push(case(format!("{name} is {what}"), &zip.with(Entry::new(name, data.as_bytes(), mode)), "Kind"));
        }
    }
    let mut zip = Zip::usual().with(Entry::new("folder/", b"", 0o040_755));
    cases.push(case("an entry for a folder", &zip, "Kind"));
    zip = Zip::usual().with(Entry::new("folder/", b"", FILE));
    cases.push(case("a folder that says it is a file", &zip, "Kind"));
    for attribute in [0x01, 0x10, 0x20, 0xffff] {
        let mut zip = Zip::usual();
        zip.at("LICENSE").attributes |= attribute;
        cases.push(case(format!("attributes of another system {attribute:#x}"), &zip, "Kind"));
    }
    cases.push(case("a link, then a file behind it", &link_then_file(), "Kind"));
    let mut zip = Zip::usual();
    zip.at("META/files.json").attributes = 0o100_755 << 16;
    cases.push(case("the list of files is a program", &zip, "Kind"));
    cases
}

fn link_then_file() -> Zip {
    Zip::usual().with(Entry::new("x", b"/tmp", 0o120_777)).with(Entry::new("x/evil", b"evil", FILE))
}

/// Case 106: fields of the directory that have one allowed value, or are refused.
pub(crate) fn fields() -> Vec<Case> {
    let mut cases = Vec::new();
    let fixed: [(&str, usize, &[u16], &str); 8] = [
        ("maker", 4, &[0x0014, 0x0b14, 0x031e, 0], "Fixed"),
        ("version", 6, &[10, 45, 0], "Fixed"),
        ("encryption", 8, &[0x0801, 0x0840, 0x2800], "Encrypted"),
        ("descriptor", 8, &[0x0808, 0x0008], "DataDescriptor"),
        ("flags", 8, &[0, 0x0802, 0x0804, 0x8800], "Fixed"),
        ("method", 10, &[1, 9, 12, 14, 93, 95, 99, 0xffff], "Method"),
        ("time", 12, &[1, 0xffff], "Fixed"),
        ("date", 14, &[0, 0x5a21], "Fixed"),
    ];
    for name in ["LICENSE", "META/files.json"] {
        for (what, at, values, refusal) in fixed {
            for value in values {
                let mut zip = Zip::usual();
                let entry = zip.at(name);
                // Both headers agree, so that only the value can be what is refused.
                entry.central.push((at, value.to_le_bytes().to_vec()));
                if at >= 6 {
                    entry.local.push((at - 2, value.to_le_bytes().to_vec()));
                }
                cases.push(case(format!("{name}: {what} {value:#x} in both headers"), &zip, refusal));
            }
        }
        for (what, at, value) in [("disk", 34, 1u16), ("internal attributes", 36, 1)] {
            let mut zip = Zip::usual();
            zip.at(name).central.push((at, value.to_le_bytes().to_vec()));
            cases.push(case(format!("{name}: {what}"), &zip, "Fixed"));
        }
        for (what, at) in [("compressed size", 20), ("size", 24), ("offset", 42)] {
            let mut zip = Zip::usual();
            zip.at(name).central.push((at, u32::MAX.to_le_bytes().to_vec()));
            cases.push(case(format!("{name}: {what} of ZIP64"), &zip, "Zip64"));
        }
        let mut zip = Zip::usual();
        zip.at(name).central_extra = vec![1, 0, 4, 0, 0, 0, 0, 0];
        cases.push(case(format!("{name}: an extra field in the directory"), &zip, "Extra"));
        let mut zip = Zip::usual();
        zip.at(name).central_comment = b"PK\x05\x06".to_vec();
        cases.push(case(format!("{name}: a comment"), &zip, "Extra"));
        let mut zip = Zip::usual();
        zip.at(name).local_extra = vec![1, 0, 0, 0];
        cases.push(case(format!("{name}: an extra field before the data"), &zip, "Mismatch"));
    }
    cases
}

/// Case 106: the header before the data says something else than the directory.
pub(crate) fn mismatches() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["LICENSE", "META/files.json", "resources/empty"] {
        for (what, at, bytes) in [
            ("version", 4, vec![10, 0]),
            ("flags", 6, vec![8, 8]),
            ("encryption", 6, vec![1, 8]),
            ("method", 8, vec![8, 0]),
            ("time", 10, vec![1, 0]),
            ("date", 12, vec![0, 0]),
            ("checksum", 14, vec![1, 2, 3, 4]),
            ("compressed size", 18, vec![200, 0, 0, 0]),
            ("size", 22, vec![200, 0, 0, 0]),
            ("size of ZIP64", 22, vec![255; 4]),
            ("length of the name", 26, vec![1, 0]),
            ("length of the extra field", 28, vec![1, 0]),
        ] {
            let mut zip = Zip::usual();
            zip.at(name).local.push((at, bytes));
            cases.push(case(format!("{name}: another {what} before the data"), &zip, "Mismatch"));
        }
        let mut zip = Zip::usual();
        let mut other = name.as_bytes().to_vec();
        other[0] ^= 1;
        zip.at(name).local_name = Some(other);
        cases.push(case(format!("{name}: another name before the data"), &zip, "Mismatch"));
        let mut zip = Zip::usual();
        zip.at(name).local.push((0, b"PK\x01\x02".to_vec()));
        cases.push(case(format!("{name}: no header before the data"), &zip, "NoEntry"));
    }
    cases
}

/// Case 106: bytes that belong to nothing, that belong to two, and ends that are not one.
pub(crate) fn places() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |what: &str, change: &dyn Fn(&mut Zip), refusal: &str| {
        let mut zip = Zip::usual();
        change(&mut zip);
        cases.push(case(what, &zip, refusal));
    };
    let whole = Zip::usual().bytes();
    push("a prefix", &|zip| zip.prefix = b"#!/bin/sh\n".to_vec(), "Leading");
    push("a prefix of one byte", &|zip| zip.prefix = vec![0], "Leading");
    push("a whole archive as prefix", &|zip| zip.prefix = whole.clone(), "Leading");
    push("a trailing byte", &|zip| zip.suffix = vec![0], "Trailing");
    push("trailing line end", &|zip| zip.suffix = b"\r\n".to_vec(), "Trailing");
    push("64 KiB behind the end", &|zip| zip.suffix = vec![b'x'; 65_535], "Trailing");
    push("another archive behind the end", &|zip| zip.suffix = whole.clone(), "Directory");
    push(
        "a comment",
        &|zip| {
            zip.suffix = b"comment".to_vec();
            zip.end.push((20, vec![7, 0]));
        },
        "Trailing",
    );
    push(
        "a comment with an end in it",
        &|zip| {
            zip.suffix = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
            zip.end.push((20, vec![22, 0]));
        },
        "Empty",
    );
    push("a length of a comment that is not there", &|zip| zip.end.push((20, vec![7, 0])), "Directory");
    push("bytes before an entry", &|zip| zip.at("_.yaml").before = b"gap".to_vec(), "Gap");
    push("bytes before the second entry", &|zip| zip.at("META/files.json").before = vec![0], "Gap");
    push("a hidden entry", &|zip| zip.at("_.yaml").before = hidden(), "Gap");
    push("a descriptor that nobody names", &|zip| zip.at("LICENSE").after = b"PK\x07\x08\0\0\0\0".to_vec(), "Gap");
    push("bytes before the directory", &|zip| zip.before_directory = vec![0; 3], "Gap");
    push("a hidden entry before the directory", &|zip| zip.before_directory = hidden(), "Gap");
    push("bytes behind the directory", &|zip| zip.after_directory = vec![0; 3], "Directory");
    push("a signature of the directory", &|zip| zip.after_directory = b"PK\x05\x05\0\0".to_vec(), "Directory");
    push(
        "an end of ZIP64",
        &|zip| zip.after_directory = [b"PK\x06\x06".as_slice(), &[0; 52], LOCATOR].concat(),
        "Zip64",
    );
    push("a locator of ZIP64", &|zip| zip.after_directory = LOCATOR.to_vec(), "Zip64");
    push("two ends", &|zip| zip.after_directory = [b"PK\x05\x06".as_slice(), &[0; 18]].concat(), "Directory");
    push("no entries", &|zip| zip.entries.clear(), "Empty");
    for (what, at, bytes, refusal) in [
        ("another disk", 4, vec![1, 0], "Parts"),
        ("the directory on another disk", 6, vec![1, 0], "Parts"),
        ("fewer entries on this disk", 8, vec![1, 0], "Parts"),
        ("more entries than there are", 8, vec![9, 0, 9, 0], "Directory"),
        ("fewer entries than there are", 8, vec![6, 0, 6, 0], "Directory"),
        ("a count of ZIP64", 8, vec![255; 4], "Zip64"),
        ("a size of ZIP64", 12, vec![255; 4], "Zip64"),
        ("an offset of ZIP64", 16, vec![255; 4], "Zip64"),
        ("a directory without a size", 12, vec![0; 4], "Directory"),
        ("a directory at the front", 16, vec![0; 4], "Directory"),
        ("a directory behind the end", 16, vec![0, 0, 0, 64], "Directory"),
        ("no end", 0, b"PK\x05\x07".to_vec(), "NoEnd"),
    ] {
        push(what, &|zip| zip.end.push((at, bytes.clone())), refusal);
    }
    push("entries out of order", &|zip| zip.entries.reverse(), "Order");
    push("two entries exchanged", &|zip| zip.entries.swap(2, 3), "Order");
    push("data that begins where another's does", &|zip| zip.at("_.yaml").offset = Some(0), "Overlap");
    push("an offset one too low", &|zip| zip.at("META/files.json").offset = Some(47), "Overlap");
    push("an offset far away", &|zip| zip.at("_.yaml").offset = Some(0x00ff_ffff), "Gap");
    push("an offset far away, first", &|zip| zip.at("LICENSE").offset = Some(0x00ff_ffff), "Leading");
    push(
        "data longer than the archive",
        &|zip| {
            let last = zip.at("resources/empty");
            for (at, header) in [(20, &mut last.central), (18, &mut last.local)] {
                header.push((at, 10_000u32.to_le_bytes().to_vec()));
                header.push((at + 4, 10_000u32.to_le_bytes().to_vec()));
            }
        },
        "Truncated",
    );
    for cut in [1, 10, 21, 22, 23, 60, whole.len() / 2, whole.len() - 21, whole.len() - 1] {
        let refusal = if cut == 22 { "NoEnd" } else { "NoEnd|Trailing|Directory" };
        cases.push((format!("cut by {cut} bytes"), whole[..whole.len() - cut].to_vec(), refusal.to_owned()));
    }
    cases.push(("nothing".to_owned(), vec![], "NoEnd".to_owned()));
    cases.push(("an end alone".to_owned(), [b"PK\x05\x06".as_slice(), &[0; 18]].concat(), "Empty".to_owned()));
    cases.push(("zeros".to_owned(), vec![0; 4096], "NoEnd".to_owned()));
    cases.push(("a tar".to_owned(), [vec![b'a'; 257], b"ustar\0".to_vec(), vec![0; 761]].concat(), "NoEnd".to_owned()));
    cases.push(("gzip".to_owned(), [vec![0x1f, 0x8b, 8], vec![0; 100]].concat(), "NoEnd".to_owned()));
    cases
}

const LOCATOR: &[u8] = b"PK\x06\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0";

/// An entry that only a reader from the front finds.
fn hidden() -> Vec<u8> {
    let zip = Zip { entries: vec![Entry::new("hidden", b"evil", FILE)], ..Zip::default() };
    let bytes = zip.bytes();
    bytes[..30 + 6 + 4].to_vec()
}

/// Case 107: what becomes more than it says, or more than there may be.
pub(crate) fn bombs() -> Vec<Case> {
    let mut cases = Vec::new();
    let zeros = vec![0u8; 20 << 20];
    cases.push(case("20 MiB of zeros", &Zip::usual().with(Entry::new("zeros", &zeros, FILE).deflated()), "Ratio"));
    let squeezed = compress_to_vec(&zeros, 9);
    for size in [10u32, 65_536, (squeezed.len() * 200) as u32] {
        let mut entry = Entry::new("zeros", &zeros, FILE).deflated();
        (entry.data, entry.size) = (squeezed.clone(), size);
        cases.push(case(format!("zeros that say they are {size} bytes"), &Zip::usual().with(entry), "Size"));
    }
    let mut entry = Entry::new("liar", b"some bytes that are there", FILE).deflated();
    entry.size += 1;
    cases.push(case("one byte fewer than it says", &Zip::usual().with(entry.clone()), "Size"));
    entry.size -= 2;
    cases.push(case("one byte more than it says", &Zip::usual().with(entry.clone()), "Size"));
    entry.size = 0;
    cases.push(case("bytes of a file that says it is empty", &Zip::usual().with(entry), "Size|Data"));
    let mut entry = Entry::new("liar", b"stored bytes", FILE);
    entry.size = 5;
    cases.push(case("a stored file of another size", &Zip::usual().with(entry.clone()), "Size"));
    entry.size = 500_000_000;
    cases.push(case("a stored file that says it is huge", &Zip::usual().with(entry), "Size"));
    let mut entry = Entry::new("liar", b"x", FILE).deflated();
    entry.size = 0xffff_fff0;
    cases.push(case("a compressed file that says it is huge", &Zip::usual().with(entry), "TooManyBytes"));
    let mut zip = Zip::usual();
    for at in 0..300 {
        let mut entry = Entry::new(format!("many/{at:04}"), b"", FILE);
        entry.size = 2_000_000;
        entry.data = vec![0; 10_000];
        entry.method = 8;
        zip.entries.push(entry);
    }
    zip.entries.sort_by(|a, b| a.name.cmp(&b.name));
    cases.push(case("many files that say they are huge", &zip, "TooManyBytes"));
    let mut zip = Zip::usual();
    zip.entries.extend((0..21_000).map(|at| Entry::new(format!("s/{at:06}"), b"", FILE)));
    zip.entries.sort_by(|a, b| a.name.cmp(&b.name));
    cases.push(case("21,000 empty files", &zip, "TooManyEntries"));
    let mut zip = Zip::usual();
    zip.entries.extend((0..12_000).map(|at| Entry::new(format!("d/{at:06}/f"), b"", FILE)));
    zip.entries.sort_by(|a, b| a.name.cmp(&b.name));
    cases.push(case("12,000 folders with a file each", &zip, "TooManyEntries"));
    cases.extend(overlapping());
    cases.extend(broken_data());
    cases
}

/// One compressed kernel that many entries share, as in the densest bombs without nesting.
fn overlapping() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in [2usize, 250] {
        let kernel = Entry::new("k/0000", &vec![0u8; 60_000], FILE).deflated();
        let mut zip = Zip::usual();
        let before: usize = zip
            .entries
            .iter()
            .filter(|entry| entry.name < kernel.name)
            .map(|entry| 30 + entry.name.len() + entry.data.len())
            .sum();
        for at in 0..count {
            let mut entry = kernel.clone();
            entry.name = format!("k/{at:04}").into_bytes();
            if at > 0 {
                (entry.central_only, entry.offset) = (true, Some(before as u32));
            }
            zip = zip.with(entry);
        }
        cases.push(case(format!("{count} entries share one kernel"), &zip, "Overlap"));
    }
    // Each entry's data is the next one's header and data.
    let inner = Zip { entries: vec![Entry::new("q/b", b"bytes", FILE)], ..Zip::default() }.bytes();
    let mut outer = Entry::new("q/a", &inner[..30 + 3 + 5], FILE);
    outer.after = vec![];
    let mut quoted = Entry::new("q/b", b"bytes", FILE);
    quoted.central_only = true;
    let zip = Zip::usual().with(outer);
    let before: usize = zip
        .entries
        .iter()
        .filter(|entry| entry.name < b"q/a".to_vec())
        .map(|entry| 30 + entry.name.len() + entry.data.len())
        .sum();
    quoted.offset = Some((before + 30 + 3) as u32);
    cases.push(case("an entry within another's data", &zip.with(quoted), "Overlap"));
    cases
}

/// Data that is not what its header says it is.
fn broken_data() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |what: &str, change: &dyn Fn(&mut Entry), refusal: &str| {
        let mut entry = Entry::new("data", b"some data, some data, some data", FILE).deflated();
        change(&mut entry);
        cases.push(case(what, &Zip::usual().with(entry), refusal));
    };
    push("another checksum", &|entry| entry.checksum ^= 1, "Checksum");
    push("no checksum", &|entry| entry.checksum = 0, "Checksum");
    push("not deflate", &|entry| entry.data = vec![0xff; 40], "Data");
    push("no data", &|entry| entry.data.clear(), "Data");
    push("data that ends early", &|entry| entry.data.truncate(entry.data.len() - 1), "Data|Size");
    push("bytes behind the data's end", &|entry| entry.data.extend(b"evil"), "Data");
    push("a second stream behind the first", &|entry| entry.data.extend(compress_to_vec(b"evil", 6)), "Data");
    push(
        "zlib instead of deflate",
        &|entry| entry.data = [vec![0x78, 0x9c], entry.data.clone()].concat(),
        "Data|Size|Checksum",
    );
    push("a distance before the beginning", &|entry| entry.data = vec![0x03, 0x02, 0x00, 0x00], "Data|Size|Checksum");
    push("a stored block that says another length", &|entry| entry.data = vec![1, 5, 0, 0, 0, 1, 2, 3, 4, 5], "Data");
    let mut zip = Zip::usual();
    zip.at("LICENSE").checksum ^= 0x8000_0000;
    cases.push(case("another checksum of a stored file", &zip, "Checksum"));
    let mut zip = Zip::usual();
    zip.at("_.yaml").data[3] ^= 1;
    cases.push(case("a byte of a stored file changed", &zip, "Checksum"));
    cases
}

/// The list of files and the manifest.
pub(crate) fn contents() -> Vec<Case> {
    let files: Vec<(&str, &[u8], bool)> = crate::common::FILES
        .iter()
        .map(|(path, content, executable)| (*path, content.as_bytes(), *executable))
        .collect();
    let right = list(&files);
    let mut cases = Vec::new();
    let digest = akao_contract::Digest::of(b"Apache-2.0\n").hex();
    let other = akao_contract::Digest::of(b"other").hex();
    let first = format!(r#"{{"path":"LICENSE","bytes":11,"sha256":"{digest}","mode":"0644"}},"#);
    assert!(right.contains(&first), "{right}");
    let texts: Vec<(&str, String, &str)> = vec![
        ("an empty list", String::new(), "FilesList"),
        ("not JSON", "files".into(), "FilesList"),
        ("not UTF-8", "\u{fffd}".into(), "FilesList"),
        ("a list without files", "{\"akao_files\":1}".into(), "FilesList"),
        ("a list of nothing", "{\"akao_files\":1,\"files\":[]}".into(), "Unlisted"),
        ("a later format", right.replace("\"akao_files\":1", "\"akao_files\":2"), "FilesVersion"),
        ("an unknown key", right.replacen("\"path\"", "\"x\":1,\"path\"", 1), "FilesList"),
        ("an unknown key outside", right.replacen("\"files\"", "\"x\":1,\"files\"", 1), "FilesList"),
        ("a key twice", right.replacen("\"bytes\":11", "\"bytes\":11,\"bytes\":11", 1), "FilesList"),
        ("a file that is not listed", right.replacen(&first, "", 1), "Unlisted"),
        ("a file listed twice", right.replacen(&first, &first.repeat(2), 1), "FilesList"),
        (
            "a file that is not there",
            right.replacen(&first, &(first.clone() + &first.replace("LICENSE", "NOTICE")), 1),
            "Missing",
        ),
        (
            "the list itself",
            right.replacen(&first, &(first.clone() + &first.replace("LICENSE", "META/files.json")), 1),
            "FilesList",
        ),
        ("another name", right.replacen("LICENSE", "LICENCE", 1), "Unlisted"),
        ("another size", right.replacen("\"bytes\":11", "\"bytes\":12", 1), "Listed"),
        ("a size below zero", right.replacen("\"bytes\":11", "\"bytes\":-11", 1), "FilesList"),
        ("a size with a fraction", right.replacen("\"bytes\":11", "\"bytes\":11.0", 1), "FilesList"),
        ("another digest", right.replacen(&digest, &other, 1), "Listed"),
        ("a digest in capitals", right.replacen(&digest, &digest.to_uppercase(), 1), "Listed"),
        ("no digest", right.replacen(&digest, "", 1), "Listed"),
        ("another mode", right.replacen("\"0644\"", "\"0755\"", 1), "Listed"),
        ("setuid in the list", right.replacen("\"0755\"", "\"4755\"", 1), "Listed"),
        ("spaces", right.replacen("{\"path\"", "{ \"path\"", 1), "FilesList"),
        ("no line end", right.trim_end().to_owned(), "FilesList"),
        (
            "an order of its own",
            right.replacen(&first, "", 1).replacen("]}", &(",".to_owned() + first.trim_end_matches(',') + "]}"), 1),
            "FilesList",
        ),
        ("deep nesting", "[".repeat(100_000), "FilesList"),
    ];
    for (what, text, refusal) in texts {
        let mut zip = Zip::usual();
        *zip.at("META/files.json") = Entry::new("META/files.json", text.as_bytes(), FILE);
        cases.push(case(format!("list: {what}"), &zip, refusal));
    }
    let mut zip = Zip::usual();
    zip.entries.retain(|entry| entry.name != b"META/files.json");
    cases.push(case("no list of files", &zip, "NoFilesList"));
    cases.push(case("a file beside the list", &Zip::usual().with(Entry::new("extra", b"evil", FILE)), "Unlisted"));
    let mut zip = Zip::usual();
    zip.at("bin/hello").attributes = FILE << 16;
    cases.push(case("a program that is no longer one", &zip, "Listed"));
    let mut zip = Zip::usual();
    let changed = Entry::new("LICENSE", b"GPL-3.0-or-later\n", FILE);
    *zip.at("LICENSE") = changed;
    cases.push(case("another content with a right checksum", &zip, "Listed"));
    cases.extend(manifests());
    cases
}

fn manifests() -> Vec<Case> {
    let with = |manifest: &[u8], program: bool| {
        Zip::of(&[("_.yaml", manifest, false), ("bin/hello", b"#!/bin/sh\n", program)])
    };
    let usual = crate::common::MANIFEST;
    let swap = |from: &str, to: &str| usual.replacen(from, to, 1).into_bytes();
    let lol = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let mut cases: Vec<Case> = [
        ("an empty manifest", Vec::new()),
        ("a manifest that is not text", vec![0xff, 0xfe, 0]),
        ("another format", swap("manifest: 1", "manifest: 2")),
        ("an id of two parts", swap("com.example.hello", "example.hello")),
        ("an unknown key", swap("name:", "nmae:")),
        ("a key twice", swap("name: Hello", "name: Hello\nname: Hello")),
        ("a command outside", swap("bin/hello", "../hello")),
        ("an absolute command", swap("bin/hello", "/bin/sh")),
        ("a billion laughs", lol.as_bytes().to_vec()),
        ("deep nesting", "[".repeat(10_000).into_bytes()),
        ("a tag", swap("name: Hello", "name: !!python/object:os.system Hello")),
        ("a merge key", swap("name: Hello", "<<: { name: Hello }")),
        ("more than 1 MiB", format!("{usual}# {}\n", "x".repeat(1 << 20)).into_bytes()),
    ]
    .into_iter()
    .map(|(what, manifest)| case(format!("manifest: {what}"), &with(&manifest, true), "Manifest"))
    .collect();
    cases.push(case("no manifest", &Zip::of(&[("bin/hello", b"x", true)]), "NoManifest"));
    cases.push(case("no command", &with(&swap("bin/hello", "bin/other"), true), "Command"));
    cases.push(case("a command that is not executable", &with(usual.as_bytes(), false), "Command"));
    cases
}
