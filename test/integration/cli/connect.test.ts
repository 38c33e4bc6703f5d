import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { NODE, WORKSPACE } from '../../../crds/kinds.ts';
import { dockerByHand } from '../../support/docker-by-hand.ts';
import { findTestEngine } from '../../support/engine.ts';
import type { EngineByHand } from '../../support/engine-by-hand.ts';
import { memberManifest } from '../../support/member.ts';
import { type NexusUp, nexusUp } from '../../support/nexus-up.ts';
import { remoteSsh } from '../../support/remote-ssh.ts';
import { webServer } from '../../support/up-lab.ts';

/** Programs that only note how they were called, in place of editors and browsers. */
function recorders(dir: string) {
  const log = join(dir, 'calls');
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(log, '');
  return {
    path: `${bin}:/usr/bin:/bin`,
    calls: () => readFileSync(log, 'utf8').trim().split('\n').filter(Boolean),
    add(name: string, exitCode = 0) {
      const script = `#!/bin/sh\nprintf '%s' "${name}" >>${log}.new\nfor a in "$@"; do printf ' [%s]' "$a" >>${log}.new; done\necho >>${log}.new\ncat ${log}.new >>${log}; rm ${log}.new\nexit ${exitCode}\n`;
      writeFileSync(join(bin, name), script, { mode: 0o755 });
      return join(bin, name);
    },
    remove: (name: string) => rmSync(join(bin, name)),
    clear: () => writeFileSync(log, ''),
  };
}

/** An echo server inside, in place of the one that an editor installs. */
const ECHO = `python3 -c '
import socket, threading
s = socket.create_server(("127.0.0.1", 0))
print("listeningOn==%d==" % s.getsockname()[1], flush=True)
def echo(c):
    while True:
        d = c.recv(65536)
        if not d: break
        c.sendall(d)
    c.close()
while True:
    threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()
' </dev/null & trap "kill $!" EXIT`;

async function tests(engine: EngineByHand) {
  const image = await engine.image();
  const up: NexusUp = await nexusUp({ engine });
  t.teardown(() => up.destroy());
  // Short, since sockets are in it.
  const person = mkdtempSync(join(tmpdir(), 'p-'));
  t.teardown(() => rmSync(person, { recursive: true }));
  const fake = recorders(person);
  const config = join(person, '.ssh', 'config');
  const ws = (args: string[], env: Record<string, string> = {}) =>
    up.cli(['workspace', ...args], { env: { HOME: person, PATH: fake.path, ...env } });
  const services = [
    { name: 'web', command: webServer(3000, 'one'), port: 3000, healthCheck: { http: { path: '/' } } },
  ];
  const manifest = { apiVersion: 'nexus.dev/v1alpha1', kind: 'Workspace', metadata: { name: 'shop' } };
  const applied = await up.apply(JSON.stringify({ ...manifest, spec: { image, services } }), '--wait');
  if (applied.code !== 0) throw new Error(applied.stderr);
  const key = { name: 'shop', namespace: 'default' };
  const publicKey = readFileSync(join(up.home, 'ssh', 'id_ed25519.pub'), 'utf8').trim();
  const registered = await up.apply(memberManifest('alice', publicKey));
  if (registered.code !== 0) throw new Error(registered.stderr);

  await t.test('the first connect lets ssh know the workspace, and opens the editor there', async t => {
    fake.add('code');
    const { code, stdout, stderr } = await ws(['connect', 'shop']);
    t.equal(code, 0, stderr);
    t.match(stderr, /one Include line added/);
    t.same(fake.calls(), ['code [--remote] [ssh-remote+shop] [/home/dev]']);
    t.match(stdout, /^shop is open in VS Code\n/);
    t.match(stdout, /^Status: +Running\nFolder: +\/home\/dev\nServices: +web http:\/\/127\.0\.0\.1:\d+\n/m);
    t.match(stdout, /^Link: +vscode:\/\/vscode-remote\/ssh-remote\+shop\/home\/dev$/m);
    const again = await ws(['connect', 'shop', '--no-launch']);
    t.notMatch(again.stderr, /Include/, 'it is known already');
    t.match(again.stdout, /^shop is reached by SSH; VS Code opens it with the command below/);
    t.equal(fake.calls().length, 1);
  });

  await t.test('another editor by flag, by environment, by preference; and none', async t => {
    fake.clear();
    fake.add('zed');
    fake.add('cursor');
    t.match(await ws(['connect', 'shop', '--editor', 'zed']), { code: 0, stdout: /open in Zed/ });
    t.match(await ws(['connect', 'shop'], { NEXUS_EDITOR: 'code' }), { code: 0, stdout: /open in VS Code/ });
    t.match(await ws(['connect', 'shop']), { code: 0, stdout: /open in Cursor/ });
    t.same(
      fake.calls().map(call => call.split(' ')[0]),
      ['zed', 'code', 'cursor'],
    );
    t.match(await ws(['connect', 'shop', '--editor', 'emacs']), { code: EXIT.usage });
    const none = await ws(['connect', 'shop', '--editor', 'vim']);
    t.match(none, { code: 0, stdout: /Vim could not be started without a terminal/ });
    t.match(none.stdout, /^ {2}ssh -F \S+ shop$/m, 'falls back to ssh');
  });

  await t.test('an editor that does not start is opened by its link; without that, ssh is told', async t => {
    fake.clear();
    fake.add('code', 1);
    const BROWSER = fake.add('browser');
    t.match(await ws(['connect', 'shop', '--editor', 'code'], { BROWSER }), { stdout: /is open in VS Code/ });
    t.match(fake.calls(), [/^code /, 'browser [vscode://vscode-remote/ssh-remote+shop/home/dev]']);
    t.match(await ws(['connect', 'shop', '--editor', 'code'], { BROWSER: '/nowhere' }), {
      code: 0,
      stdout: /could not be started here[\s\S]*^Next:\n {2}ssh -F/m,
    });
  });

  await t.test('scripts get the link, the command line or all of it, and nothing is opened', async t => {
    fake.clear();
    t.match(await ws(['connect', 'shop', '--print', '--editor', 'zed']), {
      stdout: 'zed://ssh/shop/home/dev\n',
    });
    t.match(await ws(['connect', 'shop', '--print', '--editor', 'vim']), {
      stdout: /^\S*vim scp:\/\/shop\/\/home\/dev\/\n$/,
    });
    t.match(JSON.parse((await ws(['connect', 'shop', '-o', 'json', '--editor', 'gateway'])).stdout), {
      workspace: 'shop',
      status: 'Running',
      host: 'shop',
      user: 'dev',
      path: '/home/dev',
      link: /^jetbrains-gateway:\/\/connect#type=ssh&/,
      services: [{ name: 'web', isUp: true }],
    });
    writeFileSync(
      join(up.home, 'config.json'),
      '{"version":1,"editor":{"autoLaunch":false,"preferred":"code"}}',
    );
    t.match(await ws(['connect', 'shop']), { stdout: /VS Code opens it with the command below/ });
    writeFileSync(join(up.home, 'config.json'), '{"version":1}');
    t.same(fake.calls(), []);
    t.match(await up.cli(['editor', 'detect', '-o', 'json'], { env: { PATH: fake.path } }), {
      stdout: /"chosen": "cursor"/,
    });
  });

  for (const via of ['direct', 'gateway'] as const)
    await t.test(`what Remote-SSH does works by the alias, ${via}`, async t => {
      t.equal((await up.cli(['ssh-config', '--via', via], { env: { HOME: person } })).code, 0);
      const { host } = JSON.parse((await ws(['connect', 'shop', '-o', 'json'])).stdout);
      await remoteSsh(t, { args: ['-F', config, '-o', 'ControlPath=none', host], echo: ECHO });
    });

  await t.test(
    'a service is opened in the browser, by a forward where it is not reached from here',
    async t => {
      fake.clear();
      const BROWSER = fake.add('browser');
      t.match(await ws(['open', 'shop', 'web'], { BROWSER }), {
        code: 0,
        stdout: /^http:\/\/127\.0\.0\.1:\d+\n$/,
      });
      t.equal(fake.calls().length, 1);
      // An address that leads here, and is not known to: as from a machine that is not the node.
      const address = async (value: string | null) => {
        await up.client.patch(NODE, { name: up.node }, 'merge', { spec: { address: value } });
        await up.untilWorkspace(
          'shop',
          'has its address',
          ({ status }) => (status?.ssh?.host === '127.1') === !!value,
        );
      };
      await address('127.1');
      t.notOk(JSON.parse((await ws(['services', 'shop', '-o', 'json'])).stdout).services[0].localUrl);
      const abort = new AbortController();
      const opened = Promise.withResolvers<string>();
      const forwarded = up.cli(['ws', 'open', 'shop', 'web', '--print'], {
        signal: abort.signal,
        onOutput: text => opened.resolve(text),
      });
      const url = (await Promise.race([opened.promise, forwarded.then(({ stderr }) => stderr)])).trim();
      t.equal(await (await fetch(url)).text(), 'one');
      abort.abort('SIGINT');
      t.equal((await forwarded).code, 0);
      await address(null);
    },
  );

  await t.test('where ssh does not get in, it says why and what helps', async t => {
    t.equal((await up.cli(['ssh-config', '--via', 'direct'], { env: { HOME: person } })).code, 0);
    fake.clear();
    const before = readFileSync(config, 'utf8');
    const own = join(up.home, 'ssh', 'id_ed25519');
    const ownKey = readFileSync(own);
    // Not among the keys that may log in, nor by the connection of those before.
    execFileSync('ssh', ['-F', config, '-O', 'exit', 'shop'], { stdio: 'ignore' });
    writeFileSync(own, generateSshKey('x').privateKey);
    const env = { SSH_AUTH_SOCK: '' };
    t.match(await ws(['connect', 'shop'], env), {
      code: EXIT.noAccess,
      stderr:
        /error: ssh does not get into workspace shop: it takes none of your SSH keys\nnext: add your public key/,
    });
    writeFileSync(own, ownKey);
    writeFileSync(config, `NoSuchOption yes\n${before}`);
    t.match(await ws(['connect', 'shop']), { code: EXIT.failed, stderr: /next: nexus ssh-config --file/ });
    writeFileSync(config, before);
    t.match(await ws(['connect', 'nope']), { code: EXIT.notFound, stderr: /next: nexus workspace list/ });
    t.equal((await ws(['stop', 'shop'])).code, 0);
    t.match(await ws(['connect', 'shop']), {
      code: EXIT.failed,
      stderr: /is stopped\nnext: nexus start shop/,
    });
    t.same(fake.calls(), [], 'no editor is opened on nothing');
    await up.client.delete(WORKSPACE, key);
  });
}

const found = await findTestEngine();
if ('problem' in found) t.plan(0, found.problem);
else {
  t.setTimeout(300_000);
  await tests(dockerByHand(found));
}
