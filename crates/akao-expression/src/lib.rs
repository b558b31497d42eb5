//! Expressions (`${…}` and `{{ … }}`), templates and conditions over JSON values.
//!
//! The language is data-only: it has no loops, no assignments, no clock, no randomness and no way to the outside. The
//! evaluator is our own, so that every operator and every filter pays from one budget *before* it allocates; template
//! engines bound instructions but not memory. Syntax and meaning are Jinja's, and a differential test keeps them so.
//!
//! - [`Expression`]: one expression; [`Template`]: any JSON value with expressions in its strings;
//!   [`condition()`]: what `if` takes.
//! - [`Scope`]: what an expression sees; the interpreter implements it, [`MapScope`] holds plain values.
//! - [`limits`]: the bounds. Hostile input ends in an error, not in a long wait or much memory.
//!
//! The crate builds for `wasm32-unknown-unknown`.

mod blob;
mod checks;
mod condition;
mod error;
mod evaluate;
mod expression;
mod filters;
pub mod limits;
mod missing;
mod operators;
mod parse;
mod program;
mod scan;
mod scope;
mod secret;
mod suggest;
mod template;
mod token;

pub use condition::{Condition, condition};
pub use error::{CompileError, EvalError};
pub use expression::{Expression, evaluate_over};
pub use scope::{MapScope, Namespace, Reference, Scope};
pub use secret::{MASK, Rendered, SecretPart, SecretUse};
pub use template::Template;
