import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { freePorts } from '../../support/ports.ts';
import { ssh2User } from '../../support/ssh2-user.ts';

async function echoServer(t: Test): Promise<{ server: Server; port: number; count: () => number }> {
  let count = 0;
  const server = createServer(socket => {
    count++;
    socket.on('error', () => {}).pipe(socket);
    t.teardown(() => socket.destroy());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { server, port: (server.address() as { port: number }).port, count: () => count };
}

async function echoes(t: Test, channel: NodeJS.ReadWriteStream, what: string) {
  const back = new Promise<string>(resolve => channel.once('data', data => resolve(String(data))));
  channel.write(what);
  t.equal(await back, what);
}

t.test('the node beside the gateway is reached straight, and its streams outlive its agent', async t => {
  const lab = await gatewayLab(t);
  const socket = join(lab.dir, 'gateway.sock');
  await lab.gateway.listen({ path: socket });
  const echo = await echoServer(t);
  const near = await lab.uplink({ socket, locate: () => [{ host: '127.0.0.1', port: echo.port }] });
  await near.connected();
  const { open } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop');
  await echoes(t, channel, 'before');
  await near.close();
  await lab.untilLogged('a connection was closed', { kind: 'node' });
  await echoes(t, channel, 'after');
  t.same(lab.logged('a channel was closed'), []);
});

t.test('what the gateway does not reach itself is carried by the agent', async t => {
  const lab = await gatewayLab(t);
  const socket = join(lab.dir, 'gateway.sock');
  await lab.gateway.listen({ path: socket });
  const echo = await echoServer(t);
  const [nobody = 0] = await freePorts(1);
  let asked = 0;
  const near = await lab.uplink({
    socket,
    locate: () => [{ host: '127.0.0.1', port: asked++ === 0 ? nobody : echo.port }],
  });
  await near.connected();
  const { open } = await ssh2User(t, lab.port, KEYS.alice);
  await echoes(t, await open('shop'), 'round about');
  t.equal(asked, 2);
});

t.test('an agent that comes by TCP is not asked where a workspace is', async t => {
  const lab = await gatewayLab(t);
  const echo = await echoServer(t);
  const far = await lab.uplink({ locate: () => [{ host: '127.0.0.1', port: echo.port }] });
  await far.connected();
  const { open } = await ssh2User(t, lab.port, KEYS.alice);
  const channel = await open('shop');
  await echoes(t, channel, 'carried');
  const ended = new Promise(resolve => channel.once('close', resolve));
  channel.resume();
  await far.close();
  await ended;
  t.equal(echo.count(), 1);
});
