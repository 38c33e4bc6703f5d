#!/bin/sh
# npm test [-- FILE|GLOB…]: sets up what the tests need and runs them, all with line coverage checked, or these.
# With --setup, the set-up alone.
set -eu
. "$(dirname "$0")/bootstrap.sh"
cd "$root"
# What one process has compiled, the next takes: a third of the start of a test, and of a server that it starts.
NODE_COMPILE_CACHE=$root/node_modules/.cache/compile
export NODE_COMPILE_CACHE
set_up() { "$node" --disable-warning=ExperimentalWarning manifests/install/test-setup.ts "$@"; }
"$node" manifests/install/test-packages.mjs
case ${1-} in
'') ;;
--setup)
  # Beside what waits for the network.
  "$node" manifests/release/build.ts --bundle &
  set_up --all
  wait $!
  exit
  ;;
*)
  set_up
  exec "$node" test/run.ts "$@"
  ;;
esac
rm -rf .tap/coverage
mkdir -p .tap
{
  status=0
  NEXUS_COVERAGE=$root/.tap/coverage "$node" test/run.ts || status=$?
  echo "$status" >.tap/status
} | tee .tap/run.tap
status=$(cat .tap/status)
c8 report --temp-directory=.tap/coverage --reports-dir=.tap/report --reporter=json-summary \
  --include='controller/**' --include='agent/**' --include='cli/**' --include='crds/**' --include='manifests/**'
"$node" manifests/install/coverage.ts || status=1
"$node" manifests/install/test-summary.ts .tap/run.tap
exit "$status"
