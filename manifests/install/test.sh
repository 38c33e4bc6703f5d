#!/bin/sh
# npm test [-- tap arguments]: sets up what the tests need and runs them all, with line coverage checked.
set -eu
. "$(dirname "$0")/bootstrap.sh"
cd "$root"
[ -d .tap/plugins ] || tap build >/dev/null 2>&1
"$node" --disable-warning=ExperimentalWarning manifests/install/test-setup.ts
if [ $# -gt 0 ]; then
  exec tap run --disable-coverage "$@"
fi
status=0
tap run --coverage-report=json-summary --coverage-report=text-summary || status=$?
"$node" manifests/install/coverage.ts || status=1
exit "$status"
