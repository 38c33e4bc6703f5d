import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import t, { type Test } from 'tap';
import { createTcpForwarder } from '../../../agent/forwards/tcp-forwarder.ts';
import { createProbe } from '../../../agent/health/probe.ts';
import type { ResolvedCheck } from '../../../agent/model/desired.ts';
import { dialPort } from '../../../agent/ssh/dial.ts';
import { createTunnel, type Tunnel } from '../../../agent/ssh/tunnel.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { splice } from '../../../controller/kit/splice.ts';
import type { PlacementForward } from '../../../crds/kinds.ts';
import { HOST_KEY, USER_KEY } from '../../support/agent-data.ts';
import { steadyPorts } from '../../support/steady-ports.ts';
import { until } from '../../support/until.ts';

const portOf = (server: Server) => (server.address() as AddressInfo).port;

/** An SSH server that forwards to this machine's loopback, as a workspace's does. */
async function sshd(t: Test, options: { port?: number; hostKey?: string } = {}) {
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [options.hostKey ?? HOST_KEY.privateKey] }, client => {
    connections.add(client);
    client.on('error', () => {});
    client.on('close', () => connections.delete(client));
    client.on('authentication', context =>
      context.username === 'dev' ? context.accept() : context.reject(),
    );
    client.on('ready', () => {
      client.on('tcpip', (accept, reject, info) => {
        const socket = connect({ host: info.destIP, port: info.destPort, allowHalfOpen: true });
        socket.once('error', () => reject());
        socket.once('connect', () => splice(accept() as unknown as ServerChannel, socket));
      });
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    for (const client of connections) client.end();
    await new Promise<void>(resolve => server.close(() => resolve()));
  };
  t.teardown(() => stop().catch(() => {}));
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    stop,
  };
}

function tunnelTo(t: Test, port: number, hostPublicKey = HOST_KEY.publicKey) {
  let changes = 0;
  const tunnel = createTunnel({
    target: { instanceId: 'i', addresses: [{ host: '127.0.0.1', port }], user: 'dev', hostPublicKey },
    privateKey: USER_KEY.privateKey,
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    onChange: () => {
      changes++;
    },
  });
  t.teardown(() => tunnel.stop());
  return Object.assign(tunnel, { count: () => changes });
}

const untilState = (tunnel: Tunnel, state: string) =>
  until(() => tunnel.state.state === state, {
    timeoutMs: 10_000,
    what: () => `${state}, not ${JSON.stringify(tunnel.state)}`,
    everyMs: 5,
  });

/** Echoes, and answers the end of what it heard with one word more. */
async function echo(t: Test): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    socket.pipe(socket, { end: false });
    socket.once('end', () => socket.end('bye'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server;
}

async function read(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

t.test('a tunnel reaches a port of the inside’s loopback, and says when it cannot', async t => {
  const { port } = await sshd(t);
  const tunnel = tunnelTo(t, port);
  t.equal(tunnel.state.state, 'Connecting');
  await t.rejects(tunnel.open(1), /no connection/);
  await untilState(tunnel, 'Connected');
  const server = await echo(t);
  const stream = await tunnel.open(portOf(server));
  stream.end('hello ');
  t.equal(await read(stream as Socket), 'hello bye', 'half-close is passed on');
  const [closed = 0] = await steadyPorts(1);
  await t.rejects(tunnel.open(closed));
});

t.test('another host key is no connection', async t => {
  const { port } = await sshd(t);
  const tunnel = tunnelTo(t, port, USER_KEY.publicKey);
  await untilState(tunnel, 'Failed');
  t.match(tunnel.state.message, 'another host key');
});

t.test(
  'a tunnel that breaks is made again, at once when it is told that there is something to reach',
  async t => {
    const first = await sshd(t);
    const tunnel = tunnelTo(t, first.port);
    await untilState(tunnel, 'Connected');
    await first.stop();
    await untilState(tunnel, 'Failed');
    await sshd(t, { port: first.port });
    tunnel.kick();
    await untilState(tunnel, 'Connected');
    t.ok(tunnel.count() >= 3);
    await tunnel.stop();
  },
);

t.test('a stop ends whatever is going on', async t => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const tunnel = tunnelTo(t, portOf(silent));
  await tunnel.stop();
});

function forwarder(
  t: Test,
  dial: (owner: string, port: number) => ReturnType<typeof dialPort>,
  max?: number,
) {
  const made = createTcpForwarder({
    nodeAddress: '127.0.0.1',
    dial,
    onFailure() {},
    ...(max !== undefined && { maxConnections: max }),
  });
  t.teardown(() => made.stop());
  return made;
}

const forward = (port: number, hostPort: number, name = 'web'): PlacementForward => ({
  name,
  port,
  hostPort,
  exposure: 'Private',
});
const direct = (_owner: string, port: number) => dialPort({ address: '127.0.0.1' }, port, systemClock);

t.test('a forward passes bytes both ways, through the tunnel where there is no other way', async t => {
  const { port: sshPort } = await sshd(t);
  const tunnel = tunnelTo(t, sshPort);
  await untilState(tunnel, 'Connected');
  const server = await echo(t);
  const [hostPort = 0] = await steadyPorts(1);
  const [nobody = 0] = await steadyPorts(1);
  const made = forwarder(t, async (_owner, port) => {
    await t.rejects(dialPort({ address: '127.0.0.1' }, nobody, systemClock));
    return dialPort({ tunnel: tunnel.open }, port, systemClock);
  });
  await made.open('shop', forward(portOf(server), hostPort));
  const socket = connect({ port: hostPort, host: '127.0.0.1', allowHalfOpen: true });
  const sent = 'x'.repeat(3_000_000);
  socket.end(sent);
  const got = await read(socket);
  t.equal(got.length, sent.length + 3);
  t.match(got.slice(-3), 'bye');
});

t.test('forwards come and go; connections of those that stay live on', async t => {
  const [a, b] = await Promise.all([echo(t), echo(t)]);
  const [one = 0, two = 0] = await steadyPorts(2);
  const made = forwarder(t, direct);
  await made.open('shop', forward(portOf(a), one));
  const socket = connect({ port: one, host: '127.0.0.1' });
  socket.write('1');
  await once(socket, 'data');
  t.equal(made.connections, 1);
  await made.open('shop', forward(portOf(b), two, 'other'));
  await made.open('shop', forward(portOf(b), one));
  socket.write('2');
  await once(socket, 'data');
  t.match(made.list('shop'), { web: { port: portOf(b), state: 'Open' }, other: { hostPort: two } });
  const closed = once(socket, 'close');
  await made.close('shop', 'web');
  await closed;
  await t.rejects(once(connect({ port: one, host: '127.0.0.1' }), 'connect'), 'the port is released');
  await made.closeAll('shop');
  t.same(made.list('shop'), {});
  t.equal(made.count, 0);
});

t.test('a port that is taken is told from one of our own that is about to go', async t => {
  const server = await echo(t);
  const made = forwarder(t, direct);
  await made.open('a', forward(1, portOf(server)));
  t.match(made.list('a').web, { state: 'Failed', reason: 'Conflict' });
  const [port = 0] = await steadyPorts(1);
  await made.open('a', forward(1, port, 'mine'));
  await made.open('b', forward(1, port));
  t.match(made.list('b').web, { state: 'Failed', reason: 'Busy' });
  await made.close('a', 'mine');
  await made.open('b', forward(1, port));
  t.match(made.list('b').web, { state: 'Open' });
});

t.test('connections are bounded, and end when the inside is not reached', async t => {
  const server = await echo(t);
  const [port = 0, dead = 0, nobody = 0] = await steadyPorts(3);
  const made = forwarder(t, direct, 1);
  await made.open('a', forward(portOf(server), port));
  await made.open('a', forward(nobody, dead, 'dead'));
  const first = connect({ port, host: '127.0.0.1' });
  first.write('1');
  await once(first, 'data');
  const second = connect({ port, host: '127.0.0.1' });
  second.on('error', () => {});
  await once(second, 'close');
  first.destroy();
  const third = connect({ port: dead, host: '127.0.0.1' });
  third.on('error', () => {});
  await once(third, 'close');
});

t.test('a check over the network is an answer in time', async t => {
  const web = createHttpServer((request, response) => {
    if (request.url === '/slow') return;
    response.writeHead(Number(request.url?.slice(1)) || 500, { location: '/' }).end('x'.repeat(100_000));
  }).listen(0, '127.0.0.1');
  await once(web, 'listening');
  t.teardown(() => {
    web.closeAllConnections();
    web.close();
  });
  const { port: sshPort } = await sshd(t);
  const tunnel = tunnelTo(t, sshPort);
  await untilState(tunnel, 'Connected');
  const times = { intervalMs: 1, timeoutMs: 300, initialDelayMs: 0, failureThreshold: 1 };
  const asked: string[][] = [];
  const guest = {
    check: async (_id: string, { command = [] }: { command?: string[] }) => {
      asked.push(command);
      if (command[0] === 'throw') throw new Error('gone');
      return { ok: true, message: '' };
    },
  };
  const [nobody = 0] = await steadyPorts(1);
  for (const [way, dial] of [
    ['direct', (port: number) => direct('', port)],
    ['tunnel', tunnel.open],
  ] as const) {
    const probe = createProbe({ guest, clock: systemClock, dial });
    const check = async (what: Partial<ResolvedCheck>) => (await probe('i', { ...times, ...what })).ok;
    const port = portOf(web as unknown as Server);
    t.equal(await check({ http: { path: '/200', port } }), true, `${way}: 200`);
    t.equal(await check({ http: { path: '/302', port } }), true, `${way}: a redirect is not followed`);
    t.equal(await check({ http: { path: '/404', port } }), false, `${way}: 404`);
    t.equal(await check({ http: { path: '/slow', port } }), false, `${way}: no answer in time`);
    t.equal(await check({ tcp: { port } }), true, `${way}: a port`);
    t.equal(await check({ tcp: { port: nobody } }), false, `${way}: nobody listens`);
    t.equal(await check({ http: { path: '/', port: nobody } }), false, `${way}: nobody answers`);
    t.equal(await check({ exec: { command: ['true'] } }), true);
    t.equal(await check({ exec: { command: ['throw'] } }), false);
  }
  t.same(asked[0], ['true']);
});
