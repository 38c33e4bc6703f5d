import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { dockerByHand } from '../../support/docker-by-hand.ts';
import { findTestEngine } from '../../support/engine.ts';
import type { EngineByHand } from '../../support/engine-by-hand.ts';
import { greeting } from '../../support/greeting.ts';
import { type NexusUp, nexusUp } from '../../support/nexus-up.ts';
import { freePorts } from '../../support/ports.ts';
import { until } from '../../support/until.ts';

/** Greets whoever connects. */
const HELLO = `python3 -u -c '
import socket
s = socket.create_server(("127.0.0.1", 3000))
print("web is up")
while True:
    c = s.accept()[0]
    c.sendall(b"hello from inside")
    c.close()'`;

async function tests(engine: EngineByHand) {
  const image = await engine.image();
  const up = await nexusUp({ engine });
  t.teardown(() => up.destroy());
  const manifest = `apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: shop}
spec:
  image: ${image}
  services:
  - {name: web, port: 3000, command: ${JSON.stringify(HELLO)}}
  - {name: ticks, command: "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done"}
`;
  const applied = await up.apply(manifest, '--wait', '--timeout', '180s');
  t.equal(applied.code, 0, applied.code === 0 ? 'ready' : applied.stderr);
  await sessions(up);
  await files(up);
  await logs(up);
  await forwards(up);
}

async function sessions(up: NexusUp) {
  await t.test('exec gives arguments, input, output and exit code through as they are', async t => {
    const odd = ['a b', "it's", '$HOME', '*', '', 'ü'];
    const { code, stdout } = await up.cli(['exec', 'shop', '--', 'printf', '[%s]', ...odd]);
    t.equal(code, 0);
    t.equal(stdout, odd.map(word => `[${word}]`).join(''));
    t.match(await up.cli(['exec', 'shop', '--', 'sh', '-c', 'echo no >&2; exit 42']), {
      code: 42,
      stderr: 'no\n',
    });
    t.match(await up.cli(['exec', 'shop', '--', 'cat'], { stdin: 'from here' }), {
      code: 0,
      stdout: 'from here',
    });
    t.match(await up.cli(['exec', 'shop', '-w', '/etc', '--', 'pwd']), { code: 0, stdout: '/etc\n' });
    t.match(await up.cli(['exec', 'shop', '-t', '--', 'tty']), { code: 0, stdout: /^\/dev\/pts\// });
    t.match(await up.cli(['exec', 'shpo', '--', 'true']), {
      code: EXIT.notFound,
      stderr: /no workspace shpo in namespace default; did you mean shop\?/,
    });
  });

  await t.test(
    'ssh runs a command line, prints its own, and trusts the published host key alone',
    async t => {
      t.match(await up.cli(['ssh', 'shop', 'echo', '$USER']), { code: 0, stdout: 'dev\n' });
      t.match(await up.cli(['ssh', 'shop', '--', 'id -un']), { code: 0, stdout: 'dev\n' });
      t.match(await up.cli(['ssh', 'shop', '--print']), {
        stdout: /^ssh .*StrictHostKeyChecking=yes.* dev@127\.0\.0\.1\n$/,
      });
      t.match(await up.cli(['ssh', 'shop'], { env: { PATH: '/nonexistent' } }), {
        code: EXIT.failed,
        stderr: /ssh is not installed\nnext: /,
      });
    },
  );
}

async function files(up: NexusUp) {
  await t.test('cp copies files and folders, both ways', async t => {
    const dir = t.testdir({ 'a.txt': 'one', tree: { deep: { 'b c.txt': 'two' } } });
    t.equal((await up.cli(['cp', join(dir, 'a.txt'), join(dir, 'tree'), 'shop:'])).code, 0);
    t.match(await up.cli(['exec', 'shop', '-w', '/home/dev', '--', 'cat', 'a.txt', 'tree/deep/b c.txt']), {
      stdout: 'onetwo',
    });
    mkdirSync(join(dir, 'back'));
    t.equal((await up.cli(['cp', 'shop:tree', 'shop:a.txt', join(dir, 'back')])).code, 0);
    t.equal(readFileSync(join(dir, 'back', 'tree', 'deep', 'b c.txt'), 'utf8'), 'two');
    t.equal(readFileSync(join(dir, 'back', 'a.txt'), 'utf8'), 'one');
    writeFileSync(join(dir, 'x:y'), 'colon');
    t.equal((await up.cli(['cp', join(dir, 'x:y'), 'shop:xy'])).code, 0);
    t.not((await up.cli(['cp', 'shop:nothing', dir])).code, 0);
    t.notOk(existsSync(join(dir, 'nothing')));
    t.match(await up.cli(['cp', join(dir, 'nothing'), 'shop:']), {
      code: EXIT.notFound,
      stderr: /there is no .*nothing here/,
    });
    t.equal((await up.cli(['cp', 'a', 'b'])).code, EXIT.usage);
    t.equal((await up.cli(['cp', 'shop:a', 'blog:b'])).code, EXIT.usage);
  });
}

async function logs(up: NexusUp) {
  await t.test('logs shows one service or all, and refuses what is not there', async t => {
    t.match(await up.cli(['logs', 'shop', 'web']), { code: 0, stdout: /web is up/ });
    t.match(await up.cli(['logs', 'shop']), {
      code: 0,
      stdout: /web {3}\| .*web is up[\s\S]*ticks \| .*tick 1\b|ticks \| [\s\S]*web {3}\| /,
    });
    t.equal((await up.cli(['logs', 'shop', 'ticks', '--tail', '1'])).stdout.trim().split('\n').length, 1);
    t.match(await up.cli(['logs', 'shop', 'nope']), { code: EXIT.notFound, stderr: /it has: web, ticks/ });
    t.match(await up.cli(['logs', 'shop', '--tail', '-2']), { code: EXIT.usage });
  });

  await t.test('logs -f goes on without a gap, and leaves nothing running when it is left', async t => {
    for (const args of [['ticks'], []]) {
      const abort = new AbortController();
      let seen = '';
      const follow = up.cli(['logs', 'shop', ...args, '-f', '--tail', '3'], {
        signal: abort.signal,
        onOutput: text => {
          seen = text;
        },
      });
      const ticks = () => [...seen.matchAll(/tick (\d+)\n/g)].map(match => Number(match[1]));
      await until(() => ticks().length >= 6, { timeoutMs: 10_000, what: () => `six ticks in ${seen}` });
      abort.abort('SIGINT');
      await follow;
      const [first = 0] = ticks();
      t.same(
        ticks(),
        ticks().map((_, i) => first + i),
        'each once, in order',
      );
      const tails = async () => (await up.cli(['exec', 'shop', '--', 'pgrep', '-xc', 'tail'])).stdout.trim();
      await until(async () => (await tails()) === '0', {
        timeoutMs: 10_000,
        what: () => 'no tail to be left',
      });
    }
  });

  await t.test('logs -f goes on after a restart, and ends when the workspace is stopped', async t => {
    const open = [['ticks'], []].map(args => {
      const told = { seen: '', notes: '' };
      const end = up.cli(['logs', 'shop', ...args, '-f', '--tail', '3'], {
        onOutput: text => {
          told.seen = text;
        },
        onNote: text => {
          told.notes = text;
        },
      });
      const ticks = () => told.seen.match(/tick \d+\n/g) ?? [];
      const untilMore = async () => {
        const had = ticks().length;
        const isMore = () => ticks().length > had + 3;
        await until(isMore, { timeoutMs: 20_000, what: () => `more ticks in ${told.seen}${told.notes}` });
      };
      return { told, end, ticks, untilMore };
    });
    const untilMore = () => Promise.all(open.map(({ untilMore }) => untilMore()));
    await untilMore();
    t.equal((await up.cli(['restart', 'shop'])).code, 0);
    await untilMore();
    t.equal((await up.cli(['stop', 'shop'])).code, 0);
    for (const { end, told } of open) {
      t.equal((await end).code, EXIT.done);
      t.match(told.notes, /^connection lost; /m);
      t.match(told.notes, /^workspace shop was stopped/m);
    }
    t.equal((await up.cli(['start', 'shop'])).code, 0);
    const kept = (await up.cli(['logs', 'shop', 'ticks', '--tail', '-1'])).stdout;
    for (const { ticks } of open) t.ok(kept.includes(ticks().join('')), 'no line is missing or comes twice');
  });
}

async function forwards(up: NexusUp) {
  await t.test('a forward says when it stands, and comes back after a restart of the workspace', async t => {
    const [port = 0] = await freePorts(1);
    const abort = new AbortController();
    let seen = '';
    let notes = '';
    const forward = up.cli(['port-forward', 'shop', `${port}:web`], {
      signal: abort.signal,
      onNote: text => {
        notes = text;
      },
      onOutput: text => {
        seen = text;
      },
    });
    await until(() => seen, { timeoutMs: 10_000, what: () => 'the forward to stand' });
    t.equal(seen, `127.0.0.1:${port} → shop:3000\n`);
    t.equal(await greeting(port), 'hello from inside');
    const taken = await up.cli(['port-forward', 'shop', `${port}:3000`]);
    t.match(taken, { code: EXIT.failed, stderr: /next: .*LOCAL:PORT/ });
    t.equal((await up.cli(['port-forward', 'shop', 'nope'])).code, EXIT.usage);
    t.equal((await up.cli(['stop', 'shop'])).code, 0);
    const waiting = greeting(port);
    // It may first have met an SSH server that was just ending.
    const why = /^not yet: workspace shop is stopped$/m;
    await until(() => why.test(notes), { timeoutMs: 10_000, what: () => `the reason, not ${notes}` });
    t.equal((await up.cli(['start', 'shop'])).code, 0);
    t.equal(await waiting, 'hello from inside', 'who connected meanwhile was kept waiting');
    abort.abort('SIGINT');
    const { code, stderr, stdout } = await forward;
    t.match({ code, stdout }, { code: EXIT.done, stdout: seen });
    t.match(stderr, /^connection lost \(.+\); the ports stay open here/m);
    t.match(stderr, why);
    t.match(stderr, /^connected again after [\d.]+ s, direct to dev@/m);
    t.equal(await greeting(port), '', 'nobody listens any more');
  });

  await t.test('several ports, any free one, at several addresses', async t => {
    const abort = new AbortController();
    let seen = '';
    const forward = up.cli(['port-forward', 'shop', ':web', ':3000', '--address', 'localhost'], {
      signal: abort.signal,
      onOutput: text => {
        seen = text;
      },
    });
    await until(() => (seen.match(/^127/gm)?.length ?? 0) === 2, {
      timeoutMs: 10_000,
      what: () => 'the forwards to stand',
    });
    const ports = [...seen.matchAll(/^127\.0\.0\.1:(\d+) → shop:3000$/gm)].map(([, port]) => Number(port));
    t.equal(new Set(ports).size, 2);
    for (const port of ports) t.equal(await greeting(port), 'hello from inside');
    if (networkInterfaces().lo?.some(({ address }) => address === '::1'))
      t.match(seen, new RegExp(`^\\[::1\\]:${ports[0]} → shop:3000$`, 'm'));
    abort.abort('SIGTERM');
    t.equal((await forward).code, EXIT.done);
    t.equal((await up.cli(['port-forward', 'shop', 'web', '--address', '192.0.2.1'])).code, EXIT.failed);
  });
}

const engine = await findTestEngine();
if ('problem' in engine) t.plan(0, engine.problem);
else await tests(dockerByHand(engine));
