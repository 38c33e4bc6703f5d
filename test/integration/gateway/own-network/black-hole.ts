import { execFileSync } from 'node:child_process';
import t from 'tap';
import { createClient } from '../../../../controller/client/create-client.ts';
import { httpsTransport } from '../../../../controller/client/https-transport.ts';
import { systemClock } from '../../../../controller/kit/clock.ts';
import { silentLogger } from '../../../../controller/kit/log.ts';
import { Metrics } from '../../../../controller/kit/metrics.ts';
import { ensureNode } from '../../../../controller/reconcilers/node/ensure-node.ts';
import { createInformer } from '../../../../controller/runtime/informer.ts';
import { PLACEMENT } from '../../../../crds/kinds.ts';
import { placementOf, placementSpec } from '../../../support/agent-data.ts';
import { gatewayLab } from '../../../support/gateway-lab.ts';
import { until } from '../../../support/until.ts';

const soon = (what: string, timeoutMs = 20_000) => ({ timeoutMs, everyMs: 20, what: () => what });

t.test('packets that get lost both ways, and come through again', async t => {
  const lab = await gatewayLab(t);
  await ensureNode(lab.client, { name: 'n1' });
  const { uplink, connected } = await lab.uplink();
  await connected();
  const transport = httpsTransport({ server: 'http://gateway', connect: () => uplink.connect() });
  const client = createClient({ transport });
  t.teardown(() => client.close());
  const metrics = new Metrics();
  const informer = createInformer({
    client,
    resource: PLACEMENT,
    namespace: 'nexus-node-n1',
    clock: systemClock,
    log: silentLogger,
    metrics,
    backoff: { baseMs: 20, maxMs: 500 },
  });
  const seen: string[] = [];
  informer.onChange(({ now }) => seen.push(now?.metadata.name ?? ''));
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  await informer.synced;
  await lab.client.create(PLACEMENT, placementOf('one', placementSpec('one')));
  await until(() => seen.length === 1, soon('the first placement'));

  const port = String(lab.port);
  const swallow = (flag: '-A' | '-D') => {
    for (const side of ['--dport', '--sport'])
      execFileSync('iptables', [flag, 'INPUT', '-p', 'tcp', side, port, '-j', 'DROP']);
  };
  const begun = performance.now();
  swallow('-A');
  const byGateway = lab
    .untilLogged('a connection was closed', { kind: 'node', name: 'n1' }, 30_000)
    .then(() => performance.now() - begun);
  await until(() => !uplink.isConnected, soon('the agent to notice'));
  const byAgent = performance.now() - begun;
  t.ok(byAgent < 45_000, `the agent noticed after ${Math.round(byAgent)} ms`);
  const gatewayMs = await byGateway;
  t.ok(gatewayMs < 45_000, `the gateway noticed after ${Math.round(gatewayMs)} ms`);

  await lab.client.create(PLACEMENT, placementOf('two', placementSpec('two')));
  swallow('-D');
  await until(() => seen.length === 2, soon('the second placement', 40_000));
  t.same(seen, ['one.default', 'two.default']);
  t.match(await metrics.text(), /nexus_informer_lists_total\{[^}]*\} 1\n/, 'nothing was listed again');
});
