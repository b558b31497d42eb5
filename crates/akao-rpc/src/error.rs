//! Everything that can go wrong with a connection or a call, each with a name that logs, audit and tests use.

use crate::remote::RemoteError;
use akao_contract::{ErrorKind, StepError};

/// Why a call has no answer, or why a connection ended.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// A message is longer than agreed.
    #[error("the node sent a message of more than {bytes_max} bytes")]
    MessageTooLong {
        /// The agreed limit.
        bytes_max: usize,
    },
    /// A message is nested too deeply.
    #[error("the node sent a message with more than {depth_max} levels")]
    TooDeep {
        /// The limit.
        depth_max: usize,
    },
    /// A message holds too many values.
    #[error("the node sent a message with more than {values_max} values")]
    TooManyValues {
        /// The limit.
        values_max: usize,
    },
    /// An object holds a key twice.
    #[error("the node sent an object that holds the key {key:?} twice")]
    DuplicateKey {
        /// The key, shortened.
        key: String,
    },
    /// A line is not a JSON document.
    #[error("the node sent a line that is not JSON: {reason}")]
    NotJson {
        /// What the reader says.
        reason: String,
    },
    /// A message is not UTF-8.
    #[error("the node sent a message that is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Where the first bad byte stands.
        offset: usize,
    },
    /// A message holds a zero byte, or a name in it holds `\u0000`.
    #[error("the node sent a message with U+0000 as a byte or in a name")]
    Nul,
    /// A string holds half of a surrogate pair.
    #[error("the node sent a string that holds half of a surrogate pair")]
    LoneSurrogate,
    /// A document is JSON and not a JSON-RPC 2.0 message of this protocol.
    #[error("the node sent a document that is not a message: {reason}")]
    NotMessage {
        /// What is wrong with it.
        reason: String,
    },
    /// The line before a compressed message is wrong.
    #[error("the node sent a compressed message with a bad head: {reason}")]
    BadFrame {
        /// What is wrong with it.
        reason: String,
    },
    /// Compressed bytes cannot be unpacked.
    #[error("the node sent a compressed message that cannot be unpacked: {reason}")]
    BadCompression {
        /// What the decoder says.
        reason: String,
    },
    /// Something was used that `node.info` did not agree on.
    #[error("{what} was used although `node.info` did not agree on it")]
    NotNegotiated {
        /// What was used.
        what: &'static str,
    },
    /// An answer or event names a call that was never made.
    #[error("the node named the call {id:?}, which was never made")]
    UnknownId {
        /// The id, shortened.
        id: String,
    },
    /// A call was answered twice.
    #[error("the node answered the call {id:?} twice")]
    DuplicateAnswer {
        /// The id.
        id: String,
    },
    /// The node used the id of a request again before that was answered.
    #[error("the node used the id {id:?} for two requests at once")]
    DuplicateRequest {
        /// The id, shortened.
        id: String,
    },
    /// A stream sent more than it was granted.
    #[error("the stream {stream:?} sent {bytes} bytes more than it was granted")]
    NoCredit {
        /// The stream, shortened.
        stream: String,
        /// By how much.
        bytes: usize,
    },
    /// A call opened too many streams.
    #[error("the node opened more than {streams_max} streams for one call")]
    TooManyStreams {
        /// The limit.
        streams_max: usize,
    },
    /// More messages than anybody asked for.
    #[error("the node sent a flood of {what}")]
    Flood {
        /// What there were too many of.
        what: &'static str,
    },
    /// No common version of the protocol.
    #[error("the node speaks version {answered} of the protocol; offered were {offered:?}")]
    WrongVersion {
        /// The versions that were offered.
        offered: Vec<u32>,
        /// The one that was answered.
        answered: u32,
    },
    /// The node says that it could not read a message.
    #[error("the node could not read a message: {message} ({code})")]
    PeerRefused {
        /// The JSON-RPC code.
        code: i64,
        /// The node's words, shortened.
        message: String,
    },
    /// Too many calls were given up and never answered.
    #[error("the node left {calls} calls unanswered that were given up")]
    TooManyAbandoned {
        /// How many.
        calls: usize,
    },
    /// The connection ended in the middle of a message.
    #[error("the node closed the connection after {bytes} bytes of an unfinished message")]
    HalfLine {
        /// How much of the message had come.
        bytes: usize,
    },
    /// The node closed the connection.
    #[error("the node closed the connection")]
    Closed,
    /// This side closed the connection.
    #[error("the connection was closed here")]
    ClosedHere,
    /// The socket failed.
    #[error("the connection to the node failed: {reason}")]
    Io {
        /// What the system says.
        reason: String,
    },
    /// The node answered a call with a JSON-RPC error.
    #[error("{0}")]
    Answered(Box<RemoteError>),
    /// An answer does not have the shape that the method asks for.
    #[error("the answer to `{method}` is not usable: {reason}")]
    BadAnswer {
        /// The method.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A result holds an integer that not every language reads exactly.
    #[error("{place} hold an integer beyond 2^53, which must be sent as a string")]
    IntegerTooLarge {
        /// `the parameters` or `the answer`.
        place: &'static str,
    },
    /// Parameters cannot be sent: too long.
    #[error("the request is {bytes} bytes long; at most {bytes_max} were agreed")]
    RequestTooLong {
        /// Length of the request.
        bytes: usize,
        /// The agreed limit.
        bytes_max: usize,
    },
    /// Parameters cannot be sent: too deep.
    #[error("the parameters have too many levels; a message has at most {depth_max}")]
    RequestTooDeep {
        /// The limit.
        depth_max: usize,
    },
    /// Parameters cannot be sent: a key holds U+0000.
    #[error("the parameters hold a key with U+0000, which a message may not")]
    RequestNul,
    /// Parameters hold `$items` for a node that takes one input at a time.
    #[error("the node {node:?} does not take `$items`: `node.info` did not say `batch: true`")]
    NoBatch {
        /// The node.
        node: String,
    },
    /// A call other than `node.info` was made before that was answered.
    #[error("`node.info` has not been answered yet")]
    NotReady,
    /// A call was not answered in time.
    #[error("no answer to `{method}` within {limit_ms} ms")]
    TimedOut {
        /// The method.
        method: &'static str,
        /// The caller's limit.
        limit_ms: u64,
    },
    /// The node does not read.
    #[error("{bytes} bytes wait because the node does not read")]
    Backlog {
        /// What waits.
        bytes: usize,
    },
    /// Too many calls at once.
    #[error("{calls_max} calls are in flight already")]
    TooManyCalls {
        /// The limit.
        calls_max: usize,
    },
}

/// What the engine is told about a failure.
struct Meaning {
    name: &'static str,
    kind: ErrorKind,
    /// The node broke the protocol, and the connection is closed for it.
    offence: bool,
}

const fn offence(name: &'static str) -> Meaning {
    Meaning { name, kind: ErrorKind::Protocol, offence: true }
}

const fn failure(name: &'static str, kind: ErrorKind) -> Meaning {
    Meaning { name, kind, offence: false }
}

impl RpcError {
    /// The error's stable name, such as `duplicate_key`.
    pub fn name(&self) -> &'static str {
        self.meaning().name
    }

    /// Whether the node broke the protocol. The connection is closed for it.
    pub fn is_offence(&self) -> bool {
        self.meaning().offence
    }

    /// Whether the connection ended with this.
    pub fn ends_connection(&self) -> bool {
        self.is_offence() || matches!(self, Self::Closed | Self::ClosedHere | Self::Io { .. })
    }

    /// What the step is told. A crash is `internal`; whether another attempt may help then depends on the node type, so
    /// that the caller sets it.
    pub fn to_step_error(&self) -> StepError {
        if let Self::Answered(remote) = self {
            return remote.to_step_error();
        }
        let meaning = self.meaning();
        StepError::new(meaning.kind, self.to_string()).with_detail("reason", meaning.name)
    }

    fn meaning(&self) -> Meaning {
        match self {
            Self::MessageTooLong { .. } => offence("message_too_long"),
            Self::TooDeep { .. } => offence("too_deep"),
            Self::TooManyValues { .. } => offence("too_many_values"),
            Self::DuplicateKey { .. } => offence("duplicate_key"),
            Self::NotJson { .. } => offence("not_json"),
            Self::NotUtf8 { .. } => offence("not_utf8"),
            Self::Nul => offence("nul"),
            Self::LoneSurrogate => offence("lone_surrogate"),
            Self::NotMessage { .. } => offence("not_message"),
            Self::BadFrame { .. } => offence("bad_frame"),
            Self::BadCompression { .. } => offence("bad_compression"),
            Self::NotNegotiated { .. } => offence("not_negotiated"),
            Self::UnknownId { .. } => offence("unknown_id"),
            Self::DuplicateAnswer { .. } => offence("duplicate_answer"),
            Self::DuplicateRequest { .. } => offence("duplicate_request"),
            Self::NoCredit { .. } => offence("no_credit"),
            Self::TooManyStreams { .. } => offence("too_many_streams"),
            Self::Flood { .. } => offence("flood"),
            Self::WrongVersion { .. } => offence("wrong_version"),
            Self::PeerRefused { .. } => offence("peer_refused"),
            Self::TooManyAbandoned { .. } => offence("too_many_abandoned"),
            Self::HalfLine { .. } => offence("half_line"),
            Self::Closed => failure("closed", ErrorKind::Internal),
            Self::ClosedHere => failure("closed_here", ErrorKind::Internal),
            Self::Io { .. } => failure("io", ErrorKind::Internal),
            Self::Answered(_) => failure("answered", ErrorKind::Internal),
            Self::BadAnswer { .. } => failure("bad_answer", ErrorKind::Protocol),
            Self::IntegerTooLarge { place: "the parameters" } => failure("integer_too_large", ErrorKind::Input),
            Self::IntegerTooLarge { .. } => failure("integer_too_large", ErrorKind::Protocol),
            Self::RequestTooLong { .. } => failure("request_too_long", ErrorKind::Input),
            Self::RequestTooDeep { .. } => failure("request_too_deep", ErrorKind::Input),
            Self::RequestNul => failure("request_nul", ErrorKind::Input),
            Self::NoBatch { .. } => failure("no_batch", ErrorKind::Input),
            Self::NotReady => failure("not_ready", ErrorKind::Internal),
            Self::TimedOut { .. } => failure("timed_out", ErrorKind::Timeout),
            Self::Backlog { .. } => failure("backlog", ErrorKind::Resource),
            Self::TooManyCalls { .. } => failure("too_many_calls", ErrorKind::Resource),
        }
    }
}
