//! Documents that people write, read into checked values: every problem at once, each with its place and its cure.
//!
//! A [`Reader`] takes the values of a YAML document apart and writes down what is wrong with them; reading goes on without
//! a value that cannot be used. A [`Problem`] says where it is, what is wrong and what to do. [`property`] reads
//! declarations of values (the inputs of a workflow, the inputs and outputs of a node), [`value`] checks values against
//! them, [`suggest`] finds the name that was meant. What a document means is its own reader's business.

mod code;
mod path;
mod problem;
pub mod property;
mod reader;
pub mod suggest;
pub mod value;

pub use code::{Code, codes};
pub use path::{OwnedStep, Path, Step, parse as parse_path};
pub use problem::{PROBLEMS_MAX, Position, Problem, Problems, Severity};
pub use reader::{MISSPELT_MAX, Reader, kind_of, misspelt};
