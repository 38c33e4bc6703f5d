import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { NetworkInspectInfo } from 'dockerode';
import type { Test } from 'tap';
import { createDockerDriver } from '../../../agent/drivers/docker/docker-driver.ts';
import { networkName } from '../../../agent/drivers/docker/network.ts';
import { findIptables } from '../../../agent/drivers/network/iptables.ts';
import { NODE_HOST } from '../../../agent/drivers/network/node-host.ts';
import { removeEverything, run } from '../../conformance/driver.ts';
import type { DockerNode } from '../../support/docker-node.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { packageMirror } from '../../support/images.ts';
import { freePorts } from '../../support/ports.ts';
import { until } from '../../support/until.ts';

const LISTEN = `
import socket, threading
server = socket.create_server(("", 8080))
while True:
    client, _ = server.accept()
    client.sendall(b"inside")
    client.close()
`;

/** That workspaces are kept from each other and the node, tried from their inside. */
export async function isolationSuite(t: Test, at: DockerNode): Promise<void> {
  const { driver, docker, spec, socketPath, node } = at;
  t.match((await driver.info()).isolation, { enforced: true });

  const [published] = await freePorts(1);
  const publish = [{ containerPort: 8080, hostPort: published!, hostAddress: '0.0.0.0' }];
  const [client, server] = await Promise.all([
    driver.create(spec('client')),
    driver.create(spec('server', { publish, command: ['python3', '-c', LISTEN] })),
  ]);
  await Promise.all([driver.start(client.id), driver.start(server.id)]);
  const { instances } = await driver.list();
  const address = (id: string) => instances.find(instance => instance.id === id)?.address ?? '';

  const onNode = createServer(socket => socket.on('error', () => {}).end('node')).listen(0, '0.0.0.0');
  await once(onNode, 'listening');
  t.teardown(() => onNode.close());
  const nodePort = (onNode.address() as AddressInfo).port;
  const outside = Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .find(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('172.'))!;
  const network: NetworkInspectInfo = await docker.getNetwork(networkName(node).name).inspect();
  const gateway = network.IPAM?.Config?.[0]?.Gateway ?? '';

  /** Exit code 0 when a connection from the client's inside comes about within a second. */
  const reaches = async (host: string, port: number) =>
    (await run(driver, client.id, ['timeout', '1', 'bash', '-c', `exec 3<>/dev/tcp/${host}/${port}`]))
      .code === 0;

  await t.test('are reached by the agent and by the published port', async t => {
    t.equal(await greeting(address(server.id), 8080), 'inside');
    t.equal(await greeting('127.0.0.1', published!), 'inside');
    t.equal(await greeting(outside.address, published!), 'inside');
  });

  await t.test('do not reach each other, the node, or what clouds tell machines', async t => {
    const attempts = await Promise.all([
      reaches(address(server.id), 8080),
      reaches(gateway, published!),
      reaches(outside.address, published!),
      reaches(gateway, nodePort),
      reaches(outside.address, nodePort),
      reaches('169.254.169.254', 80),
    ]);
    t.same(attempts, Array(6).fill(false));
    t.equal(await greeting('127.0.0.1', nodePort), 'node', 'which does answer others');
  });

  const mirror = await packageMirror();
  await t.test(
    'reach names and the internet',
    {
      skip: mirror ? false : 'apt names no mirror to reach',
    },
    async t => {
      const { code, stderr } = await run(driver, client.id, ['curl', '-sSI', '--max-time', '20', mirror!]);
      t.equal(code, 0, stderr);
    },
  );

  await t.test('get their rules back when somebody flushed them', async t => {
    const clock = new FakeClock();
    const later = createDockerDriver({ socketPath, node, clock });
    t.teardown(() => later.close());
    const iptables = await findIptables();
    const { bridge } = networkName(node);
    const ours = async () =>
      (await iptables.save(4)).split('\n').filter(line => line.startsWith('-A') && line.includes(bridge));
    await later.info();
    const before = await ours();
    t.ok(before.length >= 2);
    await promisify(execFile)(iptables.variant, [
      '-w',
      '5',
      '-D',
      ...before
        .find(l => / INPUT /.test(l))!
        .split(' ')
        .slice(1),
    ]);
    t.equal(await reaches(gateway, nodePort), true, 'the hole is there');
    await clock.advance(60_000);
    t.match((await later.info()).isolation, { enforced: true });
    t.same(new Set(await ours()), new Set(before));
    t.equal(await reaches(gateway, nodePort), false);
  });

  await t.test('reach what the node means for them, by its name', async t => {
    const open = createDockerDriver({ socketPath, node, allowHostPorts: [nodePort] });
    await open.info();
    await open.close();
    t.equal(await reaches(NODE_HOST, nodePort), true);
    t.equal(await reaches(NODE_HOST, published!), false);
  });

  await t.test('leave nothing in the packet filter, a while after the last or its network', async t => {
    const iptables = await findIptables();
    const { bridge, name } = networkName(node);
    const rules = async () => (await Promise.all([iptables.save(4), iptables.save(6)])).join();
    const nothingIsLeft = async () => {
      t.notMatch((await rules()).toLowerCase(), bridge.replace('nexus', 'nexus-'));
      t.same(await docker.listNetworks({ filters: { name: [name] } }), []);
    };
    await removeEverything(driver);
    t.match(await rules(), bridge, 'the next one will not have to wait for it');
    const clock = new FakeClock();
    const later = createDockerDriver({ socketPath, node, clock });
    await later.info();
    await clock.advance(600_000);
    const chain = bridge.replace('nexus', 'nexus-');
    const isGone = async () => !(await rules()).toLowerCase().includes(chain) || undefined;
    await until(isGone, { timeoutMs: 10_000, what: () => 'the rules to be gone' });
    await nothingIsLeft();
    const brief = await later.create(spec('brief'));
    await later.remove(brief.id);
    t.match(await rules(), bridge);
    await later.close();
    await nothingIsLeft();

    const next = createDockerDriver({ socketPath, node });
    t.teardown(() => next.close());
    const { id } = await next.create(spec('client'));
    t.match(await rules(), bridge);
    await docker.getContainer(id).remove({ force: true });
    await docker.getNetwork(name).remove();
    t.match((await next.info()).isolation, { enforced: true });
    t.notMatch((await rules()).toLowerCase(), bridge.replace('nexus', 'nexus-'));
  });
}

async function greeting(host: string, port: number): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const socket = connect({ host, port, timeout: 5000 });
    socket.on('timeout', () => socket.destroy(new Error(`${host}:${port} does not answer`)));
    try {
      const said = await text(socket);
      if (said) return said;
    } catch (error) {
      if (attempt > 100) throw error;
    }
    // The process inside may not listen yet; by way of the engine's proxy that looks like an empty answer.
    await setTimeout(20);
  }
}
