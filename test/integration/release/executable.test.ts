import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { buildRelease } from '../../support/build-release.ts';
import { builtProgram } from '../../support/built-program.ts';
import { findTestEngine, noTestEngine } from '../../support/engine.ts';
import { ensureTestImage } from '../../support/images.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../../..');
const EXECUTABLE = `nexus-${process.platform}-${process.arch}`;

async function build(out: string, ...args: string[]): Promise<string> {
  await buildRelease([`--out=${out}`, ...args], ROOT);
  return out;
}

/** What a person does with it, on a machine that has nothing else. */
const SCRIPT = `
set -eu
! command -v node
nexus version --client
nexus completion bash | head -1
nexus up --drivers=memory >/tmp/log 2>&1 & up=$!
until nexus get nodes >/dev/null 2>&1; do kill -0 $up || { cat /tmp/log; exit 1; }; sleep 0.1; done
nexus wait nodes -l nexus.dev/os --for condition=Ready --timeout 180s
nexus apply -f - --wait <<EOF
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: shop}
spec: {driver: memory, services: [{name: web, command: serve, port: 3000}]}
EOF
nexus get ws shop -o jsonpath='{.status.phase}{"\\n"}'
nexus apply -f - <<EOF
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: shop}
spec: {driver: memory, services: [{name: web, command: serve, port: 3000}]}
EOF
nexus backup /tmp/backup.db
nexus delete ws shop
kill $up
wait $up
echo "stopped with $?"
`;

t.test('the executable runs on a bare Debian', { skip: await noTestEngine() }, async t => {
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const image = await ensureTestImage(engine.docker, 'plain');
  // Of a build that other tests use too, in a folder of another name.
  const out = dirname(await builtProgram());
  const { stdout } = await run('docker', [
    ...['-H', `unix://${engine.socketPath}`, 'run', '--rm', '--network=none', '--init'],
    ...['-v', `${join(out, EXECUTABLE)}:/usr/local/bin/nexus:ro`, image, 'sh', '-c', SCRIPT],
  ]);
  t.match(stdout, /^nexus \S+ \(release, commit \w+/);
  t.match(stdout, /^# nexus completion for bash/m);
  t.match(stdout, /shop created/);
  t.match(stdout, /^Running$/m);
  t.match(stdout, /shop unchanged/);
  t.match(stdout, /^stopped with 0$/m);

  const sums = readFileSync(join(out, 'SHA256SUMS'), 'utf8');
  t.match((await run('sha256sum', ['-c', 'SHA256SUMS'], { cwd: out })).stdout, `${EXECUTABLE}: OK`);
  const licenses = readFileSync(join(out, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const name of ['node', 'fastify', 'ssh2', 'yaml'])
    t.match(licenses, new RegExp(`^${name} \\d+\\.`, 'm'));
  await t.test('the same sources give the same bytes', async t => {
    const again = await build(t.testdir({}));
    t.equal(readFileSync(join(again, 'SHA256SUMS'), 'utf8'), sums);
    t.equal(readFileSync(join(again, 'nexus.cjs'), 'utf8'), readFileSync(join(out, 'nexus.cjs'), 'utf8'));
  });
});

t.test('a platform that there is no release for is refused with those that there are', async t => {
  const refused = await build(t.testdir({}), '--platform=plan9-mips').catch(error => error.stderr);
  t.match(refused, /no release for plan9-mips; there are: linux-x64, /);
});
