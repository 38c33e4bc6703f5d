import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { dockerByHand } from '../../support/docker-by-hand.ts';
import { findTestEngine } from '../../support/engine.ts';
import type { EngineByHand } from '../../support/engine-by-hand.ts';
import { type NexusUp, nexusUp } from '../../support/nexus-up.ts';
import { patience, until } from '../../support/until.ts';

const run = promisify(execFile);

/** A person's home with a configuration of their own, and the programs that read it. */
function person(up: NexusUp) {
  const home = mkdtempSync(join(tmpdir(), 'p-'));
  mkdirSync(join(home, '.ssh'), { mode: 0o700 });
  const file = join(home, '.ssh', 'config');
  writeFileSync(file, 'Host blog\r\n  HostName 192.0.2.1\r\nHost *\r\n  LogLevel ERROR', { mode: 0o600 });
  const before = readFileSync(file);
  return {
    home,
    file,
    before,
    ours: join(up.home, 'ssh', 'config'),
    cli: (...args: string[]) => up.cli(args, { env: { HOME: home, NEXUS_HOME: up.home } }),
    /** A program with the person's configuration; rejects unless it exits with 0. */
    with: async (program: string, ...args: string[]) =>
      (await run(program, ['-F', file, ...args], { timeout: patience(60_000) })).stdout,
    remove: () => rmSync(home, { recursive: true }),
  };
}

async function tests(engine: EngineByHand) {
  const image = await engine.image();
  const up = await nexusUp({ engine });
  t.teardown(() => up.destroy());
  const manifest = (name: string) =>
    `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec: {image: '${image}'}\n---\n`;
  const applied = await up.apply(manifest('shop') + manifest('blog'), '--wait', '--timeout', '180s');
  t.equal(applied.code, 0, applied.code === 0 ? 'ready' : applied.stderr);
  const me = person(up);
  t.teardown(me.remove);

  await t.test('every program of ssh reaches a workspace by its name', async t => {
    const installed = await me.cli('ssh-config');
    t.match(installed, {
      code: 0,
      stdout: /2 workspaces of nexus \(2 directly\)[\s\S]*one Include line added/,
    });
    t.match(installed.stderr, /"blog" is the name of something else; the workspace is blog\.default/);
    t.match(await me.with('ssh', '-G', 'blog'), /^hostname 192\.0\.2\.1$/m, 'their own host is theirs');
    t.equal(await me.with('ssh', 'shop', 'echo $USER@$(hostname)'), 'dev@shop\n');
    t.equal(await me.with('ssh', 'blog.default', 'hostname'), 'blog\n');
    const dir = t.testdir({ tree: { 'a b.txt': 'one' } });
    await me.with('scp', '-r', join(dir, 'tree'), 'shop.default:');
    t.equal(await me.with('ssh', 'shop', 'cat "tree/a b.txt"'), 'one');
    writeFileSync(join(dir, 'batch'), `get "tree/a b.txt" ${join(dir, 'back')}\n`);
    await me.with('sftp', '-b', join(dir, 'batch'), 'shop');
    t.equal(readFileSync(join(dir, 'back'), 'utf8'), 'one');
    await run('rsync', ['-a', '-e', `ssh -F ${me.file}`, 'shop:tree/', join(dir, 'synced')]);
    t.equal(readFileSync(join(dir, 'synced', 'a b.txt'), 'utf8'), 'one');
  });

  await t.test('further sessions share the connection', async t => {
    const asked = await run('ssh', ['-F', me.file, '-O', 'check', 'shop']);
    t.match(asked.stderr, /Master running/);
    t.equal(
      (await run('ssh', ['-F', me.file, '-v', 'shop', 'true'])).stderr.includes('Connecting to'),
      false,
    );
  });

  await t.test('a host key that is not the published one is refused', async t => {
    await me.with('ssh', '-O', 'exit', 'shop').catch(() => {});
    const known = join(up.home, 'ssh', 'known_hosts.d', 'nexus', 'shop.default');
    const good = readFileSync(known, 'utf8');
    writeFileSync(known, good.replace('shop.default', 'other'));
    await t.rejects(me.with('ssh', '-o', 'ControlPath=none', 'shop', 'true'), /Host key verification failed/);
    writeFileSync(known, good);
  });

  await t.test('a workspace that was made anew, or is gone, is so at once', async t => {
    const keyOf = async () => (await up.workspace('shop')).status?.ssh?.hostKeys?.[0];
    const before = await keyOf();
    t.equal((await me.cli('delete', 'ws', 'shop', '--timeout', '180s')).code, 0);
    t.notMatch(readFileSync(me.ours, 'utf8'), /shop/);
    t.equal((await up.apply(manifest('shop'), '--wait', '--timeout', '180s')).code, 0);
    t.not(await keyOf(), before);
    t.equal(await me.with('ssh', 'shop', 'hostname'), 'shop\n');
    await up.apply(manifest('later'));
    await until(async () => (await me.cli('exec', 'later', '--', 'true')).code === 0, {
      timeoutMs: 30_000,
      what: () => 'a third one',
    });
    t.equal(
      await me.with('ssh', 'later', 'hostname'),
      'later\n',
      'the first command towards it made its alias',
    );
    t.match(await me.cli('ssh-config'), { code: 0, stdout: /3 workspaces.*\n.*: unchanged/ });
  });

  await t.test('print writes nothing, and prefix and suffix stay', async t => {
    const text = readFileSync(me.ours, 'utf8');
    t.match(await me.cli('ssh-config', 'print', '--suffix', '.ws'), {
      stdout: /^Host shop\.ws shop\.default\.ws$/m,
    });
    t.equal(readFileSync(me.ours, 'utf8'), text);
    t.equal((await me.cli('ssh-config', 'update', '--suffix', '.ws')).code, 0);
    t.equal((await me.cli('ssh-config', 'update')).code, 0);
    t.equal(await me.with('ssh', 'blog.ws', 'hostname'), 'blog\n');
    t.equal((await me.cli('ssh-config', '--prefix', '*')).code, EXIT.usage);
  });

  await t.test('the way that is taken is told, and why there is none', async t => {
    t.match(await me.cli('exec', 'shop', '-v', '--', 'true'), {
      code: 0,
      stderr: /^direct to dev@127\.0\.0\.1:\d+/m,
    });
    const refused = await me.cli('exec', 'shop', '--via', 'gateway', '--', 'true');
    t.equal(refused.code, 255, 'nobody has registered the key');
    t.match(refused.stderr, /Permission denied \(publickey\)/);
    t.match(
      refused.stderr,
      /^note: ssh ended with 255 \(by way of the gateway 127\.0\.0\.1:\d+ to dev@shop/m,
    );
    const away = join(me.home, 'away');
    const config = readFileSync(up.kubeconfig, 'utf8');
    writeFileSync(away, config.replace(/server: .*/, 'server: https://127.0.0.1:1'), { mode: 0o600 });
    const text = readFileSync(me.ours, 'utf8');
    t.match(await me.cli('ssh-config', 'update', '--kubeconfig', away), { code: EXIT.unreachable });
    t.equal(readFileSync(me.ours, 'utf8'), text);
  });

  await t.test('removed, it leaves no trace, and open sessions go on', async t => {
    const session = run('ssh', ['-F', me.file, 'blog.ws', 'read line; echo $line'], {
      timeout: patience(60_000),
    });
    const { stdin } = session.child;
    await until(
      async () =>
        (await run('ssh', ['-F', me.file, '-O', 'check', 'blog.ws']).catch(() => undefined)) !== undefined,
      {
        timeoutMs: 10_000,
        what: () => 'a shared connection',
      },
    );
    t.match(await me.cli('ssh-config', 'remove'), { code: 0, stdout: /the Include line is removed/ });
    t.same(readFileSync(me.file), me.before);
    t.same(readdirSync(join(me.home, '.ssh')), ['config']);
    t.same(readdirSync(join(up.home, 'ssh')).sort(), [
      'id_ed25519',
      'id_ed25519.pub',
      'known_hosts.d',
      'reach.json',
    ]);
    stdin?.end('still here\n');
    t.equal((await session).stdout, 'still here\n');
    t.match(await me.cli('ssh-config', 'remove'), { code: 0, stdout: /no Include line of ours/ });
  });
}

const engine = await findTestEngine();
if ('problem' in engine) t.plan(0, engine.problem);
else await tests(dockerByHand(engine));
