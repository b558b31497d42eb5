#!/usr/bin/env bash
# Builds bin/deduplicate. Go keeps its intermediate files outside of this folder, whose whole content is the node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o bin/deduplicate .
