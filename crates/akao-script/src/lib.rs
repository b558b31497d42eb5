//! Inline scripts as steps: a table of interpreters, each an external node whose package the program carries.
//!
//! An interpreter's program is put into the store of packages when a script first needs it, and from there goes the way of
//! every external node: a process in a sandbox, in a pool of one tenant. What is different is decided here: what a script
//! is given ([`request`]), how much memory and time it has, and how its failures are told ([`told`]). Each run starts afresh;
//! how the interpreter sees to that is its own business (`python/server.py`).

mod environment;
mod interpreter;
mod node_type;
mod package;
mod request;
mod runner;
mod told;

pub use environment::{
    Asked, Bundler, DEFAULT_ENVIRONMENT, Environment, EnvironmentError, EnvironmentMakers, EnvironmentOrder,
    EnvironmentPackage, Environments, ListedEnvironment, Program, ProgramError,
};
pub use interpreter::{
    BUNDLES, BUNDLES_PROGRAM, COMPILER, Carried, EnvironmentMaker, INTERPRETERS, Interpreter, PackageFile,
    ScriptRuntime,
};
pub use node_type::node_types;
pub use package::keep;
pub use runner::{ScriptOptions, Scripts};
