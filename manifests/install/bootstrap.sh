#!/bin/sh
# Brings the project's own dependencies, the right Node.js among them. Needs npm and any Node.js; does nothing when
# they are there and fit package-lock.json. Run, or sourced by its neighbours, for which it sets $root and $node.
root=$(cd "$(dirname "$0")/../.." && pwd -P)
node=$root/node_modules/node/bin/node
stamp=$root/node_modules/.nexus-installed
want=$(cksum <"$root/package-lock.json")
if [ ! -x "$node" ] || [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
  command -v npm >/dev/null 2>&1 || { echo "npm is missing; on Debian: apt-get install -y nodejs npm" >&2; exit 1; }
  echo "installing dependencies (npm ci) …" >&2
  # Of the scripts that packages would run, the one that brings Node.js alone is needed: others compile native parts, which
  # a release has not, and what a checkout runs is to be the same: see hasten-ciphers.ts.
  (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2 || { echo "npm ci failed; see above" >&2; exit 1; }
  (cd "$root/node_modules/node" && node installArchSpecificPackage.js) >&2 || true
  # npm links no program that is not there yet.
  ln -sf ../node/bin/node "$root/node_modules/.bin/node"
  [ -x "$node" ] || { echo "Node.js could not be installed for this platform; install Node.js 24 or newer and use cli/nexus" >&2; exit 1; }
  printf '%s' "$want" >"$stamp"
fi
PATH=$root/node_modules/.bin:$PATH
export PATH
