//! YAML 1.2 (core schema) with positions, within a budget.
//!
//! [`load`] turns a text into a tree of [`Node`]s that know where they stand; [`to_value`] gives the plain JSON value;
//! [`to_string`] writes a value back. JSON is YAML too. What differs from a general YAML library is deliberate: the text,
//! its depth, its nodes and what aliases may multiply are bounded by a [`Budget`]; tags, merge keys, duplicate keys,
//! several documents and numbers that JSON cannot hold are refused with a sentence that says what to write instead.
//!
//! ```
//! let value = akao_yaml::to_value("retries: 3\nanswer: no\n")?;
//! assert_eq!(value, serde_json::json!({"retries": 3, "answer": "no"}));
//! assert_eq!(akao_yaml::to_string(&value), "retries: 3\nanswer: \"no\"\n");
//! # Ok::<(), akao_yaml::Error>(())
//! ```

mod budget;
mod emit;
mod error;
mod input;
mod lines;
mod load;
mod node;
mod scalar;
mod syntax;

pub use budget::Budget;
pub use emit::to_string;
pub use error::{Error, ErrorKind};
pub use load::{load, load_bytes};
pub use node::{Entry, Key, Node, Position, Style, Value};

/// Reads a text as a plain JSON value, within the default [`Budget`].
pub fn to_value(text: &str) -> Result<serde_json::Value, Error> {
    Ok(load(text, &Budget::default())?.into_value())
}
