//! Every bound of the node protocol, in one place. `docs/node-protocol.md` lists them for the authors of nodes.

use std::time::Duration;

/// The versions of the wire that this side speaks, the newest last.
pub const PROTOCOL_VERSIONS: [u32; 1] = [1];

/// What a message may hold before `node.info` says otherwise: 1 MiB.
pub const MESSAGE_BYTES_DEFAULT: usize = 1 << 20;

/// The most that `node.info` can allow for one message: 16 MiB.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Levels of arrays and objects in one message, the message itself included.
pub const DEPTH_MAX: usize = 64;

/// Values in one message. Each takes some seventy bytes of memory, also where it takes two in the message.
pub const VALUES_MAX: usize = 131_072;

/// Members of a message beside those that the protocol names.
pub(crate) const MEMBERS_MAX: usize = 32;

/// The largest integer that every language reads exactly: 2^53 - 1.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Messages longer than this are compressed where both sides said so: 32 KiB.
pub const COMPRESS_BYTES_MIN: usize = 32 * 1024;

/// What a stream may send before it is granted more: 256 KiB.
pub const STREAM_CREDIT_BYTES: usize = 256 * 1024;

/// Streams of one call.
pub const STREAMS_MAX: usize = 8;

/// Length of a stream's name.
pub const STREAM_NAME_BYTES_MAX: usize = 64;

/// Length of the id of a request from the node.
pub const ID_BYTES_MAX: usize = 64;

/// Length of the name of a secret or of a key of the node's state.
pub const NAME_BYTES_MAX: usize = 256;

/// Length of the URL of a request that a node has sent.
pub const URL_BYTES_MAX: usize = 16 * 1024;

/// Length of a path below the workspace.
pub const PATH_BYTES_MAX: usize = 4096;

/// Length of the JSON text of a value in the node's state: 64 KiB.
pub const STATE_VALUE_BYTES_MAX: usize = 64 * 1024;

/// Progress of one call is told at most once in this time; only the newest is kept in between.
pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Length of the text of a progress or log message; the rest is cut off.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Lines of one call that are kept in each second; the others are counted.
pub const LOG_LINES_PER_SECOND_MAX: u32 = 500;

/// Notifications of one connection in each window; then reading rests until the window ends, which slows the node down.
pub const NOTIFICATIONS_PER_WINDOW_MAX: u32 = 2_000;

/// See [`NOTIFICATIONS_PER_WINDOW_MAX`].
pub const NOTIFICATION_WINDOW: Duration = Duration::from_millis(100);

/// Messages in each second that nobody asked for (unknown methods, late answers and events); one more is a flood.
pub const UNSOLICITED_PER_SECOND_MAX: u32 = 1_000;

/// Calls in flight on one connection.
pub const IN_FLIGHT_MAX: usize = 1_024;

/// Calls that were given up and not answered yet; one more ends the connection.
pub const ABANDONED_MAX: usize = 1_024;

/// Requests of the node that are not answered yet; one more is a flood.
pub const HOST_CALLS_MAX: usize = 64;

/// Requests of the node that are worked on at once; the others wait in order.
pub const HOST_CALLS_AT_ONCE_MAX: usize = 8;

/// Bytes that may wait to be written beside the message that is being written: 4 MiB.
pub const OUTBOX_BYTES_MAX: usize = 4 << 20;

/// Reading rests while more than this waits to be written in reply to the node, so that a node that asks but does not read
/// is held up: 1 MiB.
pub(crate) const REPLY_BYTES_HIGH: usize = 1 << 20;

/// What is read at once, and the least room that a connection keeps for reading.
pub(crate) const READ_BYTES: usize = 32 * 1024;

/// Reads in one turn of a connection; then others have their turn.
pub(crate) const READS_PER_TURN_MAX: usize = 4;

/// What an error quotes of a text that came from the node, so that it stays short.
pub(crate) const QUOTED_BYTES_MAX: usize = 80;
