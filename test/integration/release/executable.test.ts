import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { connect } from '../../../controller/client/connect.ts';
import { CERTIFICATE_SIGNING_REQUEST } from '../../../crds/kinds.ts';
import { buildRelease } from '../../support/build-release.ts';
import { builtProgram } from '../../support/built-program.ts';
import { newCertificateRequest } from '../../support/certificate-request.ts';
import { findTestEngine, noTestEngine } from '../../support/engine.ts';
import { ensureTestImage } from '../../support/images.ts';
import { freePorts } from '../../support/ports.ts';
import { layServerTls } from '../../support/server-tls.ts';
import { untilObject } from '../../support/until-object.ts';

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

/** A controller as the executable runs it, on this machine. Ended with the test. */
async function startController(t: Test): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'nexus-executable-'));
  await layServerTls(home);
  const [port] = await freePorts(1);
  const listen = [`--listen=127.0.0.1:${port}`, '--gateway-listen=127.0.0.1:0', '--log-level=warn'];
  const child = spawn(await builtProgram(), ['controller', ...listen], {
    env: { PATH: process.env.PATH, HOME: home, NEXUS_HOME: home },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill();
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  const ready = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (!ready) throw new Error('the controller ended before it was ready');
  return home;
}

t.test('a client certificate is asked for, approved and used', async t => {
  const home = await startController(t);
  const kubeconfig = join(home, 'kubeconfig');
  const kubectl = (...args: string[]) =>
    run('kubectl', args, { env: { PATH: process.env.PATH, HOME: home } });
  const admin = (...args: string[]) => kubectl(`--kubeconfig=${kubeconfig}`, ...args);
  const { request, key } = await newCertificateRequest('ann', ['dev']);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const file = (name: string, text: string) => {
    writeFileSync(join(home, name), text);
    return join(home, name);
  };
  const asked = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'ann' },
    spec: {
      request: base64(request),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
    },
  };
  await admin('create', '-f', file('asked.json', JSON.stringify(asked)));
  await admin('certificate', 'approve', 'ann');
  const { client, connection } = await connect({ file: kubeconfig });
  t.teardown(() => client.close());
  const certificate = await untilObject(
    client,
    CERTIFICATE_SIGNING_REQUEST,
    { name: 'ann' },
    {
      look: found => found?.status?.certificate,
      timeoutMs: 10_000,
      what: last => `a certificate; there was ${JSON.stringify(last?.status)}`,
    },
  );
  const { stdout } = await kubectl(
    `--server=${connection.server}`,
    `--certificate-authority=${file('ca.crt', connection.ca!)}`,
    `--client-certificate=${file('ann.crt', Buffer.from(certificate, 'base64').toString())}`,
    `--client-key=${file('ann.key', key)}`,
    ...['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username} {.status.userInfo.groups}'],
  );
  t.equal(stdout, 'ann ["dev","system:authenticated"]');
});

t.test('a platform that there is no release for is refused with those that there are', async t => {
  const refused = await build(t.testdir({}), '--platform=plan9-mips').catch(error => error.stderr);
  t.match(refused, /no release for plan9-mips; there are: linux-x64, /);
});
