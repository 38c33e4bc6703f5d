import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { NODE } from '../../../crds/kinds.ts';
import { dockerByHand } from '../../support/docker-by-hand.ts';
import { findTestEngine } from '../../support/engine.ts';
import type { EngineByHand } from '../../support/engine-by-hand.ts';
import { greeting } from '../../support/greeting.ts';
import { memberManifest } from '../../support/member.ts';
import { type NexusUp, nexusUp } from '../../support/nexus-up.ts';
import { freePorts } from '../../support/ports.ts';
import { patience, until } from '../../support/until.ts';

const run = promisify(execFile);
const KEY = generateSshKey('alice@laptop');

const HELLO = `python3 -u -c '
import socket
s = socket.create_server(("127.0.0.1", 3000))
while True:
    c = s.accept()[0]
    c.sendall(b"hello from inside")
    c.close()'`;

const manifest = (image: string) => `${memberManifest('alice', KEY.publicKey)}---
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: shop}
spec:
  image: ${image}
  ssh: {authorizedKeys: ['${KEY.publicKey}']}
  services: [{name: web, port: 3000, command: ${JSON.stringify(HELLO)}}]
`;

/** Alice's own laptop: her key, and a NEXUS_HOME that knows the server. */
function laptop(up: NexusUp) {
  // Short, since sockets are in it.
  const home = mkdtempSync(join(tmpdir(), 'a-'));
  const nexusHome = join(home, '.nexus');
  mkdirSync(nexusHome, { mode: 0o700 });
  mkdirSync(join(home, '.ssh'), { mode: 0o700 });
  writeFileSync(join(home, '.ssh', 'id_ed25519'), KEY.privateKey, { mode: 0o600 });
  writeFileSync(join(nexusHome, 'kubeconfig'), readFileSync(up.kubeconfig), { mode: 0o600 });
  // ssh looks for keys in the account's home, not in HOME.
  const preferences = { version: 1, ssh: { keyPath: '~/.ssh/id_ed25519' } };
  writeFileSync(join(nexusHome, 'config.json'), JSON.stringify(preferences));
  const env = { HOME: home, NEXUS_HOME: nexusHome };
  return {
    home,
    config: join(home, '.ssh', 'config'),
    ours: join(nexusHome, 'ssh', 'config'),
    cli: (args: string[], options: Parameters<NexusUp['cli']>[1] = {}) => up.cli(args, { ...options, env }),
    ssh: async (...args: string[]) =>
      (await run('ssh', ['-F', join(home, '.ssh', 'config'), ...args], { timeout: patience(60_000) })).stdout,
    remove: () => rmSync(home, { recursive: true }),
  };
}

async function tests(engine: EngineByHand) {
  const image = await engine.image();
  const up = await nexusUp({ engine });
  t.teardown(() => up.destroy());
  const alice = laptop(up);
  t.teardown(alice.remove);
  const applied = await up.apply(manifest(image), '--wait', '--timeout', '180s');
  t.equal(applied.code, 0, applied.code === 0 ? 'ready' : applied.stderr);
  /** People are told to reach the node at `address`. */
  const moveNode = async (address: string | null) => {
    const patch = () => up.client.patch(NODE, { name: up.node }, 'merge', { spec: { address } });
    // The server may only be starting again.
    await until(() => patch().catch(() => undefined), { timeoutMs: 10_000, what: () => 'the server' });
    await up.untilWorkspace(
      'shop',
      `is told at ${address}`,
      ({ status }) => status?.ssh?.host === (address ?? '127.0.0.1'),
    );
  };
  const viaGateway = /^by way of the gateway 127\.0\.0\.1:\d+ to dev@shop\.default; /m;

  await t.test('every command goes by way of the gateway when told to', async t => {
    const via = ['--via', 'gateway'];
    t.match(await alice.cli(['exec', 'shop', '-v', ...via, '--', 'hostname']), {
      code: 0,
      stdout: 'shop\n',
      stderr: viaGateway,
    });
    t.match(await alice.cli(['ssh', 'shop', ...via, 'id -un']), { code: 0, stdout: 'dev\n' });
    t.match(await alice.cli(['exec', 'shop', ...via, '--', 'sh', '-c', 'exit 3']), { code: 3 });
    t.match(await alice.cli(['logs', 'shop', 'web', ...via]), { code: 0 });
    const dir = t.testdir({ 'a b': 'one' });
    t.equal((await alice.cli(['cp', join(dir, 'a b'), 'shop:', ...via])).code, 0);
    t.equal((await alice.cli(['cp', 'shop:a b', join(dir, 'back'), ...via])).code, 0);
    t.equal(readFileSync(join(dir, 'back'), 'utf8'), 'one');
    const { stdout } = await alice.cli(['ssh', 'shop', '--print', ...via]);
    t.equal((await run('sh', ['-c', `${stdout.trim()} hostname`])).stdout, 'shop\n', 'what is printed works');
  });

  await t.test('who has no key of a User is told what lets them in', async t => {
    t.match(await up.cli(['exec', 'shop', '--via', 'gateway', '--', 'hostname']), {
      code: 255,
      stderr: /Permission denied[\s\S]*\nnext: .* nexus user add NAME --role admin --key .*\.pub\n/,
    });
  });

  await t.test('a node whose port is not reached leaves the gateway, and -v says why', async t => {
    await moveNode('127.3.2.1');
    t.match(await alice.cli(['exec', 'shop', '-v', '--', 'hostname']), {
      ...{ code: 0, stdout: 'shop\n' },
      stderr:
        /^by way of the gateway .*; direct, to 127\.3\.2\.1:\d+: nothing listens there; host keys of both checked$/m,
    });
    t.match(await alice.cli(['exec', 'shop', '--via', 'direct', '--', 'hostname']), {
      code: 255,
      stderr: /Connection refused[\s\S]*note: ssh ended with 255 \(direct to/,
    });
  });

  await t.test('ssh-config makes a jump host for what is not reached directly', async t => {
    t.match(await alice.cli(['ssh-config']), {
      code: 0,
      stdout: /1 workspace of nexus \(1 by way of the gateway\)/,
    });
    t.match(
      readFileSync(alice.ours, 'utf8'),
      /^Host nexus-gateway-nexus\n[\s\S]*ProxyJump nexus-gateway-nexus$/m,
    );
    t.equal(await alice.ssh('shop', 'hostname'), 'shop\n');
    await run('rsync', ['-a', '-e', `ssh -F ${alice.config}`, 'shop:a b', join(alice.home, 'synced')]);
    t.equal(readFileSync(join(alice.home, 'synced'), 'utf8'), 'one');
    for (const name of ['shop', 'nexus-gateway-nexus']) {
      const checked = await run('ssh', ['-F', alice.config, '-O', 'check', name]);
      t.match(checked.stderr, /Master running/, `${name} is shared`);
      await run('ssh', ['-F', alice.config, '-O', 'exit', name]);
    }
  });

  await t.test('of an address that may be reached or not, ssh finds out by itself', async t => {
    // An address of this machine: the port is published on loopback alone, so that it is refused there.
    const [own] = Object.values(networkInterfaces()).flatMap(
      list => list?.filter(({ internal, family }) => !internal && family === 'IPv4') ?? [],
    );
    const address = own?.address ?? '';
    await moveNode(address);
    t.match(await alice.cli(['ssh-config', 'update']), {
      stdout: /directly where the node is reached, else by way/,
    });
    t.match(await alice.ssh('-G', 'shop'), /^proxyjump nexus-gateway-nexus$/m);
    t.equal(await alice.ssh('shop', 'hostname'), 'shop\n');
    await run('ssh', ['-F', alice.config, '-O', 'exit', 'shop']);
    const text = readFileSync(alice.ours, 'utf8');
    writeFileSync(alice.ours, text.replaceAll(` ${address}`, ' localhost'));
    t.match(await alice.ssh('-G', 'shop'), /^hostname localhost$/m, 'the published key answers there');
    t.equal(await alice.ssh('shop', 'hostname'), 'shop\n');
    await run('ssh', ['-F', alice.config, '-O', 'exit', 'shop']);
    writeFileSync(alice.ours, text);
  });

  await t.test(
    'a forward comes back after the gateway did, and goes another way when there is one',
    async t => {
      const [port = 0] = await freePorts(1);
      const abort = new AbortController();
      let seen = '';
      let notes = '';
      const forward = alice.cli(['port-forward', 'shop', `${port}:web`], {
        signal: abort.signal,
        onOutput: text => {
          seen = text;
        },
        onNote: text => {
          notes = text;
        },
      });
      const killServer = async (times: number) => {
        const pid = await until(() => up.pids().server, { timeoutMs: 10_000, what: () => 'the server' });
        process.kill(pid, 'SIGKILL');
        await until(() => notes.match(/^connection lost/gm)?.length === times, {
          timeoutMs: 10_000,
          what: () => `the loss to be told in ${notes}`,
        });
      };
      await until(() => seen, { timeoutMs: 10_000, what: () => 'the forward to stand' });
      t.equal(await greeting(port), 'hello from inside');
      await killServer(1);
      t.equal(await greeting(port), 'hello from inside', 'who connects meanwhile is kept waiting');
      // The node is reached now: the next link is direct.
      await moveNode(null);
      await killServer(2);
      t.equal(await greeting(port), 'hello from inside');
      abort.abort('SIGINT');
      const { code, stderr } = await forward;
      t.equal(code, EXIT.done);
      const told = [
        ...stderr.matchAll(/^(connection lost|connected again after [\d.]+ s, (by way|direct))/gm),
      ];
      t.match(
        told.map(([, what, way]) => way ?? what),
        ['connection lost', 'by way', 'connection lost', 'direct'],
      );
    },
  );

  await t.test('who may not is refused, and told so', async t => {
    const gone = await up.cli(['delete', 'rolebindings.rbac.authorization.k8s.io', 'alice']);
    t.equal(gone.code, 0, gone.stderr);
    const refused = await alice.cli(['exec', 'shop', '--via', 'gateway', '--', 'true']);
    t.equal(refused.code, 255);
    t.match(refused.stderr, /alice may not open SSH connections to workspace default\/shop/);
  });
}

const engine = await findTestEngine();
if ('problem' in engine) t.plan(0, engine.problem);
else await tests(dockerByHand(engine));
