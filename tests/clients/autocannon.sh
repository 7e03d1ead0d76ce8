#!/bin/bash
# autocannon, from npm, against a running server: tests/clients/autocannon.sh URL
# Installs the pinned version into a folder that is removed afterwards.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$here"/package*.json "$here/autocannon.mjs" "$folder"
npm ci --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts
node "$folder/autocannon.mjs" "$1"
