#!/usr/bin/env bash
# Puts the SDKs beside the nodes, builds those that are built, runs their tests, and runs the workflow with all of them.
#
# It works on a copy below target/, so that the checkout stays as it is. Arguments go to `akao run`. AKAO names another
# program than the one of this checkout, which is built first; NODES another folder for the copy, which must be empty.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

need() {
  command -v "$1" >/dev/null || { echo "run.sh needs $1: install $2, or run \`cargo xtask setup\`" >&2; exit 1; }
}
need cargo "Rust from rustup.rs"
need go "golang-go"
need node "nodejs"
need jq "jq"
need python3 "python3"

if [[ -z ${AKAO:-} ]]; then
  cargo build --quiet --manifest-path "$root/Cargo.toml"
  AKAO=$root/target/debug/akao
fi

nodes=${NODES:-$root/target/example-nodes}
[[ -n ${NODES:-} ]] || rm -rf "$nodes"
mkdir -p "$nodes"
if [[ -n $(ls -A "$nodes") ]]; then
  echo "run.sh: $nodes is not empty" >&2
  exit 1
fi
cp -r "$root/examples/nodes/." "$nodes"
cd "$nodes"

# What sdk/README.md says that a node carries. `akao node init` does this for a new node.
mkdir -p {make-table,csv-statistics,text-outline,deduplicate,word-search}/akao
for node in make-table csv-statistics; do cp "$root"/sdk/python/src/akao/*.py $node/akao; done
cp -r "$root"/sdk/typescript/dist/. text-outline/akao
cp "$root"/sdk/go/{go.mod,context.go,failure.go,node.go,serve.go,session.go,wire.go} deduplicate/akao
cp -r "$root"/sdk/rust/{Cargo.toml,src} word-search/akao
cp "$root"/sdk/rust/Cargo.lock word-search
cp "$root"/sdk/shell/{akao.sh,session.sh,dispatch.jq} reshape

# text-outline/main.js is checked in; its build.sh is for who changes main.ts.
./deduplicate/build.sh >&2
./word-search/build.sh >&2

for manifest in */_.yaml; do
  node=$(dirname "$manifest")
  echo "$node:" >&2
  "$AKAO" node test "$node" >&2
done

exec "$AKAO" run workflow.yaml "$@"
