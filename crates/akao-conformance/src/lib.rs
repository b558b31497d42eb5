//! Replays golden transcripts of the node protocol against any executable.
//!
//! A transcript is a conversation as text: what the host says, what the node must answer, and how the process ends. The
//! format is described in `sdk/conformance/README.md`. This crate plays the host: it starts the program with a socket as
//! descriptor 3, as Akao does, but without a sandbox, a manifest or the rest of Akao.
//!
//! ```
//! let transcript = akao_conformance::Transcript::parse("greeting", "title: the handshake\nhandshake\nclose\nexit 0\n")?;
//! assert_eq!(transcript.title, "the handshake");
//! # Ok::<(), akao_conformance::ParseError>(())
//! ```

mod host;
mod parse;
mod pattern;
mod play;
mod transcript;

pub use parse::ParseError;
pub use pattern::{Captures, Mismatch, matches};
pub use play::{Failure, Options, play};
pub use transcript::{Expected, Step, StepKind, Transcript};

/// The transcripts of this version of the protocol: a name and the text.
pub const GOLDEN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/transcripts.rs"));

/// The golden transcripts, parsed.
///
/// # Errors
///
/// Where one of them is not a transcript, which a test of this crate rules out.
pub fn golden() -> Result<Vec<Transcript>, ParseError> {
    GOLDEN.iter().map(|(name, text)| Transcript::parse(name, text)).collect()
}
