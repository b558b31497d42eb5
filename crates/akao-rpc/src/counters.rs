//! What a connection counts.

/// Numbers since the connection was opened. What is dropped is never silent: it is counted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Calls that were made.
    pub calls: u64,
    /// Calls that were answered while somebody waited.
    pub answers: u64,
    /// Answers to calls that had been given up.
    pub late_answers: u64,
    /// Progress, logs and output of calls that had ended.
    pub late_events: u64,
    /// Progress that was replaced by newer progress before it was told.
    pub progress_replaced: u64,
    /// Log lines beyond the limit.
    pub logs_dropped: u64,
    /// Bytes of output that nobody wanted.
    pub output_dropped_bytes: u64,
    /// Requests of the node that were answered.
    pub host_calls: u64,
    /// Requests and notifications of the node with unknown methods or unusable parameters.
    pub refused: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Writes of the system; fewer than calls where calls were sent together.
    pub writes: u64,
}
