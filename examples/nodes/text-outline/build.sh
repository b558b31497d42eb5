#!/usr/bin/env bash
# Compiles main.ts to main.js. The compiler is kept outside of this folder, whose whole content is the node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tools=${XDG_CACHE_HOME:-$HOME/.cache}/akao-node-tools/typescript-5.9.3
if [[ ! -x $tools/node_modules/.bin/tsc ]]; then
  npm install --prefix "$tools" --no-save --no-audit --no-fund --ignore-scripts typescript@5.9.3 @types/node@20.19.0
fi
"$tools/node_modules/.bin/tsc" --project . --typeRoots "$tools/node_modules/@types"
