//! The player against small programs in the shell: those that answer as they should, and those that do not.

use akao_conformance::{Options, Transcript, golden, play};
use std::{process::Command, time::Duration};

/// Answers the handshake, then does what follows.
const HANDSHAKE: &str = r#"read -r line <&3; echo '{"jsonrpc":"2.0","id":"info","result":{"protocol":1}}' >&3;"#;

/// For programs that answer: a busy machine may take long.
const PATIENT: Duration = Duration::from_secs(60);
/// For programs that do not: this is waited for.
const IMPATIENT: Duration = Duration::from_secs(3);

/// Plays `steps` against a shell program and gives the failure's line and text, or nothing.
fn failure(steps: &str, program: &str, timeout: Duration) -> Option<String> {
    let transcript = Transcript::parse("t", &format!("title: t\n{steps}")).expect("a transcript");
    let mut command = Command::new("bash");
    command.args(["-c", program]);
    play(&transcript, command, &Options { timeout }).err().map(|failure| failure.to_string())
}

#[test]
fn a_program_that_answers_as_it_should_passes() {
    let cases = [
        ("handshake\n", format!("{HANDSHAKE} cat <&3")),
        ("handshake\nexit 7\n", format!("{HANDSHAKE} exit 7")),
        (
            "start without-descriptor\nexit 2\nstderr by hand\n",
            "[ -z \"$AKAO_RPC_FD\" ] && echo by hand >&2; exit 2".into(),
        ),
        ("> a\n< {\"b\":\"<string>\"}\n", "read -r line <&3; echo \"{\\\"b\\\":\\\"$line\\\"}\" >&3; cat <&3".into()),
        (
            "file in.txt x\n> a\n< {}\nhas-file out.txt x\n",
            "read -r l <&3; cd \"$AKAO_WORKSPACE\"; cp in.txt out.txt; echo {} >&3; cat <&3".into(),
        ),
        ("< {\"a\":1}\n& < {\"a\":2}\n", "echo '{\"a\":2}' >&3; echo '{\"a\":1}' >&3; cat <&3".into()),
        (
            "* {\"n\":\"<number>\"}\n< {\"end\":true}\n",
            "for n in 1 2 3; do echo \"{\\\"n\\\":$n}\" >&3; done; echo '{\"end\":true}' >&3".into(),
        ),
        ("silence 20\n", "cat <&3".into()),
        ("* {\"late\":\"<number>\"}\nexit 0\n", "echo '{\"late\":1}' >&3".into()),
        ("exit 0\n", "sleep 60 & exit 0".into()),
    ];
    for (steps, program) in cases {
        assert_eq!(failure(steps, &program, PATIENT), None, "{steps}{program}");
    }
}

#[test]
fn a_program_that_does_something_else_fails_with_the_line_and_the_place() {
    let cases = [
        ("handshake\n", "exit 0".to_owned(), "line 2: the node closed the connection, expected"),
        ("handshake\n", "cat <&3 >/dev/null".into(), "line 2: the node wrote nothing, expected"),
        ("handshake\n", "echo hello >&3".into(), "line 2: the node wrote `hello`, which is not JSON"),
        ("< {\"a\":[1]}\n", "echo '{\"a\":[2]}' >&3; cat <&3".into(), "at the message.a[0]: expected 1, found 2"),
        ("silence 2000\n", "echo {} >&3; cat <&3".into(), "line 2: expected nothing, found {}"),
        ("exit 3\n", "exit 4".into(), "line 2: expected an exit with 3, found exit status: 4"),
        ("handshake\n", format!("{HANDSHAKE} sleep 60"), "line 2: expected an exit with 0, and the process still runs"),
        ("handshake\nexit 1\nstderr that\n", format!("{HANDSHAKE} echo this >&2; exit 1"), "line 4: standard error does not hold `that`"),
        ("output 1 s 4\n", "echo '{\"method\":\"$/output\",\"params\":{\"id\":\"1\",\"stream\":\"s\",\"chunk\":\"abcde\"}}' >&3; cat <&3".into(), "expected 4 bytes of output, found 5"),
        ("> {{never}}\n", "cat <&3".into(), "line 2: nothing was captured as `never`"),
        ("< {}\n", "printf '%1100000d' 1 >&3; cat <&3".into(), "is too long"),
        ("< {}\n", "echo {} >&3; echo '{\"again\":1}' >&3; cat <&3".into(), "line 2: expected nothing more, found {\"again\":1}"),
        ("exit 0\n", "echo '{\"late\":1}' >&3".into(), "line 2: expected nothing more, found {\"late\":1}"),
        ("> {{repeat:x:4000000}}\n", "sleep 60".into(), "line 2: the node does not read what the host writes"),
    ];
    for (steps, program, expected) in cases {
        let found = failure(steps, &program, IMPATIENT).unwrap_or_default();
        assert!(found.contains(expected), "{program}: expected `{expected}`, found `{found}`");
    }
}

#[test]
fn the_golden_transcripts_are_transcripts() {
    let transcripts = golden().expect("every one of them");
    assert!(transcripts.len() >= 40, "{}", transcripts.len());
    for transcript in &transcripts {
        assert!(!transcript.title.ends_with('.') && !transcript.steps.is_empty(), "{}", transcript.name);
    }
}
