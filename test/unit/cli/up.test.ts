import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { childEnvironment } from '../../../cli/up/child-environment.ts';
import { keepRunning } from '../../../cli/up/keep-running.ts';
import { makeHome } from '../../../cli/up/make-home.ts';
import { ensureOwnKeys } from '../../../cli/up/own-keys.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';

const program = (dir: string, text: string) => {
  const module = join(dir, 'program.mjs');
  writeFileSync(module, text);
  return { file: process.execPath, args: [module] };
};

t.test('a process that ends is started again, later each time, until it is to stop', async t => {
  const command = program(t.testdir({}), `process.send('ready', () => process.exit(3));`);
  const clock = new FakeClock();
  const abort = new AbortController();
  const notes: string[] = [];
  const kept = keepRunning(
    { name: 'it', ...command, env: process.env, clock, note: line => notes.push(line) },
    abort.signal,
  );
  await kept.ready;
  for (const times of [1, 2]) {
    await until(() => notes.length === times && clock.pending > 0, {
      timeoutMs: 10_000,
      what: () => `${notes}`,
    });
    t.match(notes.at(-1), /^it exited with 3; starting it again in \d/);
    t.equal(kept.pid, undefined);
    if (times === 1) await clock.advance(30_000);
  }
  abort.abort();
  await kept.ended;
});

t.test('a process that never was ready is not started again, and why is told', async t => {
  const command = program(t.testdir({}), 'process.exit(1);');
  const kept = keepRunning(
    { name: 'it', ...command, env: process.env, clock: new FakeClock(), note: () => {} },
    new AbortController().signal,
  );
  await t.rejects(kept.ended, /it exited with 1 before it was ready/);
  await t.rejects(kept.ready);
});

t.test('a process that does not stop when it is told is killed', async t => {
  const command = program(
    t.testdir({}),
    `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send('ready');`,
  );
  const clock = new FakeClock();
  const abort = new AbortController();
  const options = {
    name: 'it',
    ...command,
    env: process.env,
    clock,
    note: () => {},
    stopTimeoutMs: 500,
  };
  const kept = keepRunning(options, abort.signal);
  await kept.ready;
  t.ok(kept.pid);
  abort.abort();
  await clock.advance(600);
  await kept.ended;
});

t.test('keys of the installation and of the person are listed once; edits stay', async t => {
  const person = t.testdir({ '.ssh': { 'id_ed25519.pub': 'ssh-ed25519 AAAA me\n', config: 'x' } });
  const home = join(person, 'home');
  ensureOwnKeys(home, person);
  const file = join(home, 'authorized_keys');
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  t.equal(lines.length, 3);
  t.match(lines[1], /^ssh-ed25519 \S+ nexus /);
  t.equal(lines[2], 'ssh-ed25519 AAAA me');
  t.equal(statSync(join(home, 'ssh', 'id_ed25519')).mode & 0o777, 0o600);
  const key = readFileSync(join(home, 'ssh', 'id_ed25519'), 'utf8');
  writeFileSync(file, '# mine\n');
  ensureOwnKeys(home, undefined);
  t.equal(readFileSync(file, 'utf8'), '# mine\n');
  t.equal(readFileSync(join(home, 'ssh', 'id_ed25519'), 'utf8'), key);
});

t.test('on a terminal server and agent write lines for people, unless told otherwise', async t => {
  const stderr = (isTTY: boolean) => Object.assign(new PassThrough(), { isTTY });
  t.same(childEnvironment({ env: { A: '1' }, stderr: stderr(true) }, '/h'), {
    A: '1',
    NEXUS_HOME: '/h',
    NEXUS_LOG_FORMAT: 'pretty',
  });
  t.same(childEnvironment({ env: {}, stderr: stderr(false) }, '/h'), { NEXUS_HOME: '/h' });
  t.match(childEnvironment({ env: { NEXUS_LOG_FORMAT: 'json' }, stderr: stderr(true) }, '/h'), {
    NEXUS_LOG_FORMAT: 'json',
  });
});

t.test('a home is made, whatever its name; what cannot be one is told, with what to do', t => {
  const dir = t.testdir({ file: '', folder: {}, link: t.fixture('symlink', 'folder') });
  for (const home of ['folder', 'link', 'new/one', 'with spaces: and colons', 'x'.repeat(200)]) {
    makeHome(join(dir, home));
    t.ok(statSync(join(dir, home)).isDirectory(), home);
  }
  t.equal(statSync(join(dir, 'new')).mode & 0o777, 0o700);
  const refused: [string, RegExp][] = [
    [join(dir, 'file'), /it is no folder$/],
    [join(dir, 'file', 'below'), /is no folder$/],
    ['/proc/nexus', /there is no \/proc\/nexus|no permission/],
    [join(dir, 'x'.repeat(300)), /too long/],
  ];
  for (const [home, why] of refused)
    t.throws(() => makeHome(home), { message: why, next: /NEXUS_HOME=/ }, home.slice(-20));
  t.end();
});
