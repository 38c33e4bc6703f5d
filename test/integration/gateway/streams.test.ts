import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { ssh2User } from '../../support/ssh2-user.ts';
import { until } from '../../support/until.ts';

const MIB = 1024 * 1024;
const soon = (what: string) => ({ timeoutMs: 15_000, everyMs: 10, what: () => what });

/** A gateway whose workspaces are what `serve` does with each connection in turn. */
async function setup(t: Test, serve: (socket: Socket, index: number) => void) {
  let count = 0;
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    serve(socket, count++);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const lab = await gatewayLab(t);
  const { connected } = await lab.uplink({
    locate: () => [{ host: '127.0.0.1', port }],
  });
  await connected();
  return lab;
}

const echo = (socket: Socket) => void socket.pipe(socket);

t.test('streams that nobody reads delay no other over the same uplink', async t => {
  const STUCK = 6;
  const lab = await setup(t, (socket, index) => (index < STUCK ? socket.pause() : echo(socket)));
  const alice = await ssh2User(t, lab.port, KEYS.alice);
  const chunk = Buffer.alloc(MIB, 1);
  for (let i = 0; i < STUCK; i++) {
    const channel = await alice.open('shop.alice');
    let isStuck = false;
    const fill = () => {
      while (channel.write(chunk));
      isStuck = true;
    };
    channel.on('drain', () => {
      isStuck = false;
      fill();
    });
    fill();
    t.ok(isStuck);
  }
  const bob = await ssh2User(t, lab.port, KEYS.bob);
  for (const [user, workspace] of [
    [alice, 'shop.alice'],
    [bob, 'mail.bob'],
  ] as const) {
    const channel = await user.open(workspace);
    const back: Buffer[] = [];
    channel.on('data', (data: Buffer) => back.push(data));
    channel.write('still here');
    await until(() => Buffer.concat(back).toString() === 'still here', soon(`an echo for ${workspace}`));
  }
});

t.test('what a peer does not take is not taken from the workspace, whatever window it claims', async t => {
  let sent = 0;
  const chunk = Buffer.alloc(256 * 1024);
  const lab = await setup(t, socket => {
    const pour = () => {
      while (socket.write(chunk)) sent += chunk.length;
      sent += chunk.length;
    };
    socket.on('drain', pour);
    pour();
  });
  const { open, socket, client } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  const { outgoing } = channel as unknown as { outgoing: { id: number } };
  // A window of a gigabyte, and a socket that nobody reads.
  (
    client as unknown as { _protocol: { channelWindowAdjust(id: number, by: number): void } }
  )._protocol.channelWindowAdjust(outgoing.id, 1024 * MIB);
  channel.on('data', () => {});
  await until(() => sent > 4 * MIB, soon('data to flow'));
  socket.pause();
  let last = -1;
  // Nothing more is asked of the workspace once the buffers on the way are full.
  await until(
    () => {
      const isStill = sent === last;
      last = sent;
      return isStill;
    },
    { ...soon('the flow to stop'), everyMs: 300 },
  );
  const before = sent;
  t.ok(process.memoryUsage.rss() > 0);
  socket.resume();
  await until(() => sent > before + 8 * MIB, soon('the flow to go on'));
});

t.test('a peer that sends more than it was granted is cut', async t => {
  const lab = await setup(t, socket => socket.pause());
  const { open, socket } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  const { outgoing } = channel as unknown as { outgoing: { window: number } };
  const closed = once(socket, 'close');
  const chunk = Buffer.alloc(MIB);
  const timer = setInterval(() => {
    outgoing.window = Number.MAX_SAFE_INTEGER;
    channel.write(chunk);
  }, 5);
  t.teardown(() => clearInterval(timer));
  await closed;
  clearInterval(timer);
  await lab.untilLogged('more was sent than was granted', { name: 'alice' });
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
});

t.test('a gateway that closes ends people first, then agents, and frees its port', async t => {
  const lab = await setup(t, echo);
  const { open, socket } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop.alice');
  const ended = once(channel, 'close');
  const silent = await lab.socket();
  const gone = once(silent, 'close');
  channel.resume();
  await lab.gateway.close();
  await Promise.all([ended, gone]);
  t.ok(socket.destroyed || socket.readableEnded);
  const order = lab.logged('a connection was closed').map(line => JSON.parse(line).kind);
  t.same(order, ['user', 'node']);
  await t.rejects(lab.socket(), { code: 'ECONNREFUSED' });
});
