//! The nodes that reach outside, over the real ports: files in a folder, servers on loopback.
#![expect(clippy::unwrap_used, reason = "what a test sets up fails by panicking")]

mod email;
mod file_scanner;
mod generate_file;
mod http_request;
mod parse_file;
mod sql_query;
mod support;
