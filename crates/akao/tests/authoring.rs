//! The commands for people who write workflows, as stories: what is typed and what comes back.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// A folder in which the program is used.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("a folder");
            std::fs::write(file, text).expect("a file");
        }
        Self(folder)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).expect("a file")
    }

    /// The exit code, then standard output, then standard error after `--`.
    fn akao(&self, line: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_clear().env("HOME", self.0.path());
        // Where it writes which of its lines ran, when they are counted.
        command.envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"));
        let output = command.output().expect("the program runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let code = output.status.code().map_or("killed".to_owned(), |code| code.to_string());
        format!("{code}\n{out}--\n{err}")
    }
}

const GOOD: &str = "akao: 1\nid: good\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - type: SuccessNode\n";
const BAD: &str = "akao: 1\nid: bad\nversion: 1.0.0\nroot:\n  type: Sequense\n";

#[test]
fn validate_tells_every_problem_with_its_place() {
    let desk = Desk::new(&[("good.yaml", GOOD), ("bad.yaml", BAD), ("all/a.yaml", GOOD), ("all/other.yaml", "x: 1\n")]);
    assert_eq!(desk.akao("validate good.yaml"), "0\n--\nThe workflow is valid.\n");
    assert_eq!(
        desk.akao("validate good.yaml bad.yaml"),
        "2\nbad.yaml:5:9: error[unknown-type]: there is no node type `Sequense`\n  Did you mean `Sequence`?\n--\n\
         1 error in 2 files.\n"
    );
    assert_eq!(
        desk.akao("validate --color always bad.yaml"),
        "2\nbad.yaml:5:9: \u{1b}[31merror[unknown-type]\u{1b}[0m: there is no node type `Sequense`\n  5 |   type: Sequense\n    \
         |         ^\n  Did you mean `Sequence`?\n--\n1 error in 1 file.\n"
    );
    assert_eq!(
        desk.akao("validate all"),
        "0\n--\nSkipped 1 YAML file that is not a workflow.\nThe workflow is valid.\n"
    );
    assert_eq!(
        desk.akao("validate --json bad.yaml"),
        "2\n{\"valid\":false,\"files\":1,\"skipped\":0,\"problems\":[{\"file\":\"bad.yaml\",\"severity\":\"error\",\
         \"code\":\"unknown-type\",\"message\":\"there is no node type `Sequense`\",\"position\":{\"line\":5,\
         \"column\":9},\"path\":\"root.type\",\"suggestion\":\"Did you mean `Sequence`?\"}]}\n--\n"
    );
    assert!(
        desk.akao("validate none.yaml")
            .starts_with("2\nnone.yaml:1:1: error[unreadable-file]: cannot read none.yaml: ")
    );
}

#[test]
fn fmt_writes_the_usual_form_and_checks_it() {
    let crooked =
        "id: good\nakao: 1\nversion: 1.0.0 # first\nroot: {type: Fallback, children: [{type: SuccessNode}]}\n";
    let desk = Desk::new(&[("w.yaml", crooked), ("bad.yaml", "a: [")]);
    assert_eq!(desk.akao("fmt --check w.yaml"), "1\n--\nw.yaml is not in the usual form.\n");
    assert_eq!(desk.read("w.yaml"), crooked);
    assert_eq!(desk.akao("fmt w.yaml"), "0\n--\nFormatted w.yaml.\n");
    let formatted = desk.read("w.yaml");
    assert!(formatted.starts_with("akao: 1\nid: good\nversion: 1.0.0 # first\n"), "{formatted}");
    assert!(formatted.contains("Selector"), "{formatted}");
    assert_eq!(desk.akao("fmt --check w.yaml"), "0\n--\n");
    assert_eq!(desk.akao("fmt --stdout w.yaml"), format!("0\n{formatted}--\n"));
    assert!(desk.akao("fmt bad.yaml").starts_with("2\n--\nbad.yaml:"));
    let left: Vec<_> = std::fs::read_dir(desk.0.path()).expect("the folder").collect();
    assert_eq!(left.len(), 2, "nothing is left beside the files");
}

#[test]
fn diff_compares_meanings() {
    let other = GOOD.replace("SuccessNode", "FailureNode");
    let desk = Desk::new(&[("a.yaml", GOOD), ("same.yaml", &format!("# A comment.\n{GOOD}")), ("b.yaml", &other)]);
    assert_eq!(desk.akao("diff a.yaml same.yaml"), "0\n--\nBoth files mean the same.\n");
    let different = desk.akao("diff a.yaml b.yaml");
    assert!(different.starts_with("1\n") && different.contains("FailureNode"), "{different}");
    let json = desk.akao("diff --json a.yaml b.yaml");
    assert!(json.contains("\"same\":false") && json.lines().count() == 3, "{json}");
    assert!(desk.akao("diff a.yaml none.yaml").starts_with("2\n--\nerror: cannot read none.yaml\n  caused by: "));
}

#[test]
fn graph_draws_in_three_forms() {
    let desk = Desk::new(&[("a.yaml", GOOD), ("bad.yaml", BAD)]);
    assert!(desk.akao("graph a.yaml").contains("SuccessNode"));
    assert!(desk.akao("graph a.yaml --format mermaid").starts_with("0\nflowchart"));
    assert_eq!(desk.akao("graph a.yaml -o a.svg"), "0\n--\nWrote a.svg.\n");
    assert!(desk.read("a.svg").starts_with("<svg"));
    assert!(desk.akao("graph bad.yaml").ends_with("error: bad.yaml is not valid\n"));
}

#[test]
fn import_reports_what_became_of_each_node() {
    let xml = "<root BTCPP_format=\"4\"><BehaviorTree ID=\"Main\"><Sequence><Sleep msec=\"20\"/><Dance/></Sequence>\
               </BehaviorTree></root>";
    let desk = Desk::new(&[("p.xml", xml)]);
    let printed = desk.akao("import p.xml");
    assert!(printed.starts_with("0\nakao: 1\n") && printed.contains("1 placeholder"), "{printed}");
    assert!(desk.akao("import --strict p.xml").starts_with("2\n--\n"));
    assert!(desk.akao("import p.xml -o p.yaml").starts_with("0\n--\n"));
    assert!(desk.akao("validate p.yaml").starts_with("0\n"), "{}", desk.akao("validate p.yaml"));
}

#[test]
fn new_writes_a_file_once_and_asks_nobody_without_a_terminal() {
    let desk = Desk::new(&[]);
    assert_eq!(desk.akao("new"), "0\n--\nWrote hello.yaml. Try it with `akao run hello.yaml`.\n");
    assert_eq!(desk.akao("new hello"), "2\n--\nerror: hello.yaml is there already\n\nhint: Choose another name.\n");
    for template in ["hello", "http", "loop", "approval", "graph", "subtree"] {
        assert!(desk.akao(&format!("new my-{template} --template {template}")).starts_with("0\n"));
        assert_eq!(desk.akao(&format!("validate my-{template}.yaml")), "0\n--\nThe workflow is valid.\n");
    }
    assert!(desk.akao("new ../x").starts_with("2\n--\nerror: `../x` cannot be the name of a workflow\n"));
}

#[test]
fn nodes_can_be_found_and_looked_up() {
    let desk = Desk::new(&[]);
    assert!(desk.akao("list-nodes --category waiting").contains("HumanTask"));
    assert!(desk.akao("list-nodes --category wating").contains("hint: The categories are composite, "));
    let page = desk.akao("node-info Fallback");
    assert!(page.starts_with("0\n# Selector\n") && page.contains("## Example"), "{page}");
    assert_eq!(
        desk.akao("node-info Sequense"),
        "2\n--\nerror: there is no node type `Sequense`\n\nhint: Did you mean `Sequence`?\n"
    );
    let schema = desk.akao("schema --json --node ForEach");
    assert!(schema.contains("\"collectionKey\"") && schema.lines().count() == 3, "{schema}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(desk.akao(&format!("completions {shell}")).contains("list-nodes"), "{shell}");
    }
}

#[test]
fn the_reference_documents_are_up_to_date() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let desk = Desk::new(&[]);
    let told = desk.akao(&format!("docs generate {} --check", docs.display()));
    assert_eq!(told, "0\n--\n", "run `cargo xtask generate`");
}
