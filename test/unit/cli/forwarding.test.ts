import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { createForwarding } from '../../../cli/forward/keep-forwarding.ts';
import type { Link } from '../../../cli/forward/link.ts';
import { listen } from '../../../cli/forward/listen.ts';
import { parseAddresses } from '../../../cli/forward/parse.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';

const soon = { timeoutMs: 5_000, what: () => 'it' };

/** A workspace that answers with `hello`, and links to it that stand and fall at a word. */
async function world(t: Test) {
  const inside = createServer(socket => socket.end('hello')).listen(0, '127.0.0.1');
  await once(inside, 'listening');
  const portOf = (server: Server) => (server.address() as { port: number }).port;
  const clock = new FakeClock();
  const abort = new AbortController();
  const notes: string[] = [];
  const links: { stand(): void; fall(why: string): void; isFresh: boolean; stopped: boolean }[] = [];
  /** Thrown by the next attempts instead of a link. */
  let refuse: Error | undefined;
  const forwarding = createForwarding({
    context: { clock, signal: abort.signal, note: line => notes.push(line) },
    random: () => 0.999,
    isFinal: error => (error as Error).message === 'gone',
    async open({ isFresh }) {
      if (refuse) throw refuse;
      const up = Promise.withResolvers<void>();
      const ended = Promise.withResolvers<string>();
      up.promise.catch(() => {});
      const fall = (why: string) => {
        up.reject(new Error(why));
        ended.resolve(why);
      };
      const entry = { stand: () => up.resolve(), fall, isFresh, stopped: false };
      links.push(entry);
      const link: Link = {
        up: up.promise,
        ended: ended.promise,
        dial: () => connect({ port: portOf(inside), host: '127.0.0.1', allowHalfOpen: true }),
        stop() {
          entry.stopped = true;
          fall('stopped');
        },
      };
      return { link, told: 'some way' };
    },
  });
  let ups = 0;
  const server: Server = createServer({ allowHalfOpen: true }, socket => forwarding.take(socket, 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  t.teardown(async () => {
    abort.abort();
    for (const socket of sockets) socket.destroy();
    server.close();
    inside.close();
  });
  const ran = forwarding.run(() => ups++);
  ran.catch(() => {});
  return {
    ...{ clock, abort, notes, links, ran, ups: () => ups },
    refuse: (error?: Error) => {
      refuse = error;
    },
    /** What somebody who connects reads until the end. */
    async read(): Promise<string> {
      const socket = connect(portOf(server), '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => {});
      let text = '';
      socket.on('data', chunk => {
        text += chunk;
      });
      await new Promise(resolve => socket.once('close', resolve));
      return text;
    },
    linked: (count: number) => until(() => links.length === count, soon),
  };
}

t.test('a link that falls is made again, later each time, and both are said', async t => {
  const w = await world(t);
  await w.linked(1);
  w.links[0]?.stand();
  await until(() => w.ups() === 1, soon);
  t.equal(await w.read(), 'hello');
  w.links[0]?.fall('broken pipe');
  await until(() => w.notes.length === 1, soon);
  t.match(w.notes, ['connection lost (broken pipe); the ports stay open here. Connecting again …']);
  const waiting = w.read();
  await until(() => w.clock.pending > 1, soon);
  await w.clock.advance(500);
  await w.linked(2);
  t.ok(w.links[1]?.isFresh, 'which way works is looked at anew');
  w.links[1]?.fall('no way');
  await until(() => w.notes.length === 2, soon);
  t.equal(w.notes[1], 'not yet: no way');
  await w.clock.advance(500);
  t.equal(w.links.length, 2, 'the second delay is longer');
  await w.clock.advance(500);
  await w.linked(3);
  w.links[2]?.fall('no way');
  await until(() => w.clock.pending > 1, soon);
  t.equal(w.notes.length, 2, 'the same reason is told once');
  await w.clock.advance(2_000);
  await w.linked(4);
  w.links[3]?.stand();
  t.equal(await waiting, 'hello', 'who waits is served');
  t.equal(w.notes.at(-1), 'connected again after 3.5 s, some way');
  t.equal(w.ups(), 1);
});

t.test('one that never stood ends it with the reason', async t => {
  const w = await world(t);
  await w.linked(1);
  w.links[0]?.fall('Permission denied');
  await t.rejects(w.ran, { message: 'Permission denied' });
});

t.test('what cannot come back ends it, what may is waited for', async t => {
  const w = await world(t);
  await w.linked(1);
  w.links[0]?.stand();
  await until(() => w.ups() === 1, soon);
  w.refuse(new Error('stopped\n  next line'));
  w.links[0]?.fall('x');
  await until(() => w.notes.length === 1, soon);
  await w.clock.advance(500);
  await until(() => w.notes.length === 2, soon);
  t.equal(w.notes[1], 'not yet: stopped next line');
  w.refuse(new Error('gone'));
  await w.clock.advance(1_000);
  await t.rejects(w.ran, { message: 'gone' });
});

t.test('nobody is kept waiting for ever, and nobody at the end', async t => {
  const w = await world(t);
  await w.linked(1);
  const first = w.read();
  await until(() => w.clock.pending === 1, soon);
  await w.clock.advance(20_000);
  t.equal(await first, '');
  const second = w.read();
  await until(() => w.clock.pending === 1, soon);
  w.abort.abort();
  await w.ran;
  t.equal(await second, '');
  t.ok(w.links[0]?.stopped);
});

t.test('a port is the same at every address, and what is taken is said', async t => {
  const first = await listen(['127.0.0.1', '127.0.0.2'], 0, socket => socket.end());
  t.teardown(first.close);
  t.same(first.addresses, ['127.0.0.1', '127.0.0.2']);
  await t.rejects(
    listen(['127.0.0.2'], first.port, () => {}),
    { name: 'CliError', next: /LOCAL:PORT/ },
  );
  const beside = await listen(['127.0.0.3'], first.port, () => {});
  beside.close();
  await t.rejects(
    listen(['192.0.2.1'], 0, () => {}),
    { name: 'CliError' },
  );
});

t.test('addresses are read from a list', async t => {
  t.same(parseAddresses('127.0.0.1, [::1]'), ['127.0.0.1', '::1']);
  t.same(parseAddresses('localhost,127.0.0.1'), ['127.0.0.1', '::1']);
  t.throws(() => parseAddresses(' ,'), { name: 'CliError' });
});
