//! The program that compiles TypeScript in the sandbox: a node that speaks over descriptor 3. It has no file and no network,
//! and what it reads is hostile until shown otherwise; whatever it makes of it, only the same tenant is given it.

mod bundle;
mod commonjs;
mod compatible;
mod coverage;
mod exports;
mod facts;
mod lint;
mod literal;
mod module;
mod place;
mod resolve;
mod scan;
mod types;
mod worker;

fn main() {
    worker::serve()
}
