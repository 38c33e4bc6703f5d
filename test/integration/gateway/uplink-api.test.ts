import { connect as connectSocket, createServer, type Socket } from 'node:net';
import t from 'tap';
import type { Client } from '../../../controller/client/client.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import { httpsTransport } from '../../../controller/client/https-transport.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { ensureNode } from '../../../controller/reconcilers/node/ensure-node.ts';
import { createInformer } from '../../../controller/runtime/informer.ts';
import { LEASE, NODE, PLACEMENT, SECRET } from '../../../crds/kinds.ts';
import { placementOf, placementSpec } from '../../support/agent-data.ts';
import { type GatewayLab, gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { until } from '../../support/until.ts';

const forbidden = { name: 'ApiError', reason: 'Forbidden' };
const unreachable = { name: 'ApiError', reason: 'Unreachable' };
const soon = (what: string) => ({ timeoutMs: 10_000, everyMs: 5, what: () => what });

async function setup(t: Parameters<typeof gatewayLab>[0]) {
  const lab = await gatewayLab(t);
  for (const name of ['n1', 'n2']) await ensureNode(lab.client, { name });
  return lab;
}

/** The API as the agent of n1 has it, through a cable that can be pulled. */
async function agentOf(t: Parameters<typeof gatewayLab>[0], lab: GatewayLab) {
  const cable = await startCable(lab.port);
  t.teardown(cable.close);
  const link = await lab.uplink({ through: cable.port });
  await link.connected();
  const transport = httpsTransport({ server: 'http://gateway', connect: () => link.uplink.connect() });
  const client = createClient({ transport });
  t.teardown(() => client.close());
  return { ...link, cable, client, transport };
}

/** A TCP relay whose connections can be cut or frozen. */
async function startCable(to: number) {
  const pairs = new Set<[Socket, Socket]>();
  let isDown = false;
  const server = createServer(near => {
    if (isDown) return void near.destroy();
    const far = connectSocket({ host: '127.0.0.1', port: to });
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    for (const socket of pair) socket.on('error', () => {}).on('close', () => pairs.delete(pair));
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    port: (server.address() as { port: number }).port,
    cut,
    /** Nothing gets through any more, and nobody is told. */
    freeze() {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    set down(value: boolean) {
      isDown = value;
      if (value) cut();
    },
    async close() {
      cut();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

const names = async (client: Client) =>
  (await client.list(PLACEMENT, { namespace: 'nexus-node-n1' })).items.map(({ metadata }) => metadata.name);

t.test('an agent is its node, and no other', async t => {
  const lab = await setup(t);
  const { client, transport } = await agentOf(t, lab);
  await lab.client.create(PLACEMENT, placementOf('shop', placementSpec('shop')));
  t.same(await names(client), ['shop.default']);
  t.equal((await client.get(NODE, { name: 'n1' })).metadata.name, 'n1');
  const now = { name: 'n1', namespace: 'nexus-node-n1' };
  await client.create(LEASE, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: now });
  const status = { status: { phase: 'Running' } };
  await client.patch(PLACEMENT, { ...now, name: 'shop.default' }, 'merge', status, { subresource: 'status' });

  const other = { name: 'x', namespace: 'nexus-node-n2' };
  await t.rejects(client.get(PLACEMENT, other), forbidden);
  await t.rejects(client.list(SECRET, { namespace: 'nexus-node-n2' }), forbidden);
  await t.rejects(client.patch(NODE, { name: 'n2' }, 'merge', status, { subresource: 'status' }), forbidden);
  await t.rejects(client.list(SECRET, { namespace: 'alice' }), forbidden);
  const path = '/api/v1/namespaces/alice/secrets';
  t.ok(await lab.untilLogged('an agent asked for what is not its node’s', { node: 'n1', path }));

  const claims: Record<string, string>[] = [
    { 'impersonate-user': 'nexus:node:n2', 'impersonate-group': 'nexus:nodes' },
    { 'impersonate-user': 'root', 'impersonate-group': 'system:masters', 'impersonate-extra-x': 'y' },
    { authorization: 'Bearer nexus-forged' },
    { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' },
  ];
  for (const headers of claims) {
    const response = await transport.request({
      method: 'GET',
      path: '/api/v1/namespaces/nexus-node-n2/secrets',
      headers,
    });
    t.equal(response.status, 403, `${Object.keys(headers)[0]} is no way round`);
    response.destroy();
  }
  for (const path of ['/metrics', '/nexus/v1/backup']) {
    const response = await transport.request({ method: 'GET', path, headers: {} });
    t.equal(response.status, 403, path);
    response.destroy();
  }
});

t.test('large lists, and what is too large, cross as they would without', async t => {
  const lab = await setup(t);
  const { client } = await agentOf(t, lab);
  const data = { blob: Buffer.alloc(600_000, 7).toString('base64') };
  const namespace = 'nexus-node-n1';
  for (let i = 0; i < 6; i++)
    await lab.client.create(SECRET, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `s${i}`, namespace },
      data,
    });
  const lists = await Promise.all([1, 2, 3, 4].map(() => client.list(SECRET, { namespace })));
  for (const { items } of lists)
    t.same(
      items.map(({ data }) => data?.blob?.length),
      Array(6).fill(800_000),
    );
  const huge = { status: { message: 'x'.repeat(4_000_000) } };
  await t.rejects(client.patch(NODE, { name: 'n1' }, 'merge', huge, { subresource: 'status' }), {
    name: 'ApiError',
    reason: 'RequestEntityTooLarge',
  });
  t.equal((await client.get(NODE, { name: 'n1' })).metadata.name, 'n1', 'the link is as it was');
});

t.test('a cut link fails what is under way at once, and watches go on where they were', async t => {
  const lab = await setup(t);
  const { client, cable, uplink } = await agentOf(t, lab);
  const stop = new AbortController();
  const seen: string[] = [];
  const informer = createInformer({
    client,
    resource: PLACEMENT,
    namespace: 'nexus-node-n1',
    clock: systemClock,
    log: silentLogger,
    backoff: { baseMs: 20, maxMs: 100 },
  });
  informer.onChange(({ now, old }) => seen.push(`${old ? 'changed' : 'added'} ${now?.metadata.name}`));
  const running = informer.run(stop.signal);
  await informer.synced;
  await lab.client.create(PLACEMENT, placementOf('one', placementSpec('one')));
  await until(() => seen.length === 1, soon('the first placement'));

  const watch = (async () => {
    for await (const _ of client.watch(SECRET, { namespace: 'nexus-node-n1' })) t.fail('nothing may come');
  })();
  const failed = t.rejects(watch, unreachable);
  cable.down = true;
  await failed;
  await until(() => !uplink.isConnected, soon('the loss to be noticed'));
  await lab.client.create(PLACEMENT, placementOf('two', placementSpec('two')));
  cable.down = false;
  await until(() => seen.length === 2, soon('the second placement'));
  t.same(seen, ['added one.default', 'added two.default'], 'nothing is told twice');
  stop.abort();
  await running;
});

t.test('a peer that is silent is given up, by both ends', async t => {
  const lab = await setup(t);
  const { client, cable, uplink } = await agentOf(t, lab);
  const watch = (async () => {
    for await (const _ of client.watch(SECRET, { namespace: 'nexus-node-n1' })) t.fail('nothing may come');
  })();
  const failed = t.rejects(watch, unreachable);
  const frozen = performance.now();
  cable.freeze();
  await lab.untilLogged('a connection was closed', { kind: 'node', name: 'n1' });
  await failed;
  t.ok(performance.now() - frozen < 45_000, 'within 15 s, and what a busy machine takes');
  await until(() => uplink.isConnected, soon('a new connection'));
});

t.test('an agent whose key was taken away reaches nothing any more', async t => {
  const lab = await setup(t);
  const { client } = await agentOf(t, lab);
  t.same(await names(client), []);
  await lab.client.patch(NODE, { name: 'n1' }, 'merge', { spec: { agentKeys: [KEYS.stranger.publicKey] } });
  await lab.untilLogged('the key was revoked; its connection is cut', { kind: 'node' });
  await t.rejects(names(client), unreachable);
});
