//! How a package is run: what starts it, how it is spoken to, how many processes there may be.

use super::resources::duration;
use serde::{Deserialize, Serialize};

/// What runs the package's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeKind {
    /// The command itself is a program.
    Executable,
    /// A Python script.
    Python,
    /// A JavaScript file for Node.js.
    Node,
    /// A program that was built from Go.
    Go,
    /// A Java archive.
    Java,
    /// A shell script.
    Shell,
    /// A bundle of TypeScript nodes.
    Bundle,
    /// An image.
    Container,
    /// A server of the Model Context Protocol.
    Mcp,
    /// A WebAssembly component.
    Wasm,
}

impl RuntimeKind {
    /// Every kind with its name, in the order in which they are documented.
    pub const NAMES: [(&str, Self); 10] = [
        ("executable", Self::Executable),
        ("python", Self::Python),
        ("node", Self::Node),
        ("go", Self::Go),
        ("java", Self::Java),
        ("shell", Self::Shell),
        ("bundle", Self::Bundle),
        ("container", Self::Container),
        ("mcp", Self::Mcp),
        ("wasm", Self::Wasm),
    ];

    /// The name used in manifests.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether the kernel starts the command itself, so that its file must be executable.
    pub fn starts_command(self) -> bool {
        matches!(self, Self::Executable | Self::Go)
    }

    /// How a package of this kind is spoken to when its manifest does not say.
    pub fn transport(self) -> Transport {
        if self == Self::Mcp { Transport::Stdio } else { Transport::Socket }
    }
}

/// How a node is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A connected socket that the process inherits as descriptor 3.
    Socket,
    /// Standard input and output; only for `mcp`.
    Stdio,
}

impl Transport {
    /// Both with their names.
    pub const NAMES: [(&str, Self); 2] = [("socket", Self::Socket), ("stdio", Self::Stdio)];
}

/// How many processes run, how much each does at once, and when it is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instances {
    /// Most processes at once.
    pub max: u32,
    /// Calls that one process takes at once.
    pub concurrency: u32,
    /// Calls after which a process is replaced.
    pub recycle_after: u32,
    /// Age after which a process is replaced, in milliseconds.
    #[serde(rename = "max_age", with = "duration")]
    pub age_ms_max: u64,
}

impl Default for Instances {
    fn default() -> Self {
        Self { max: 4, concurrency: 1, recycle_after: 1_000, age_ms_max: 3_600_000 }
    }
}

/// How a package is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// What runs the command.
    #[serde(rename = "type")]
    pub kind: RuntimeKind,
    /// The file that is run, relative to the package and without `./`.
    pub command: String,
    /// Arguments after the command, passed as they are: no shell reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// How it is spoken to.
    pub transport: Transport,
    /// How many processes.
    #[serde(default)]
    pub instances: Instances,
}
