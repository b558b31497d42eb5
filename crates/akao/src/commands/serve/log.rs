//! Lines for the operator. A program that collects them gets one JSON document a line on standard output; a person at a
//! terminal gets words on standard error. Those of one request have its number as `correlationId`.

use crate::{cli::Context, failure::Failure};
use serde_json::json;
use std::io::{IsTerminal, Write};
use tracing::Level;

/// Begins the log of this process.
pub(super) fn begin(context: &Context) {
    let level = match (context.output.quiet, context.output.verbose) {
        (true, _) => Level::WARN,
        (false, 0) => Level::INFO,
        (false, _) => Level::DEBUG,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    // Only one command runs in a process, so that nobody has begun a log before.
    let _ = match is_collected() {
        // Who stops reading does not stop the server.
        true => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_writer(std::io::stdout)
            .log_internal_errors(false)
            .try_init(),
        false => lines.with_writer(std::io::stderr).with_ansi(false).try_init(),
    };
}

/// Whether a program reads standard output.
fn is_collected() -> bool {
    !std::io::stdout().is_terminal()
}

/// The last line of a server that cannot go on, at the level above all others.
pub(super) fn fatal(failure: &Failure) {
    if is_collected() {
        let now = jiff::Timestamp::now().to_string();
        let line = json!({
            "timestamp": now, "level": "FATAL", "message": failure.message, "causes": failure.causes, "hint": failure.hint,
        });
        // There is nobody left to tell that it cannot be told.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}
