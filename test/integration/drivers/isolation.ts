import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { findIptables } from '../../../agent/drivers/network/iptables.ts';
import { NODE_HOST } from '../../../agent/drivers/network/node-host.ts';
import { removeEverything, run } from '../../conformance/driver.ts';
import type { EngineNode } from '../../support/docker-node.ts';
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
export async function isolationSuite(t: Test, at: EngineNode): Promise<void> {
  const { driver, spec, bridge } = at;
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
  const gateway = (await at.network())?.gateway ?? '';

  /** Whether a connection from the client's inside comes about within two seconds. */
  const reaches = async (host: string, port: number) =>
    (await run(driver, client.id, ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${host}/${port}`]))
      .code === 0;
  const untilReached = (host: string, port: number) =>
    until(() => reaches(host, port), {
      timeoutMs: 10_000,
      what: () => `the inside to reach ${host}:${port}`,
    });

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
    const later = at.reopen({ clock });
    t.teardown(() => later.close());
    const iptables = await findIptables();
    const ours = async () =>
      (await iptables.save(4)).split('\n').filter(line => line.startsWith('-A') && line.includes(bridge));
    await later.info();
    const before = await ours();
    t.ok(before.length >= 2);
    await promisify(execFile)(iptables.variant, [
      '-w',
      '60',
      '-D',
      ...before
        .find(l => / INPUT /.test(l))!
        .split(' ')
        .slice(1),
    ]);
    await untilReached(gateway, nodePort);
    await clock.advance(60_000);
    t.match((await later.info()).isolation, { enforced: true });
    t.same(new Set(await ours()), new Set(before));
    t.equal(await reaches(gateway, nodePort), false);
  });

  await t.test('reach what the node means for them, by its name', async t => {
    const open = at.reopen({ allowHostPorts: [nodePort] });
    await open.info();
    await open.close();
    await untilReached(NODE_HOST, nodePort);
    t.equal(await reaches(NODE_HOST, published!), false);
  });

  await t.test('leave nothing in the packet filter, a while after the last or its network', async t => {
    const chains = bridge.toUpperCase().replace('NEXUS', 'NEXUS-');
    const ours = async () =>
      (await packetFilter()).filter(line => line.includes(bridge) || line.includes(chains));
    const nothingIsLeft = async () => {
      t.same(await ours(), []);
      t.equal(await at.network(), undefined);
    };
    t.not((await ours()).length, 0);
    await removeEverything(driver);
    t.not((await ours()).length, 0, 'the next one will not have to wait for it');
    const clock = new FakeClock();
    const later = at.reopen({ clock });
    await later.info();
    await clock.advance(600_000);
    const isGone = async () => ((await ours()).length === 0 && !(await at.network())) || undefined;
    await until(isGone, { timeoutMs: 20_000, what: () => 'network and rules to be gone' });
    await nothingIsLeft();
    const brief = await later.create(spec('brief'));
    await later.remove(brief.id);
    t.not((await ours()).length, 0);
    await later.close();
    await nothingIsLeft();

    const next = at.reopen({});
    t.teardown(() => next.close());
    const { id } = await next.create(spec('client'));
    t.not((await ours()).length, 0);
    await at.byHand.removeInstance(id);
    await at.byHand.removeNetwork();
    t.match((await next.info()).isolation, { enforced: true });
    t.same(await ours(), []);
  });
}

/** Every rule of every packet filter of this machine. */
async function packetFilter(): Promise<string[]> {
  const { variant } = await findIptables();
  const programs = [
    `${variant}-save`,
    `${variant.replace('ip', 'ip6')}-save`,
    'ebtables-save',
    'nft list ruleset',
  ];
  const saved = programs.map(async program => {
    const [name = '', ...args] = program.split(' ');
    return (await promisify(execFile)(name, args, { maxBuffer: 2 ** 26 }).catch(ignoreMissing)).stdout;
  });
  return (await Promise.all(saved)).flatMap(text => text.split('\n'));
}

function ignoreMissing(error: NodeJS.ErrnoException): { stdout: string } {
  if (error.code === 'ENOENT') return { stdout: '' };
  throw error;
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
