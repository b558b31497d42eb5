//! The program: it serves the socket that stands where standard input usually is, and ends with it.

fn main() {
    std::process::exit(akao_spawner::run());
}
