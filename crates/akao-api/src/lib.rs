//! The server's face: HTTP in, the platform's answers out.
//!
//! Everything hangs on one table of [`Route`]s. A route says what it needs, takes and answers; the router, the checks before a
//! handler runs, the metrics and the OpenAPI document are made from it. A route without its [`Access`] cannot be written down.
//!
//! Handlers are thin: they read the request, ask the platform in the actor's name, and turn the answer into a document.

mod answer;
mod app;
mod body;
mod browser;
mod condition;
mod console;
mod documents;
mod exposition;
mod guard;
mod live;
mod metrics;
mod openapi;
mod problem;
mod query;
mod route;
mod routes;
mod runners;
mod schemas;
mod server;
mod shares;
mod source;
mod stream;
mod traces;

pub use app::{App, Settings};
pub use exposition::{Durations, Exposition};
pub use metrics::Figures;
pub use openapi::document as openapi_document;
pub use problem::status_of;
pub use route::{Access, Route};
pub use routes::table;
pub use runners::{Runner, RunnerPool};
pub use server::{Bound, serve};
pub use source::{Network, NoNetwork};
pub use traces::{RequestSpan, Traces};
