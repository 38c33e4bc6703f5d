import { createServer } from 'node:http';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { connect } from '../../../agent/drivers/docker/address.ts';
import { Demultiplexer } from '../../../agent/drivers/docker/demultiplexer.ts';
import { followLines } from '../../../agent/drivers/docker/images/follow.ts';
import { pullErrorCode } from '../../../agent/drivers/docker/images/pull.ts';
import { PullProgress } from '../../../agent/drivers/docker/images/pull-progress.ts';
import { checkReference, isContentId, withTag } from '../../../agent/drivers/docker/images/reference.ts';
import { parseProbe } from '../../../agent/drivers/images/recipe.ts';
import { endedBy, FirstLine } from '../../../agent/drivers/process-tree.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { fakeEngine } from '../../support/fake-engine.ts';
import { until } from '../../support/until.ts';

t.test('what the client renders of each call does not grow with its open connections', async t => {
  const server = createServer((_, response) => response.end('OK'));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { docker, close } = connect({
    host: '127.0.0.1',
    port: (server.address() as { port: number }).port,
  });
  t.teardown(() => {
    close();
    server.close();
  });
  await docker.ping();
  const { agent } = docker.modem as unknown as { agent: { freeSockets: object } };
  t.equal(Object.keys(agent.freeSockets).length, 1, 'a connection is kept');
  t.equal(inspect({ agent }, { showHidden: true, depth: null }), '{ agent: Agent }');
});

t.test('a call that the engine takes and never answers is ended, and so is a stream that stops', async t => {
  const clock = new FakeClock();
  let calls = 0;
  let ended = 0;
  const { socketPath } = await fakeEngine(t, request => {
    calls += 1;
    request.socket.once('close', () => {
      ended += 1;
    });
  });
  const { docker, close } = connect({ socketPath }, clock);
  t.teardown(close);
  const calling = [docker.listContainers(), docker.getContainer('x').remove()];
  const outcomes = Promise.allSettled(calling);
  await until(() => calls === 2, { timeoutMs: 5000, what: () => 'the calls' });
  await clock.advance(60_000);
  await t.rejects(calling[0]!, { code: 'EngineUnavailable', message: /GET \/containers\/json\).* 60 s/ });
  await clock.advance(540_000);
  await t.rejects(calling[1]!, { code: 'EngineUnavailable' });
  await outcomes;
  await until(() => ended === 2, { timeoutMs: 5000, what: () => 'the end of their connections' });
  t.equal(clock.pending, 0);

  const stream = new PassThrough();
  const lines: unknown[] = [];
  const following = followLines(stream, { signal: new AbortController().signal, clock }, line =>
    lines.push(line),
  );
  following.catch(() => {});
  for (let line = 0; line < 3; line++) {
    stream.write(`${line}\n`);
    await clock.advance(800_000);
  }
  t.same(lines, [0, 1, 2], 'while something comes it goes on');
  await clock.advance(100_000);
  await t.rejects(following, { code: 'EngineUnavailable' });
});

function frame(stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

t.test('frames are told apart however the bytes come in', async () => {
  const frames = fc.array(
    fc.record({ stream: fc.constantFrom(1, 2), payload: fc.uint8Array({ maxLength: 40 }) }),
  );
  await fc.assert(
    fc.asyncProperty(frames, fc.integer({ min: 1, max: 60 }), async (parts, chunkBytes) => {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      const demultiplexer = new Demultiplexer(stdout, stderr);
      const all = Buffer.concat(parts.map(({ stream, payload }) => frame(stream, payload)));
      for (let at = 0; at < all.length; at += chunkBytes)
        demultiplexer.write(all.subarray(at, at + chunkBytes));
      demultiplexer.end();
      const [out, err] = await Promise.all([buffer(stdout), buffer(stderr)]);
      const wanted = (n: number) => Buffer.concat(parts.filter(p => p.stream === n).map(p => p.payload));
      return out.equals(wanted(1)) && err.equals(wanted(2));
    }),
    { numRuns: 60 },
  );
});

t.test('a reader that does not read holds everything up, until it reads or goes away', async t => {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 10 }), new PassThrough()];
  const demultiplexer = new Demultiplexer(stdout, stderr);
  let taken = false;
  demultiplexer.write(frame(1, Buffer.alloc(100)), () => {
    taken = true;
  });
  await settle();
  t.equal(taken, false);
  stdout.resume();
  await settle();
  t.equal(taken, true);

  stdout.pause();
  taken = false;
  demultiplexer.write(frame(1, Buffer.alloc(100)), () => {
    taken = true;
  });
  await settle();
  t.equal(taken, false);
  stdout.destroy();
  await settle();
  t.equal(taken, true);
  demultiplexer.end(frame(2, Buffer.from('still')));
  t.equal((await buffer(stderr)).toString(), 'still');
});

const [A, B] = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb'];

t.test('layers add up by their size, and the percentage never falls', async t => {
  const progress = new PullProgress('debian:12');
  t.same(progress.progress(), { phase: 'pulling', message: 'pulling debian:12' }, 'nothing is known');
  progress.add({ id: '12', status: 'Pulling from library/debian' });
  progress.add({ id: A, status: 'Pulling fs layer' });
  t.equal(progress.progress().percent, undefined);
  progress.add({ id: A, status: 'Downloading', progressDetail: { current: 50, total: 100 } });
  t.equal(progress.progress().percent, 35);
  progress.add({ id: B, status: 'Downloading', progressDetail: { current: 0, total: 900 } });
  t.equal(progress.progress().percent, 35, 'a large layer that is only now known of');
  progress.add({ id: A, status: 'Download complete' });
  progress.add({ id: A, status: 'Extracting', progressDetail: { current: 100, total: 100 } });
  progress.add({ id: A, status: 'Pull complete' });
  progress.add({ id: B, status: 'Verifying Checksum' });
  t.equal(progress.progress().percent, 73);
  progress.add({ id: B, status: 'Pull complete' });
  t.equal(progress.progress().percent, 99, '100 is said by the engine');
});

t.test("an engine's words decide whether a pull may be tried again", async t => {
  const rows = {
    ImageNotFound: [
      'manifest for debian:nope not found: manifest unknown: manifest unknown',
      'pull access denied for nope, repository does not exist or may require docker login',
      'no matching manifest for linux/arm64 in the manifest list entries',
    ],
    ImageDenied: [
      'unauthorized: authentication required',
      'Head "https://registry.example.com/v2/app/manifests/1": no basic auth credentials',
      'denied: requested access to the resource is denied',
    ],
    ImagePullFailed: [
      'Get "https://registry.example.com/v2/": dial tcp: lookup registry.example.com: no such host',
      'net/http: TLS handshake timeout',
      'toomanyrequests: You have reached your pull rate limit',
      'unexpected EOF',
    ],
    Invalid: ['invalid reference format', 'repository name must be lowercase'],
  };
  for (const [code, messages] of Object.entries(rows))
    for (const message of messages) t.equal(pullErrorCode(message), code, message);
});

t.test('references are those of the engines, and nothing that could leave its place in a path', async t => {
  const good = [
    'debian',
    'debian:12',
    'library/debian',
    'ghcr.io/acme/team/app:v1.2_3-x',
    'localhost:5000/app',
    '127.0.0.1:5000/app:1',
    'Registry.Example.com/app',
    `debian@sha256:${'a'.repeat(64)}`,
    `debian:12@sha256:${'a'.repeat(64)}`,
    `sha256:${'0'.repeat(64)}`,
    'a'.repeat(64),
  ];
  for (const reference of good) t.doesNotThrow(() => checkReference(reference), reference);
  const bad = [
    '',
    'Debian',
    'a b',
    '../x',
    'a/../b',
    'a//b',
    'a?b',
    'a#b',
    'a%2e',
    '-a',
    'a:',
    'a:b:c',
    'a@sha256:12',
    '/a',
  ];
  for (const reference of [...bad, 'a'.repeat(600)])
    t.throws(() => checkReference(reference), { code: 'Invalid' }, reference);
});

t.test('a pull names a tag, or the engine would fetch them all', async t => {
  t.equal(withTag('debian'), 'debian:latest');
  t.equal(withTag('localhost:5000/app'), 'localhost:5000/app:latest');
  t.equal(withTag('debian:12'), 'debian:12');
  t.equal(withTag('debian@sha256:1'), 'debian@sha256:1');
  t.equal(isContentId('a'.repeat(64)), true);
  t.equal(isContentId('debian'), false);
});

t.test('what was found in an image is read whatever else its shell prints', async t => {
  t.same(parseProbe('motd\nnexus-missing: sshd git\nnexus-manager: apk\n'), {
    missing: ['sshd', 'git'],
    manager: 'apk',
  });
  t.same(parseProbe('nexus-missing:\nnexus-manager: \n'), { missing: [], manager: '' });
  t.equal(parseProbe('Segmentation fault'), undefined);
});

t.test('a process that tells no id of its own is not waited for, and is hung up on', async t => {
  const stderr = new FirstLine();
  stderr.resume().write('x'.repeat(100_000));
  t.equal(await stderr.line, '');
  const told = new FirstLine();
  told.resume().write('42\n');
  for (const [stream, pids] of [
    [stderr, []],
    [told, ['42']],
  ] as const) {
    const killed: string[] = [];
    const abort = new AbortController();
    let [hangUps, begun] = [0, Promise.resolve()];
    const stdin = new PassThrough();
    const { exit } = endedBy(
      abort.signal,
      { stdin, stdout: new PassThrough(), stderr: stream, exit: new Promise(() => {}) },
      {
        killTree: async pid => void killed.push(pid),
        hangUp: () => hangUps++,
        onEnding: ending => {
          begun = ending;
        },
      },
    );
    abort.abort(new Error('over'));
    await t.rejects(exit, { message: 'over' });
    await begun;
    t.same([hangUps, killed, stdin.destroyed], [1, pids, true]);
  }
});
