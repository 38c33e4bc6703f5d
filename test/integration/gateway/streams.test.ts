import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import t, { type Test } from 'tap';
import type { GatewayLimits } from '../../../controller/gateway/limits.ts';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { ssh2User } from '../../support/ssh2-user.ts';
import { until } from '../../support/until.ts';

const MIB = 1024 * 1024;
const soon = (what: string) => ({ timeoutMs: 15_000, everyMs: 10, what: () => what });

/** A gateway whose workspaces are what `serve` does with each connection in turn. */
async function setup(
  t: Test,
  serve: (socket: Socket, index: number) => void,
  limits: Partial<GatewayLimits> = {},
) {
  let count = 0;
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    serve(socket, count++);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const lab = await gatewayLab(t, { limits });
  const { connected } = await lab.uplink({
    locate: () => [{ host: '127.0.0.1', port }],
  });
  await connected();
  return lab;
}

const echo = (socket: Socket) => void socket.pipe(socket);

/** Writes for as long as the stream takes it, `maxBytes` at most: what a stuck one took is what lies on the way. */
function pour(stream: Writable, maxBytes: number): { readonly taken: number } {
  // No multiple of a packet: a window that is used up to the last byte is another case.
  const chunk = Buffer.alloc(100_003, 1);
  let taken = 0;
  const fill = () => {
    for (let hasRoom = true; hasRoom && taken < maxBytes; taken += chunk.length)
      hasRoom = stream.write(chunk);
  };
  stream.on('drain', fill);
  fill();
  return {
    get taken() {
      return taken;
    },
  };
}

/** Resolves when a count has not changed for a while. */
async function still(count: () => number, what: string): Promise<void> {
  let last = -1;
  const isStill = () => {
    const before = last;
    last = count();
    return before === last;
  };
  await until(isStill, { ...soon(what), everyMs: 400 });
}

async function answers(t: Test, user: Awaited<ReturnType<typeof ssh2User>>, workspace: string) {
  const channel = await user.open(workspace);
  const back: Buffer[] = [];
  channel.on('data', (data: Buffer) => back.push(data));
  const begun = performance.now();
  channel.write('still here');
  await until(() => Buffer.concat(back).toString() === 'still here', {
    ...soon(`an echo for ${workspace}`),
    everyMs: 2,
  });
  t.ok(performance.now() - begun < 30_000, `${workspace} answers though others are stuck`);
  channel.destroy();
}

const STUCK = 6;
/** Kernel buffers on the way, and what each of our ends may hold. */
const PER_STREAM = 16 * MIB;

t.test('what a workspace does not read is not taken from its user, and delays no other stream', async t => {
  const lab = await setup(t, (socket, index) => (index < STUCK ? socket.pause() : echo(socket)));
  const alice = await ssh2User(t, lab.port, KEYS.alice);
  const poured: { readonly taken: number }[] = [];
  for (let i = 0; i < STUCK; i++) poured.push(pour(await alice.open('shop.alice'), 3 * PER_STREAM));
  await still(() => poured.reduce((sum, { taken }) => sum + taken, 0), 'the streams to be stuck');
  for (const { taken } of poured) t.ok(taken < PER_STREAM, `${taken} bytes were taken`);
  const bob = await ssh2User(t, lab.port, KEYS.bob);
  await answers(t, alice, 'shop.alice');
  await answers(t, bob, 'mail.bob');
  t.same(lab.logged('more was sent than was granted'), [], 'who keeps to the rules is left alone');
});

t.test('what a user does not read is not taken from the workspace, and delays no other stream', async t => {
  const poured: { readonly taken: number }[] = [];
  const lab = await setup(t, (socket, index) => {
    if (index < STUCK) poured.push(pour(socket, 3 * PER_STREAM));
    else echo(socket);
  });
  const alice = await ssh2User(t, lab.port, KEYS.alice);
  const stuck = [];
  for (let i = 0; i < STUCK; i++) stuck.push((await alice.open('shop.alice')).pause());
  await still(() => poured.reduce((sum, { taken }) => sum + taken, 0), 'the streams to be stuck');
  for (const { taken } of poured) t.ok(taken < PER_STREAM, `${taken} bytes were taken`);
  const bob = await ssh2User(t, lab.port, KEYS.bob);
  await answers(t, alice, 'shop.alice');
  await answers(t, bob, 'mail.bob');
  const before = poured[0]?.taken ?? 0;
  stuck[0]?.resume();
  await until(() => (poured[0]?.taken ?? 0) > before + MIB, soon('the first to go on'));
});

t.test(
  'of too many channels that a user does not read the oldest are closed, over all connections',
  async t => {
    const poured: { readonly taken: number }[] = [];
    const lab = await setup(t, socket => void poured.push(pour(socket, 3 * PER_STREAM)), {
      maxStuck: 3,
      stuckMs: 500,
    });
    const two = [await ssh2User(t, lab.port, KEYS.alice), await ssh2User(t, lab.port, KEYS.alice)];
    const bob = await ssh2User(t, lab.port, KEYS.bob);
    const closed: string[] = [];
    const stuck: ClientChannel[] = [];
    const stick = async (user: (typeof two)[0] | undefined, workspace: string, name: string) => {
      const channel = await user?.open(workspace);
      if (!channel) return;
      channel.pause();
      channel.once('close', () => closed.push(name));
      const index = stuck.push(channel) - 1;
      // One after the other, so that it is known which is stuck for longest.
      await still(() => poured[index]?.taken || Number.NaN, `${name} to be stuck`);
    };
    await stick(bob, 'mail.bob', 'bob');
    for (let i = 0; i < 5; i++) await stick(two[i % 2], 'shop.alice', `alice ${i}`);
    await lab.untilLogged('a channel is closed: too many', { user: 'alice' });
    const why = 'too many of the user’s channels are not read';
    await until(() => lab.logged('a channel was closed', { why }).length === 2, soon('two to be closed'));
    // Their ends are seen once they are read.
    for (const channel of stuck) channel.resume();
    await until(() => closed.length >= 2, soon('two ends'));
    t.same(closed.sort(), ['alice 0', 'alice 1'], 'those that were stuck for longest');
    t.same(lab.logged('a channel is closed: too many', { user: 'bob' }), []);
    const flows = await two[0]?.open('shop.alice');
    flows?.resume();
    await once(flows as NonNullable<typeof flows>, 'data');
  },
);

t.test('what a peer does not take is not taken from the workspace, whatever window it claims', async t => {
  let poured: { readonly taken: number } | undefined;
  const lab = await setup(t, socket => {
    poured = pour(socket, 200 * MIB);
  });
  const taken = () => poured?.taken ?? 0;
  const { open, socket, claimWindow } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  claimWindow(channel, 1024 * MIB);
  channel.on('data', () => {});
  await until(() => taken() > 4 * MIB, soon('data to flow'));
  socket.pause();
  await still(taken, 'the flow to stop');
  const before = taken();
  t.ok(before < 190 * MIB);
  socket.resume();
  await until(() => taken() > before + 2 * MIB, soon('the flow to go on'));
});

t.test('a peer that sends more than it was granted is cut', async t => {
  const lab = await setup(t, socket => socket.pause());
  const { open, socket, forgetGrant } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  // A reset is an error first.
  const closed = new Promise(resolve => socket.once('close', resolve));
  const chunk = Buffer.alloc(100_003);
  // Far more than anybody may hold, in turns, so that the gateway is heard.
  for (let sent = 0; sent < 64 * MIB && !socket.destroyed; sent += chunk.length) {
    forgetGrant(channel);
    channel.write(chunk);
    await new Promise(resolve => setImmediate(resolve));
  }
  await closed;
  t.ok(await lab.untilLogged('more was sent than was granted', { name: 'alice' }));
});

t.test('half of a connection that ends leaves the other half open', async t => {
  const lab = await setup(t, socket => {
    let heard = '';
    socket.on('data', data => {
      heard += data;
    });
    socket.on('end', () => socket.end(`heard ${heard}`));
  });
  const { open } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  let back = '';
  channel.on('data', (data: Buffer) => {
    back += data;
  });
  channel.end('all of it');
  await until(() => back === 'heard all of it', soon('an answer after the end'));
  t.ok(await lab.untilLogged('a channel was closed', { user: 'alice', why: 'closed' }));
});

t.test('a workspace that ends first is heard of, and still hears the rest', async t => {
  let heard = '';
  const lab = await setup(t, socket => {
    socket.on('data', data => {
      heard += data;
    });
    socket.end('bye');
  });
  const { open } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  let back = '';
  channel.on('data', (data: Buffer) => {
    back += data;
  });
  await once(channel, 'end');
  t.equal(back, 'bye');
  channel.end('and the rest');
  await until(() => heard === 'and the rest', soon('the rest to arrive'));
  await lab.untilLogged('a channel was closed', { user: 'alice', why: 'closed' });
});

t.test('a gateway that closes ends people first, then agents, and frees its port', async t => {
  const lab = await setup(t, echo);
  const { open, socket } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  const ended = once(channel, 'close');
  const silent = (await lab.socket()).resume();
  const gone = once(silent, 'close');
  channel.resume();
  await lab.gateway.close();
  await Promise.all([ended, gone]);
  t.ok(socket.destroyed || socket.readableEnded);
  const order = lab.logged('a connection was closed').map(line => JSON.parse(line).kind);
  t.same(order, ['user', 'node']);
  await t.rejects(lab.socket(), { code: 'ECONNREFUSED' });
});
