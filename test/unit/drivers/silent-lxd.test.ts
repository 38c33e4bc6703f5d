/** An LXD that stops in the midst of things, as one does whose machine has no memory or whose process is stopped. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import { LxdClient } from '../../../agent/drivers/lxc/api/lxd-client.ts';
import { runInInstance } from '../../../agent/drivers/lxc/exec.ts';
import { pullImage } from '../../../agent/drivers/lxc/images/pull.ts';
import { createLxcDriver } from '../../../agent/drivers/lxc/lxc-driver.ts';
import { Endings } from '../../../agent/drivers/process-tree.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fakeEngine } from '../../support/fake-engine.ts';
import { until } from '../../support/until.ts';

const MEBI = 2 ** 20;
const FDS = { '0': 'stdin', '1': 'stdout', '2': 'stderr', control: 'control' };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** With the handlers of its sockets by the secret that they are opened with; one without a handler never opens. */
async function silentLxd(
  t: Test,
  { handle, sockets = {} }: { handle?: Handler; sockets?: Record<string, (socket: WebSocket) => void> } = {},
) {
  const clock = new FakeClock();
  const { socketPath, server } = await fakeEngine(t, handle);
  const webSockets = new WebSocketServer({ noServer: true, autoPong: false });
  server.on('upgrade', (request, socket, head) => {
    const name = /secret=(\w+)/.exec(request.url ?? '')?.[1] ?? 'events';
    const onOpen = sockets[name];
    if (onOpen) webSockets.handleUpgrade(request, socket, head, onOpen);
    t.teardown(() => socket.destroy());
  });
  const lxd = new LxdClient(socketPath, clock);
  t.teardown(() => lxd.close());
  /** Moves time in steps, as what comes over a socket has its turn in between. */
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed++) await clock.advance(1000);
  };
  return { socketPath, lxd, clock, pass };
}

/** Answers for a command that has ended by the time it is asked for. */
const ended: Handler = ({ method }, response) => {
  const operation = '/1.0/operations/x';
  const answer =
    method === 'POST'
      ? { type: 'async', operation, metadata: { metadata: { fds: FDS } } }
      : { type: 'sync', metadata: { id: 'x', status_code: 200, metadata: { return: 3 } } };
  response.end(JSON.stringify(answer));
};

/** Waits for a promise, as time passes. */
async function settledWhile<T>(pass: (seconds: number) => Promise<void>, promise: Promise<T>) {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  await until(
    async () => {
      if (!isSettled) await pass(10);
      return isSettled;
    },
    { timeoutMs: 10_000, everyMs: 1, what: () => 'an end' },
  );
  return promise;
}

t.test('no call goes on when nothing more is heard', async t => {
  const { lxd, pass, clock } = await silentLxd(t, {
    handle: ({ method }, response) => {
      if (method !== 'DELETE') response.write('{"type": "sync", ');
    },
  });
  const begun = clock.now();
  const took = () => (clock.now() - begun) / 1000;
  const silent = { code: 'EngineUnavailable', message: /GET \/1\.0\/instances\/x.*silent for 60 s/ };
  await t.rejects(settledWhile(pass, lxd.get('/1.0/instances/x')), silent, 'in the midst of an answer');
  t.ok(took() >= 60, `after ${took()} s`);
  await t.rejects(settledWhile(pass, lxd.call('DELETE', '/1.0/instances/x')), { code: 'EngineUnavailable' });
  t.ok(took() >= 360, 'a change may take longer');
  t.equal(clock.pending, 0, 'and leaves nothing behind');
});

t.test('an answer that comes in pieces may take its time', async t => {
  let end = () => {};
  const { lxd, pass } = await silentLxd(t, {
    handle: (_request, response) => {
      response.write('{"type": "sync", "metadata": [');
      end = () => response.end('1]}');
      pieces = () => response.write(' ');
    },
  });
  let pieces = () => true;
  const list = lxd.list('/1.0/instances');
  await until(() => pieces(), { timeoutMs: 5000, what: () => 'the call' });
  for (let piece = 0; piece < 5; piece++) {
    await pass(29);
    pieces();
    await pass(1);
  }
  end();
  t.same(await list, [1]);
});

t.test('a command whose streams never open fails', async t => {
  const { lxd, pass } = await silentLxd(t, {
    handle: ended,
    sockets: { control: () => {}, stdin: () => {}, stderr: () => {} },
  });
  const exec = runInInstance({ lxd, endings: new Endings() }, 'x', ['true']);
  await t.rejects(settledWhile(pass, exec), { code: 'EngineUnavailable' });
});

t.test('a stream that LXD never ends is ended after its command, and what came is given', async t => {
  const { lxd, pass } = await silentLxd(t, {
    handle: ended,
    sockets: {
      control: () => {},
      stdin: () => {},
      stdout: socket => socket.send(Buffer.from('all of it')),
      stderr: socket => socket.send('', () => socket.close()),
    },
  });
  const { stdout, stderr, exit } = await runInInstance({ lxd, endings: new Endings() }, 'x', ['true']);
  const output = Promise.all([text(stdout), text(stderr), exit]);
  t.same(await settledWhile(pass, output), ['all of it', '', 3]);
});

t.test('what a slow reader has not taken yet is not cut off', async t => {
  const sent = Buffer.alloc(3 * MEBI, 'abcdefghij\n');
  const { lxd, pass } = await silentLxd(t, {
    handle: ended,
    sockets: {
      control: () => {},
      stdin: () => {},
      stdout: socket => {
        for (let at = 0; at < sent.length; at += MEBI) socket.send(sent.subarray(at, at + MEBI));
        socket.send('');
      },
      stderr: socket => socket.send(''),
    },
  });
  const { stdout, stderr, exit } = await runInInstance({ lxd, endings: new Endings() }, 'x', ['true']);
  stderr.resume();
  await until(() => stdout.readableLength > 0, { timeoutMs: 5000, what: () => 'output' });
  await pass(120);
  const [received, code] = await settledWhile(pass, Promise.all([buffer(stdout), exit]));
  t.ok(received.equals(sent), `${received.length} bytes`);
  t.equal(code, 3);
});

t.test('a download of which nothing more comes is given up', async t => {
  let isCancelled = false;
  const { lxd, clock } = await silentLxd(t, {
    handle: ({ method }, response) => {
      isCancelled ||= method === 'DELETE';
      const download = { id: 'x', status_code: 103, metadata: { download_progress: 'rootfs: 45% (1MB/s)' } };
      const answer =
        method === 'POST'
          ? { type: 'async', operation: '/1.0/operations/x', metadata: download }
          : { type: 'sync', metadata: download };
      response.end(JSON.stringify(answer));
    },
  });
  const image = { server: 'https://images.example', alias: 'debian/12', reference: 'debian:12' };
  const pulling = pullImage({ lxd, clock }, image, () => {}, new AbortController().signal);
  const minutes = (passed: number) => clock.advance(passed * 6000);
  await t.rejects(settledWhile(minutes, pulling), { code: 'ImagePullFailed', message: /15 minutes/ });
  t.ok(isCancelled, 'LXD too');
});

t.test('events that end without a word are noticed, and a day without any is none', async t => {
  let answersPings = true;
  const { socketPath, clock, pass } = await silentLxd(t, {
    sockets: {
      events: socket => socket.on('ping', () => answersPings && socket.pong()),
    },
  });
  const driver = createLxcDriver({ socketPath, node: 'n', clock });
  t.teardown(() => driver.close());
  const events = driver.watch(new AbortController().signal)[Symbol.asyncIterator]();
  t.same((await events.next()).value, { type: 'changed' });
  const next = events.next();
  let isOver = false;
  next.catch(() => {
    isOver = true;
  });
  for (let hours = 0; hours < 2; hours++) await pass(300);
  t.notOk(isOver, 'while it answers');
  answersPings = false;
  await t.rejects(settledWhile(pass, next), { code: 'EngineUnavailable' });
});
