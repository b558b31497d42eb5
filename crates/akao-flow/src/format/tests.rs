//! Files with their whole formatted text, and what must hold for every file.

use super::*;
use akao_contract::NodeType;
use serde_json::json;

fn catalogue() -> Catalogue {
    let selector: NodeType = serde_json::from_value(json!({
        "name": "Selector", "aliases": ["Fallback"], "version": "1.0.0", "category": "composite", "summary": "", "description": "",
        "props": {"type": "object"}, "outputs": {"type": "object"}, "effects": "none", "reads": "named",
    }))
    .unwrap();
    Catalogue::from(vec![selector])
}

/// Formats, and checks that a second time changes nothing.
fn format(text: &str) -> String {
    let formatted = format_workflow(text, &catalogue()).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    let again =
        format_workflow(&formatted, &catalogue()).unwrap_or_else(|problems| panic!("{problems:?}\n{formatted}"));
    assert_eq!(again, formatted, "the second time changes something; first:\n{formatted}\nsecond:\n{again}");
    formatted
}

#[test]
fn files_are_formatted_as_expected() {
    let cases = [
        (
            "order of keys, aliases, indentation, quotes",
            "root:\n    children:\n    -   props: {message: 'hi'}\n        type: PrintAction\n        id: say\n    - {type: PrintAction, id: b}\n    type: Fallback\nversion: 1.0.0\nid: w\nakao: 1\n",
            "akao: 1\nid: w\nversion: 1.0.0\nroot:\n  type: Selector\n  children:\n    - id: say\n      type: PrintAction\n      props: { message: \"hi\" }\n    - { id: b, type: PrintAction }\n",
        ),
        (
            "comments of every sort",
            "# head\n\nversion: 1.0.0 # the version\nid: w\nakao: 1\n# about the root\nroot:   # the root\n  # about the type\n  type: Sequence\n  children: # all\n    # first\n    - type: A # a\n      # its props\n      props:\n        x: 1\n        # props end\n\n    # commented out:\n    # - type: B\n  id: top\n# end\n",
            "# head\n\nakao: 1\nid: w\nversion: 1.0.0 # the version\n# about the root\nroot: # the root\n  id: top\n  # about the type\n  type: Sequence\n  children: # all\n    # first\n    - type: A # a\n      # its props\n      props:\n        x: 1\n        # props end\n\n    # commented out:\n    # - type: B\n# end\n",
        ),
        (
            "comments in brackets",
            "type: A\nprops: { x: 1, # one\n  # two\n  y: 2 } # all\n",
            "type: A\nprops: # all\n  x: 1 # one\n  # two\n  y: 2\n",
        ),
        (
            "block texts",
            "type: A\nprops:\n    script: |   # python\n        if x:\n            # not a comment\n            y = 1\n\n    note: >-\n        a folded\n        text\n\n        and more\n    keep: |+\n      x\n\n\n    last: 1\n",
            "type: A\nprops:\n  script: | # python\n    if x:\n        # not a comment\n        y = 1\n\n  note: >-\n    a folded text\n\n    and more\n  keep: |+\n    x\n\n\n  last: 1\n",
        ),
        (
            "quotes",
            "type: A\nprops: {a: 'it''s', b: \"say \\\"x\\\"\", c: 'C:\\d', d: \"l1\\nl2\", 'e': \"1.0\", 'f g': '#x', h: ~, i: , j: no}\n",
            "type: A\nprops:\n  a: \"it's\"\n  b: 'say \"x\"'\n  c: 'C:\\d'\n  d: \"l1\\nl2\"\n  e: \"1.0\"\n  \"f g\": \"#x\"\n  h: ~\n  i: null\n  j: no\n",
        ),
        (
            "anchors stay anchors, the first use carries the content",
            "type: Sequence\nchildren:\n- type: A\n  retry: &again {attempts: 3}\n- retry: *again\n  type: B\n",
            "type: Sequence\nchildren:\n  - type: A\n    retry: &again { attempts: 3 }\n  - type: B\n    retry: *again\n",
        ),
        (
            "long brackets become blocks, blank lines stay single",
            "type: A\n\n\n\nprops: {url: \"https://example.com/a/long/path/that/goes/on\", headers: {accept: application/json}, outputKey: response}\n",
            "type: A\n\nprops:\n  url: \"https://example.com/a/long/path/that/goes/on\"\n  headers: { accept: application/json }\n  outputKey: response\n",
        ),
        (
            "an item that fits a line only without its dash",
            "type: Sequence\nchildren:\n  - {id: a, type: A, props: {message: \"what is a little too long for this place is broken up now\"}}\n",
            "type: Sequence\nchildren:\n  - id: a\n    type: A\n    props: { message: \"what is a little too long for this place is broken up now\" }\n",
        ),
        (
            "a comment behind a lone dash and a JSON file",
            "type: Sequence\nchildren:\n  - # why\n    # and how\n    type: A\n  -\n    type: B\n",
            "type: Sequence\nchildren:\n  # why\n  # and how\n  - type: A\n  - type: B\n",
        ),
        ("JSON", "{\"type\": \"A\", \"props\": {\"x\": [1, 2.50, true]}}", "type: A\nprops: { x: [1, 2.50, true] }\n"),
        ("line ends of another system", "type: A\r\nid: a # c\r\n", "id: a # c\ntype: A\n"),
    ];
    for (name, text, expected) in cases {
        let formatted = format(text);
        assert_eq!(formatted, expected, "{name}:\n{formatted}");
    }
}

#[test]
fn files_that_cannot_be_read_are_refused_with_their_problems() {
    for (text, code) in [("type: [", "yaml-syntax"), ("- a\n", "not-a-workflow"), ("type: A\nidd: x\n", "unknown-key")]
    {
        let problems = format_workflow(text, &catalogue()).unwrap_err();
        assert_eq!(problems[0].code, code, "{text}: {problems:?}");
    }
}

/// Puts a comment on every line where one may stand, at several indentations, one at a time and all together.
#[test]
fn no_comment_is_lost_wherever_it_stands() {
    let text = "akao: 1\nversion: 1.0.0\nid: w\ninputs:\n  x: { type: string, required: true }\nroot:\n  type: Sequence\n  id: top\n  children:\n    - type: A\n      props:\n        list:\n          - 1\n          - [2, 3]\n        script: |\n          a # b\n           c\n      id: a\n    - {type: B, id: b}\n    -\n      type: C\n      props: {\n        x: 1,\n        y: [1,\n            2]\n      }\n";
    let lines: Vec<&str> = text.lines().collect();
    let mut everywhere = String::new();
    for at in 0..=lines.len() {
        for indent in [0, 2, 4, 6, 8, 10, 14] {
            let mut with = lines.clone();
            let comment = format!("{:indent$}# remark {at}", "");
            with.insert(at, &comment);
            check(&with.join("\n"), &format!("own line {at}, indent {indent}"));
        }
        if let Some(line) = lines.get(at) {
            let mut with = lines.clone();
            let comment = format!("{line} # behind {at}");
            with[at] = &comment;
            check(&with.join("\n"), &format!("behind line {at}"));
            everywhere.push_str(&format!("# before {at}\n{line} # behind {at}\n"));
        }
    }
    check(&everywhere, "everywhere");
}

fn check(text: &str, place: &str) {
    // Some places are inside a block text or break the YAML; then there is no comment to keep.
    if read(text).is_ok() {
        let formatted =
            format_workflow(text, &catalogue()).unwrap_or_else(|problems| panic!("{place}: {problems:?}\n{text}"));
        assert_eq!(comment_texts(text), comment_texts(&formatted), "{place}\n{text}\nbecame\n{formatted}");
        let again = format_workflow(&formatted, &catalogue())
            .unwrap_or_else(|problems| panic!("{place}: {problems:?}\n{formatted}"));
        assert_eq!(again, formatted, "{place}: the second time changes something\n{text}");
    }
}
