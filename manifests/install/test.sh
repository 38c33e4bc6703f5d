#!/bin/sh
# npm test [-- tap arguments]: sets up what the tests need and runs them all, with line coverage checked.
set -eu
. "$(dirname "$0")/bootstrap.sh"
cd "$root"
# What one process has compiled, the next takes: a third of the start of a test, and of a server that it starts.
NODE_COMPILE_CACHE=$root/node_modules/.cache/compile
export NODE_COMPILE_CACHE
# tap is built for the plugins in .taprc once; what it builds is in node_modules and goes with them.
built=node_modules/@tapjs/.built
if ! cmp -s .taprc "$built"; then
  tap build >/dev/null 2>&1 || { echo "tap build failed; run it by hand to see why" >&2; exit 1; }
  cp .taprc "$built"
fi
"$node" --disable-warning=ExperimentalWarning manifests/install/test-setup.ts
plain="NODE_OPTIONS=--import=\"file://$root/test/support/plain-process.mjs\""
if [ $# -gt 0 ]; then
  exec tap run --disable-coverage "--test-env=$plain" "$@"
fi
"$node" manifests/release/build.ts --bundle
rm -rf .tap/coverage
mkdir -p .tap/coverage
{
  status=0
  tap run --disable-coverage "--test-env=$plain" "--test-env=NODE_V8_COVERAGE=$root/.tap/coverage" || status=$?
  echo "$status" >.tap/status
} | tee .tap/run.tap
status=$(cat .tap/status)
c8 report --temp-directory=.tap/coverage --reports-dir=.tap/report --reporter=json-summary --merge-async \
  --include='controller/**' --include='agent/**' --include='cli/**' --include='crds/**' --include='manifests/**'
"$node" manifests/install/coverage.ts || status=1
"$node" manifests/install/test-summary.ts .tap/run.tap
exit "$status"
