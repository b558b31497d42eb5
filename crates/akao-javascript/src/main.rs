//! The program that runs inline JavaScript in the sandbox: a node that speaks over descriptor 3.

fn main() {
    akao_javascript::worker::serve()
}
