//! Subcommands of cargo that only one chore needs: each takes a minute to compile, so that only that chore installs it.

use crate::{Chore, command, workspace::Workspace};
use std::path::PathBuf;

/// A subcommand of cargo, pinned, below `.tools/` where the machine has none.
pub(crate) struct CargoTool {
    /// Its program, such as `cargo-fuzz`.
    pub(crate) program: &'static str,
    /// The version that is installed.
    pub(crate) version: &'static str,
}

impl CargoTool {
    fn folder(&self) -> String {
        format!(".tools/{}", self.program)
    }

    fn own(&self, workspace: &Workspace) -> PathBuf {
        workspace.root.join(self.folder()).join("bin").join(self.program)
    }

    /// Installs it where it is missing, saying so.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Chore {
        if command::is_installed(self.program) || self.own(workspace).is_file() {
            return Ok(());
        }
        let (program, folder) = (self.program, self.folder());
        println!("{program} is missing; it is installed in {folder}");
        let version = format!("{program}@{}", self.version);
        Ok(workspace.cargo().args(["install", "--locked", "--root", &folder, &version]).run()?)
    }

    /// Its program, which takes the subcommand as its first argument.
    pub(crate) fn command(&self, workspace: &Workspace) -> command::Command {
        let own = self.own(workspace);
        let program = if own.is_file() { own } else { PathBuf::from(self.program) };
        workspace.command(program)
    }
}
