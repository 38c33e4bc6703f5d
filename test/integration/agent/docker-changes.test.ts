import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { HOST_KEY } from '../../support/agent-data.ts';
import { dockerLab } from '../../support/docker-lab.ts';
import { noTestEngine } from '../../support/engine.ts';
import { sshLogin } from '../../support/ssh-login.ts';
import { steadyPorts } from '../../support/steady-ports.ts';
import { until } from '../../support/until.ts';

/** A web server on loopback alone, with what the test image has. Answers with `text`. */
const web = (port: number, text: string) => `exec python3 -c "
import socket
s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('127.0.0.1', ${port})); s.listen(50)
while True:
  c, _ = s.accept(); c.recv(999); c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: ${text.length}\\r\\nConnection: close\\r\\n\\r\\n${text}'); c.close()
"`;

t.test('what can change in place does, under an open session', { skip: await noTestEngine() }, async t => {
  const { lab, start, place, login, container, root } = await dockerLab(t);
  start();
  const [hostPort = 0, otherPort = 0] = await steadyPorts(2);
  const { ssh, port } = await place('shop', {
    services: [
      { name: 'web', command: web(3000, 'one'), port: 3000, healthCheck: { http: { path: '/' } } },
      { name: 'other', command: 'exec sleep 1000', dependsOn: ['web'] },
    ],
    forwards: [{ name: 'web', port: 3000, hostPort, exposure: 'Private' }],
  });
  await ssh.untilLogin();
  await lab.ready('shop', 30_000);
  const { id, StartedAt } = await container('shop').then(async found => {
    const { Id, State } = await found.inspect();
    return { id: Id, StartedAt: State.StartedAt };
  });
  const session = ssh.session();
  t.teardown(session.end);
  t.equal(await session.ask('hello'), 'hello');
  const get = async (at: number) => (await fetch(`http://127.0.0.1:${at}/`)).text();
  const same = async (t: Test, what: string) => {
    await lab.ready('shop');
    const { Id, State } = await (await container('shop')).inspect();
    t.same([Id, State.StartedAt], [id, StartedAt], 'the same container, never restarted');
    t.equal(await session.ask(what), what, 'the session lives on');
  };
  const pidOf = (name: string) => root('shop', `cat /run/nexus/units/${name}/pid`);

  await t.test('a service on loopback is reached through its port on the node', async t => {
    t.equal(await get(hostPort), 'one');
  });
  await t.test('a changed port', async t => {
    await lab.edit('shop', spec => {
      if (spec.forwards?.[0]) spec.forwards[0].hostPort = otherPort;
    });
    await until(() => get(otherPort).catch(() => undefined), {
      timeoutMs: 15_000,
      what: () => 'the new port',
    });
    await t.rejects(get(hostPort), 'the old one is closed');
    await same(t, 'port');
  });
  await t.test('a changed key', async t => {
    const isLetIn = (login: typeof other) =>
      login.exec('true').then(
        () => true,
        () => false,
      );
    const dir = t.testdir();
    const { privateKey, publicKey } = generateSshKey('other');
    const other = sshLogin({ port, privateKey, hostKey: HOST_KEY.publicKey, dir });
    await lab.edit('shop', spec => spec.ssh.authorizedKeys?.push(publicKey));
    await until(() => isLetIn(other), { timeoutMs: 15_000, what: () => 'the other key to be let in' });
    const theirs = other.session();
    t.teardown(theirs.end);
    t.equal(await theirs.ask('hello'), 'hello');
    const ended = once(theirs.process, 'exit');
    await lab.edit('shop', spec => spec.ssh.authorizedKeys?.pop());
    await ended;
    t.equal(await isLetIn(other), false);
    await same(t, 'key');
  });
  await t.test('a changed service, and no other', async t => {
    const other = await pidOf('other');
    await lab.edit('shop', spec => {
      if (spec.services?.[0]) spec.services[0].command = web(3000, 'two');
    });
    await until(async () => (await get(otherPort).catch(() => '')) === 'two', {
      timeoutMs: 10_000,
      what: () => 'the new service',
    });
    await same(t, 'service');
    t.equal(await pidOf('other'), other);
  });
  await t.test('a changed limit', async t => {
    await lab.edit('shop', spec => {
      spec.resources = { cpuMillis: 500, memoryBytes: 256 * 2 ** 20, pids: 512 };
    });
    await lab.untilEvent('shop', 'ContainerAdjusted');
    const { HostConfig } = await (await container('shop')).inspect();
    t.equal(HostConfig.Memory, 256 * 2 ** 20);
    await same(t, 'limit');
  });
  await t.test('a connection of a forward that is not touched lives on', async t => {
    const socket = connect({ host: '127.0.0.1', port: otherPort });
    t.teardown(() => socket.destroy());
    await new Promise(resolve => socket.once('connect', resolve));
    const [third = 0] = await steadyPorts(1);
    await lab.edit('shop', spec => {
      spec.forwards?.push({ name: 'debug', port: 9229, hostPort: third, exposure: 'Private' });
    });
    await lab.untilPlacement('shop', 'two forwards', ({ status }) => status?.forwards?.length === 2);
    t.notOk(socket.destroyed);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const answer = await new Promise<string>(resolve => socket.once('data', data => resolve(String(data))));
    t.match(answer, /two$/);
  });
  await t.test('a port that somebody else holds is reported, and found again', async t => {
    const { createServer } = await import('node:net');
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => holder.once('listening', resolve));
    const taken = (holder.address() as { port: number }).port;
    t.teardown(() => holder.close());
    await lab.edit('shop', spec => {
      spec.forwards = [{ name: 'web', port: 3000, hostPort: taken, exposure: 'Private' }];
    });
    const { status } = await lab.untilReason('shop', 'PortsReady', 'PortConflict');
    t.same(status?.portConflicts, [taken]);
    await lab.edit('shop', spec => {
      if (spec.forwards?.[0]) spec.forwards[0].hostPort = hostPort;
    });
    await lab.ready('shop');
    t.equal(await get(hostPort), 'two');
  });
  await t.test(
    'a changed SSH port makes a new container on the same volume with the same host key',
    async t => {
      await lab.edit('shop', spec => {
        spec.ssh.authorizedKeys = [login(port).publicKey];
      });
      await ssh.untilLogin();
      await ssh.exec('echo precious > ~/precious');
      const [moved = 0] = await steadyPorts(1);
      await lab.edit('shop', spec => {
        spec.ssh.port = moved;
      });
      const there = login(moved);
      await there.untilLogin();
      t.equal(await there.exec('cat ~/precious'), 'precious');
      await lab.ready('shop', 30_000);
      t.not((await lab.get('shop')).status?.container?.id, id);
      await lab.untilEvent('shop', 'ContainerRecreated');
    },
  );
});
