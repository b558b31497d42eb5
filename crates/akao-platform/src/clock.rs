//! The time, given from outside so that a test can let a token expire.

use std::sync::Arc;

/// Tells the time, in Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
