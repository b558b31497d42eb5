#!/usr/bin/env bash
# Builds bin/word-search. What cargo makes on the way is kept outside of this folder, whose whole content is the node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/akao-node-build/com-example-word-search-$(pwd -P | cksum | cut -d' ' -f1)}
cargo build --release --target-dir "$target"
install -D "$target/release/com-example-word-search" bin/word-search
