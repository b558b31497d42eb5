//! `cargo xtask picture`: the pictures of the documents, made from what the demo really prints on a terminal.
//!
//! `script` gives the demo a terminal; a small screen takes in what comes, as a terminal would; what then stands on it is
//! drawn. Nothing is made up or cut out of lines, so a picture shows the width and the colours that a person sees.

mod screen;
mod svg;

use crate::{Chore, command::quoted, setup, workspace::Workspace};
use screen::{Line, Screen};
use std::{fs, process::Command};

/// Width of the terminal.
const COLUMNS: usize = 80;
/// Height of the terminal: enough for the whole tree of the tour.
const ROWS: usize = 80;
/// Where the pictures stand.
const FOLDER: &str = "docs/images";

/// The pictures: a name, the heading with which the part begins, and the one before which it ends.
const PARTS: [(&str, &str, &str); 2] =
    [("demo-survey", "== Act one", "== Act two"), ("demo-crash", "== Act two", "== What to try")];

/// A part of the demo's output was not found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The demo failed.
    #[error("the demo ended with {0}")]
    Demo(std::process::ExitStatus),
    /// It printed something else than expected.
    #[error("the demo did not print a line that begins with {0:?}")]
    NoPart(&'static str),
}

/// Plays the demo on a terminal and draws its parts.
pub(crate) fn run(workspace: &Workspace) -> Chore {
    setup::ensure_build(workspace)?;
    workspace.cargo().args(["build", "--package", "akao"]).run()?;
    let this = std::env::current_exe()?;
    let demo = format!("stty columns {COLUMNS} rows {ROWS}; {} demo", quoted(&this.display().to_string()));
    let mut script = Command::new("script");
    let script = script.args(["--quiet", "--return", "--command", &demo, "/dev/null"]);
    let output = script.env("TERM", "xterm-256color").env_remove("NO_COLOR").current_dir(&workspace.root).output()?;
    if !output.status.success() {
        println!("{}", String::from_utf8_lossy(&output.stdout));
        return Err(Error::Demo(output.status).into());
    }
    let mut screen = Screen::new(COLUMNS);
    screen.take(&String::from_utf8_lossy(&output.stdout));
    let lines = screen.lines();
    fs::create_dir_all(workspace.root.join(FOLDER))?;
    for (name, from, to) in PARTS {
        let part = part(&lines, from, to)?;
        let path = format!("{FOLDER}/{name}.svg");
        fs::write(workspace.root.join(&path), svg::draw("cargo xtask demo", part, COLUMNS))?;
        println!("{path}: {} lines", part.len());
    }
    Ok(())
}

/// The lines from one heading up to another, without blank lines at the end.
fn part<'l>(lines: &'l [Line], from: &'static str, to: &'static str) -> Result<&'l [Line], Error> {
    let begins = |heading: &'static str| {
        lines.iter().position(|line| line.text().starts_with(heading)).ok_or(Error::NoPart(heading))
    };
    let part = lines.get(begins(from)?..begins(to)?).unwrap_or_default();
    let end = part.iter().rposition(|line| !line.text().trim().is_empty()).map_or(0, |last| last + 1);
    Ok(&part[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_before_the_next_heading() {
        let mut screen = Screen::new(20);
        screen.take("before\r\n== Act one: x\r\nwords\r\n\r\n== Act two\r\n");
        let lines = screen.lines();
        let texts: Vec<String> =
            part(&lines, "== Act one", "== Act two").expect("both are there").iter().map(Line::text).collect();
        assert_eq!(texts, ["== Act one: x", "words"]);
        let error = part(&lines, "== Act one", "== Act nine").expect_err("there is none");
        assert_eq!(error.to_string(), "the demo did not print a line that begins with \"== Act nine\"");
    }
}
