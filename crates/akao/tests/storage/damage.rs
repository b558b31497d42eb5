//! A flipped bit is found, named, and hits one execution only.

use crate::{Ground, Random};
use std::{fs, path::Path};

/// Flips one bit of the only place in the journal that holds `text`.
fn flip(ground: &Ground, text: &str) {
    let file = ground.place.data().join("journal.db");
    let mut bytes = fs::read(&file).expect("the journal");
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(text.as_bytes())).collect();
    assert_eq!(places.len(), 1, "{text} is at {places:?}");
    bytes[places[0] + 2] ^= 1;
    fs::write(&file, bytes).expect("the journal");
}

#[test]
fn a_flipped_bit_quarantines_its_execution_and_no_other() {
    let ground = Ground::new();
    let ids: Vec<String> = (0..6).map(|n| ground.waits(&format!("{{\"note\":\"needle{n}\"}}"))).collect();
    for id in &ids {
        ground.wait_for(id, "waiting");
    }
    ground.stop();
    flip(&ground, "needle3");

    let journal = ground.place.data().join("journal.db");
    let damaged = format!("{} is damaged, table frame, row ", journal.display());
    let blamed = format!("execution {}: the checksum does not match", ids[3]);

    let report = ground.ask(&["doctor"]);
    assert_eq!((report.code, &report.document["sound"]), (4, &false.into()), "{}", report.document);
    let damages = report.document["damages"].as_array().expect("damages");
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert!(
        damages[0].as_str().is_some_and(|told| told.starts_with(&damaged) && told.ends_with(&blamed)),
        "{damages:?}"
    );

    let (code, kind, message, hint) = ground.refused(&["executions", "signal", &ids[3], "go"]);
    assert_eq!((code, kind.as_str()), (4, "quarantined"), "{message}");
    assert!(message.contains(&damaged) && message.ends_with(&blamed), "{message}");
    assert!(hint.contains(&format!("akao executions show {}", ids[3])), "{hint}");

    for id in ids.iter().filter(|id| **id != ids[3]) {
        ground.signal(id);
        ground.wait_for(id, "success");
    }
    let listed = ground.done(&["executions", "list", "--status", "quarantined"]);
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1), "{listed}");
    assert!(listed["executions"][0]["waiting"].as_str().is_some_and(|why| why.contains(&damaged)), "{listed}");
    // It is quarantined for good: the next owner says the same.
    ground.stop();
    let (code, kind, message, _) = ground.refused(&["executions", "signal", &ids[3], "go"]);
    assert_eq!((code, kind.as_str()), (4, "quarantined"), "{message}");
    assert!(message.contains(&damaged), "{message}");
}

#[test]
fn a_flipped_bit_in_the_log_stops_the_start_and_changes_nothing() {
    let ground = Ground::new();
    let ids: Vec<String> = (0..4).map(|n| ground.waits(&format!("{{\"note\":\"needle{n}\"}}"))).collect();
    // Killed: what was acknowledged is in the log alone.
    ground.place.end_owner(rustix::process::Signal::KILL).expect("it is gone");
    let log = ground.place.data().join("journal.db-wal");
    let sound = fs::read(&log).expect("the log");
    let mut bytes = sound.clone();
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"needle1")).expect("it is in the log");
    bytes[at + 2] ^= 1;
    fs::write(&log, &bytes).expect("the log");

    let (code, kind, message, hint) = ground.refused(&["run", "hello.yaml"]);
    assert_eq!((code, kind.as_str()), (4, "damaged"), "{message}");
    assert!(message.starts_with(&format!("{} is damaged: frame ", log.display())), "{message}");
    assert!(message.ends_with("is broken and acknowledged commits follow it"), "{message}");
    assert!(hint.contains("Keep a copy") && hint.contains("docs/journal.md"), "{hint}");
    // The same for a command that needs an owner in the background.
    let (code, kind, message, _) = ground.refused(&["executions", "signal", &ids[0], "go"]);
    assert_eq!((code, kind.as_str()), (4, "damaged"), "{message}");
    assert!(message.contains("is broken and acknowledged commits follow it"), "{message}");
    assert_eq!(fs::read(&log).expect("the log"), bytes, "nothing was changed");

    fs::write(&log, sound).expect("the log");
    for id in &ids {
        ground.signal(id);
        ground.wait_for(id, "success");
    }
}

/// Flips a bit of the only blob in the data directory.
fn flip_blob(ground: &Ground) {
    let mut places = vec![ground.place.data().join("blobs/local")];
    let mut blobs = Vec::new();
    while let Some(place) = places.pop() {
        match fs::read_dir(&place) {
            Ok(entries) => places.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => blobs.push(place),
        }
    }
    assert_eq!(blobs.len(), 1, "{blobs:?}");
    let mut bytes = fs::read(&blobs[0]).expect("the blob");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blobs[0], bytes).expect("the blob");
}

#[test]
fn a_flipped_bit_in_a_large_value_hits_its_execution_and_no_other() {
    let ground = Ground::new();
    let large = "akao: 1\nid: large\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    \
                 - { type: WaitForSignal, props: { signalName: go } }\n    \
                 - { type: LogMessage, props: { message: \"${input.note}\" } }\n";
    fs::write(ground.folder().join("large.yaml"), large).expect("a workflow file");
    fs::write(ground.folder().join("input.json"), format!("{{\"note\":\"{}\"}}", "n".repeat(100_000))).expect("a file");
    let id = crate::id_of(&ground.done(&["run", "large.yaml", "--detach", "--input", "@input.json"]));
    let other = ground.waits("{}");
    let exported = ground.folder().join("run.akao");
    ground.wait_for(&id, "waiting");
    ground.ask_plain(&["executions", "export", &id, "--output", "run.akao"]);
    ground.stop();

    // What was exported carries the value, and is checked when it is read.
    ground.done(&["executions", "replay", "run.akao"]);
    let text = fs::read_to_string(&exported).expect("the export");
    // Three bytes `nnn` in Base64; a number of quotes would not be Base64 at all.
    assert!(text.contains("bm5ubm5u"), "the large value is in the export");
    fs::write(&exported, text.replacen("bm5ubm5u", "bm5ubm5v", 1)).expect("the export");
    let (code, kind, message, _) = ground.refused(&["executions", "replay", "run.akao"]);
    assert_eq!((code, kind.as_str()), (2, "usage"), "{message}");
    assert!(message.contains("the bytes are not those of sha256:"), "{message}");

    // The same for what the interpreter decided.
    let digits = text.find("\"hash\":").expect("a recorded decision") + "\"hash\":".len();
    let last = digits + text[digits..].bytes().take_while(u8::is_ascii_digit).count() - 1;
    let digit = if text[last..].starts_with('0') { "1" } else { "0" };
    fs::write(&exported, format!("{}{digit}{}", &text[..last], &text[last + 1..])).expect("the export");
    let (code, kind, message, _) = ground.refused(&["executions", "replay", "run.akao"]);
    assert_eq!((code, kind.as_str()), (4, "differs"), "{message}");

    // And for the workflow itself.
    fs::write(&exported, text.replacen("\"signalName\":\"go\"", "\"signalName\":\"no\"", 1)).expect("the export");
    let (code, _, message, _) = ground.refused(&["executions", "replay", "run.akao"]);
    assert!(code == 4 && message.contains("definition"), "{code}: {message}");

    flip_blob(&ground);
    let answer = ground.ask(&["executions", "signal", &id, "go", "--payload", "{\"n\":1}"]);
    let damaged = "is damaged: its bytes do not match its digest";
    if answer.is_done() {
        ground.wait_until("the value is missed", || ["failure", "quarantined"].contains(&ground.status(&id).as_str()));
        let shown = ground.ask(&["executions", "show", &id]).document.to_string();
        assert!(shown.contains(damaged), "{shown}");
    } else {
        assert_eq!((answer.code, answer.error("kind")), (4, "quarantined"), "{}", answer.document);
        assert!(answer.error("message").contains(damaged), "{}", answer.document);
    }
    ground.signal(&other);
    ground.wait_for(&other, "success");
}

/// Places in the main file: the fields of its header, the parts of the first page of each table and index, and some by chance.
fn places(file: &Path, count: usize) -> Vec<(String, usize)> {
    let mut places: Vec<(String, usize)> =
        [3, 16, 18, 20, 28, 35, 43, 47, 59, 68, 95].map(|at| (format!("header, byte {at}"), at)).into();
    let journal =
        rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it opens");
    let sql = "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 1";
    let mut roots = journal.prepare(sql).expect("the tables");
    let roots = roots.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?))).expect("the tables");
    for (number, root) in roots.enumerate() {
        let (name, page) = root.expect("a table");
        // The kind of page, the number of cells, the place of the first one, and the content, which grows from the end.
        let within = [0, 4, 9, 4095 - 11 * (number % 5)][number % 4];
        places.push((format!("{name}, byte {within} of its first page"), (page as usize - 1) * 4096 + within));
    }
    let bytes = fs::metadata(file).expect("the journal").len();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    while places.len() < count {
        let at = usize::try_from(random.below(bytes)).expect("a small file");
        places.push((format!("byte {at}"), at));
    }
    // Every test takes some of each kind.
    let step = places.len() as f64 / count as f64;
    (0..count).map(|n| places[(n as f64 * step) as usize].clone()).collect()
}

/// Whatever bit is flipped: nothing wrong is given out, and nothing is missing without a word.
#[test]
fn a_flipped_bit_anywhere_is_told_or_means_nothing() {
    let flips = std::env::var("AKAO_FLIPS").map_or(20, |text| text.parse().expect("AKAO_FLIPS is a number"));
    let ground = Ground::new();
    let ids: Vec<String> = (0..2).map(|n| ground.waits(&format!("{{\"note\":\"needle{n}\"}}"))).collect();
    for id in &ids {
        ground.wait_for(id, "waiting");
    }
    ground.stop();
    let file = ground.place.data().join("journal.db");
    let sound = fs::read(&file).expect("the journal");
    let put = |bytes: &[u8]| {
        for name in ["journal.db-wal", "journal.db-shm"] {
            let _ = fs::remove_file(ground.place.data().join(name));
        }
        fs::write(&file, bytes).expect("the journal");
    };
    let mut told = 0;
    for (bit, (place, at)) in places(&file, flips).into_iter().enumerate() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (bit % 8);
        put(&bytes);
        told += usize::from(try_damaged(&ground, &ids, &format!("{place}, bit {}", bit % 8)));
        ground.stop();
    }
    assert!(told > flips / 4, "{told} of {flips} were told");
    put(&sound);
    for id in &ids {
        ground.signal(id);
        ground.wait_for(id, "success");
    }
    assert_eq!(ground.done(&["doctor"])["sound"], true);
}

/// Works on a journal in which one bit was flipped at `place`; whether the program has said so.
fn try_damaged(ground: &Ground, ids: &[String], place: &str) -> bool {
    let names_file = |text: &str| text.contains("journal.db");
    let report = ground.ask(&["doctor"]);
    let is_sound = report.is_done();
    assert!(is_sound || [1, 4].contains(&report.code), "{place}: {}", report.document);
    assert!(is_sound || names_file(&report.document.to_string()), "{place}: {}", report.document);
    for id in ids {
        let answer = ground.ask(&["executions", "signal", id, "go", "--payload", "{\"n\":1}"]);
        if answer.is_done() {
            if is_sound {
                ground.wait_for(id, "success");
            }
            continue;
        }
        let (kind, message) = (answer.error("kind"), answer.error("message"));
        assert!(!is_sound, "{place}: the doctor finds nothing, and {message}");
        match kind {
            "quarantined" | "damaged" => {
                // Where an index hides an only event, nothing is there that could be named.
                let says = names_file(message) || message.ends_with("its journal is empty");
                assert!(answer.code == 4 && says, "{place}: {message}");
            }
            "storage" | "stopped" => assert!(answer.code == 1 && names_file(message), "{place}: {message}"),
            // The entry by which it is found is what was hit; the doctor has told so.
            "not_found" => assert_eq!(answer.code, 1, "{place}: {message}"),
            other => panic!("{place}: {other}: {message}"),
        }
    }
    for id in ids {
        let shown = ground.ask(&["executions", "show", id]);
        let ended = shown.document["status"] == "success";
        assert!(
            !ended || shown.document["outputs"] == serde_json::json!({"got": {"n": 1}}),
            "{place}: {}",
            shown.document
        );
        assert!(ended || !is_sound, "{place}: {}", shown.document);
    }
    !is_sound
}
