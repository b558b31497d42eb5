//! The checked way out, against real servers on loopback and a resolver that lies.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

mod exchange;
mod policy;
mod server;
mod tls;
