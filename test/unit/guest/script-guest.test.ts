import { PassThrough } from 'node:stream';
import t from 'tap';
import { type Driver, DriverError, type GuestFile } from '../../../agent/driver.ts';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { GUEST_PROGRAM, GUEST_PROGRAM_PATH } from '../../../agent/guest/program.ts';
import { createScriptGuest } from '../../../agent/guest/script-guest.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';

const STATE = 'nexus-guest 1\nboot b\nversion v\nconfigured yes\nsshd yes 0\nsupervisor yes 0\n';

type Answer = (
  args: string[],
  input: Buffer,
) => { code?: number; stdout?: string; stderr?: string } | undefined;

/** A driver that answers execs; `undefined` never ends. */
function scripted(answer: Answer) {
  const calls: { args: string[]; input: string }[] = [];
  const put: GuestFile[] = [];
  const clock = new FakeClock();
  const driver: Driver = {
    ...createMemoryDriver({ node: 'a', clock }),
    async exec(_id, command, { stdin: open = false, signal } = {}) {
      const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
      const args = command.slice(4);
      const ran = async () => {
        const chunks: Buffer[] = [];
        if (open && args[0] !== 'watch') for await (const chunk of stdin) chunks.push(chunk as Buffer);
        const input = Buffer.concat(chunks);
        calls.push({ args, input: input.toString() });
        const result = answer(args, input);
        if (!result)
          return new Promise<number>((_, reject) =>
            signal?.addEventListener('abort', () => reject(signal.reason)),
          );
        stdout.end(result.stdout ?? '');
        stderr.end(result.stderr ?? '');
        return result.code ?? 0;
      };
      return { stdin, stdout, stderr, exit: ran() };
    },
    async putFiles(_id, files) {
      put.push(...files);
    },
  };
  return { guest: createScriptGuest({ driver, clock, log: silentLogger }), calls, put, clock };
}

t.test('a refusal of the guest is an error with what it said', async t => {
  const { guest } = scripted(() => ({ code: 1, stderr: 'nexus: the instance is not configured\n' }));
  await t.rejects(guest.serviceDown('i', 'web'), { code: 'Internal', message: /not configured/ });
  await t.rejects(guest.state('i'), { code: 'Internal' });
});

t.test('a state that is none is an error', async t => {
  const { guest } = scripted(() => ({ stdout: 'hello' }));
  await t.rejects(guest.state('i'), { code: 'Internal', message: /cannot be read/ });
  const watch = guest.watch('i', new AbortController().signal)[Symbol.asyncIterator]();
  t.equal((await watch.next()).done, true, 'an end without a snapshot is the end');
  const broken = scripted(() => ({ stdout: 'nexus-guest 2\nend\n' })).guest;
  await t.rejects(broken.watch('i', new AbortController().signal)[Symbol.asyncIterator]().next(), {
    code: 'Internal',
  });
  const endless = scripted(() => ({ stdout: 'x'.repeat(5 * 1024 * 1024) })).guest;
  await t.rejects(endless.watch('i', new AbortController().signal)[Symbol.asyncIterator]().next(), {
    code: 'Internal',
  });
});

t.test('a state whose output the engine has lost is asked for again, a few times', async t => {
  let lost = 2;
  const { guest, calls } = scripted(() => ({
    stdout: lost-- > 0 ? STATE.slice(0, lost * 20) : `${STATE}end\n`,
  }));
  t.match(await guest.state('i'), { bootId: 'b' });
  t.equal(calls.length, 3);
  lost = 3;
  await t.rejects(guest.state('i'), { code: 'Internal', message: /cannot be read/ });
});

t.test('snapshots of a watch come one by one, without repeats', async t => {
  const other = STATE.replace('sshd yes 0', 'sshd yes 1');
  const at = (time: number, text: string) => `${text.replace('\n', `\nat ${time}\n`)}end\n`;
  const { guest } = scripted(() => ({ stdout: at(1, STATE) + at(2, STATE) + at(3, other) }));
  const seen = [];
  for await (const { sshd, at } of guest.watch('i', new AbortController().signal))
    seen.push([sshd.restarts, at]);
  t.strictSame(seen, [
    [0, 1],
    [1, 3],
  ]);
});

t.test('a guest that tells without end is listened to at a bounded pace, or no more', async t => {
  const clock = new FakeClock();
  const streams = [new PassThrough(), new PassThrough(), new PassThrough()] as const;
  const signals: AbortSignal[] = [];
  const driver: Driver = {
    ...createMemoryDriver({ node: 'a', clock }),
    async exec(_id, _command, { signal } = {}) {
      const [stdin, stdout, stderr] = streams;
      if (signal) signals.push(signal);
      const aborted = new Promise<number>((_, reject) =>
        signal?.addEventListener('abort', () => {
          stdout.destroy();
          reject(signal.reason);
        }),
      );
      return { stdin, stdout, stderr, exit: aborted };
    },
  };
  const guest = createScriptGuest({ driver, clock, log: silentLogger });
  const stop = new AbortController();
  let seen = 0;
  const ended = (async () => {
    for await (const _ of guest.watch('i', stop.signal)) seen++;
  })();
  ended.catch(() => {});
  const [, stdout, stderr] = streams;
  for (let i = 0; i < 500; i++) stdout.write(`${STATE.replace('yes 0', `yes ${i}`)}end\n`);
  await until(() => seen >= 50, { timeoutMs: 10_000, what: () => `${seen} of 50` });
  await clock.advance(1_000);
  t.ok(seen >= 51 && seen <= 61, `${seen} of 500 within a second`);
  t.equal(signals[0]?.aborted, false);
  stderr.write('x'.repeat(2 * 1024 * 1024));
  await t.rejects(ended, { code: 'Internal', message: /prints no state/ });
  t.equal(signals[0]?.aborted, true, 'and it is ended');

  const chatty = scripted(() => ({ stdout: 'x'.repeat(17 * 1024 * 1024), code: 0 }));
  await t.rejects(
    async () => chatty.guest.state('i'),
    { code: 'Internal', message: /cannot be read|prints without end/ },
    'neither is what a command prints kept',
  );
});

t.test('a command that does not end is given up', async t => {
  const { guest, clock } = scripted(() => undefined);
  const asked = guest.state('i');
  asked.catch(() => {});
  await clock.advance(60_000);
  await t.rejects(asked, { code: 'Internal', message: /did not end within 60000 ms/ });
  const stop = new AbortController();
  const stopped = guest.state('i', stop.signal);
  stop.abort(new DriverError('EngineUnavailable', 'over'));
  await t.rejects(stopped, { code: 'EngineUnavailable' });
});

t.test('a program that is gone is put back, once', async t => {
  const gone = { code: 78, stderr: 'nexus-guest: no program\n' };
  const { guest, put } = scripted(() => (put.length > 0 ? { stdout: `${STATE}end\n` } : gone));
  t.match(await guest.state('i'), { bootId: 'b' });
  t.match(put, [{ path: GUEST_PROGRAM_PATH, content: GUEST_PROGRAM }]);
  const never = scripted(() => gone);
  await t.rejects(never.guest.state('i'), { code: 'Internal' });
  t.equal(never.calls.length, 2);
  const check = scripted(() => ({ code: 78, stdout: 'mine' }));
  t.strictSame(await check.guest.check('i', { command: ['x'] }, 1000), {
    ok: false,
    message: 'exit code 78: mine',
  });
  t.equal(check.calls.length, 1);
});

t.test('files of the program travel only when the guest asks for them', async t => {
  const same = scripted(() => ({}));
  const config = same.guest.render({
    user: 'dev',
    authorizedKeys: [],
    hostKey: 'k',
    env: { A: 'needle' },
    services: [],
  });
  await same.guest.configure('i', config);
  t.equal(same.calls.length, 1);
  t.notMatch(same.calls[0]?.input, "put 0755 0:0 '/opt/nexus/guest'");
  t.notMatch(JSON.stringify(same.calls[0]?.args), 'needle');
  t.equal(Number(same.calls[0]?.args[2]), same.calls[0]?.input.length);
  const other = scripted(args => ({ code: args[1] === '-' ? 0 : 75 }));
  await other.guest.configure('i', config);
  t.equal(other.calls.length, 2);
  t.match(other.calls[1]?.input, "put 0755 0:0 '/opt/nexus/guest'");
  const elsewhere = scripted(() => ({ code: 75 }));
  await t.rejects(elsewhere.guest.serviceDown('i', 'web'), { code: 'Internal' });
});

t.test('a name that would lead out of its folder is refused', async t => {
  const { guest, calls } = scripted(() => ({}));
  for (const name of ['../etc', '', 'a/b', '_sshd', '-x', 'a b', 'a'.repeat(64)])
    await t.rejects(guest.serviceDown('i', name), { code: 'Invalid' }, name);
  t.equal(calls.length, 0);
});
