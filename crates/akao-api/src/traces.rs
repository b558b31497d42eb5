//! The part of a trace that a request is. What becomes of it, whoever made the server decides.

use std::{fmt, sync::Arc, time::Duration};

/// A request that was answered, as a span of a trace.
#[derive(Debug, Clone, Copy)]
pub struct RequestSpan<'a> {
    /// Its own place, as [`Traces::open`] gave it.
    pub traceparent: &'a str,
    /// The place above it, as the request named it.
    pub parent: Option<&'a str>,
    /// The method.
    pub method: &'a str,
    /// The path of its route, with the names of parameters.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
    /// The number by which its lines of the log are found.
    pub correlation_id: &'a str,
}

/// Where traces are told.
pub trait Traces: Send + Sync {
    /// A place for a request below the one that it names, or at the head of a trace of its own: a W3C `traceparent`. Whether a
    /// trace is told that began elsewhere is decided there, when it is somebody `known` who asks, and here for anybody else.
    fn open(&self, parent: Option<&str>, known: bool) -> String;

    /// The request was answered.
    fn close(&self, request: &RequestSpan<'_>);
}

/// Where traces are told, if anywhere.
#[derive(Clone, Default)]
pub(crate) struct Told(pub(crate) Option<Arc<dyn Traces>>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Told" } else { "Untold" })
    }
}
