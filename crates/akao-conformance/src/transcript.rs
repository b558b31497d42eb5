//! A transcript as data: what is said, what must come, and how it ends.

use serde_json::Value;
use std::time::Duration;

/// A conversation between host and node that must go exactly so.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it shows, as a sentence without a full stop.
    pub title: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The line in the file, from one.
    pub line: usize,
    /// What happens.
    pub kind: StepKind,
}

/// What a line of a transcript asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// The program is started without a descriptor, as by hand.
    StartWithoutDescriptor,
    /// The host writes these bytes; names of captures in `{{…}}` are replaced first.
    Send(Text),
    /// The host writes bytes that need not be text.
    SendBytes(Vec<u8>),
    /// The node must write these lines, in any order.
    Expect(Vec<Expected>),
    /// The node may write any number of lines of this form before what comes next.
    Allow(Value),
    /// The node must write text on a stream, cut as it likes, of exactly so many bytes.
    Output {
        /// The id of the call.
        id: String,
        /// The stream's name.
        stream: String,
        /// The bytes of all chunks together.
        bytes: usize,
    },
    /// The node must write nothing for this long.
    Silence(Duration),
    /// The host closes the connection.
    Close,
    /// The process must end with this code.
    Exit(i32),
    /// What the process wrote to standard error must hold this text.
    Stderr(String),
    /// A file is put into the workspace.
    PutFile {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
    },
    /// A file must be in the workspace.
    HasFile {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
    },
}

/// A line that the host writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text, with `{{…}}` where something is put in.
    pub template: String,
    /// Whether a line feed follows.
    pub ends_line: bool,
}

/// A line that the node must write.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The line in the transcript, from one.
    pub line: usize,
    /// What it must look like.
    pub pattern: Value,
}
