#!/bin/sh
# npm start: from nothing to a running workspace on this machine.
set -eu
. "$(dirname "$0")/bootstrap.sh"
exec "$node" --disable-warning=ExperimentalWarning "$root/manifests/install/start.ts" "$@"
