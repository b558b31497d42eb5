//! What this side offers on a connection.

use crate::limits::{IN_FLIGHT_MAX, MESSAGE_BYTES_DEFAULT, MESSAGE_BYTES_MAX};

/// What this side offers; `node.info` then agrees on the smaller of both sides' wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Longest message, 1 MiB to 16 MiB; other values are brought into that range.
    pub message_bytes_max: usize,
    /// Whether long messages may be compressed.
    pub compression: bool,
    /// Calls in flight, 1 to [`IN_FLIGHT_MAX`].
    pub in_flight_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { message_bytes_max: MESSAGE_BYTES_DEFAULT, compression: true, in_flight_max: 64 }
    }
}

impl Settings {
    /// The settings with every value in its range.
    pub(crate) fn bounded(mut self) -> Self {
        self.message_bytes_max = self.message_bytes_max.clamp(MESSAGE_BYTES_DEFAULT, MESSAGE_BYTES_MAX);
        self.in_flight_max = self.in_flight_max.clamp(1, IN_FLIGHT_MAX);
        self
    }
}
