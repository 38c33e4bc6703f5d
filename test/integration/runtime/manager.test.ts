import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import type { Transport } from '../../../controller/client/transport.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createController, watch } from '../../../controller/runtime/controller.ts';
import { createEventRecorder } from '../../../controller/runtime/event-recorder.ts';
import { createInformer } from '../../../controller/runtime/informer.ts';
import { createLeaderElector } from '../../../controller/runtime/leader-election.ts';
import { createManager } from '../../../controller/runtime/manager.ts';
import { done, type Reconciler } from '../../../controller/runtime/reconciler.ts';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import { CONFIG_MAP, EVENT } from '../../../crds/kinds.ts';
import type { ConfigMap } from '../../../crds/object.ts';
import { type ApiLab, startApiLab } from '../../support/api-lab.ts';
import { until } from '../../support/until.ts';

const namespace = 'default';
const configMap = (name: string, data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

/** A whole process: informer, controller that keeps `doubled` true, events, leader election. */
function startProcess(identity: string, lab: () => ApiLab | undefined) {
  let writes = 0;
  const transport: Transport = {
    async request(request) {
      if (request.method !== 'GET' && !request.path.includes('/leases')) writes++;
      const current = lab();
      if (!current) throw new ApiError('Unreachable', 'the server is away');
      return (transports.get(current) ?? transportOf(current)).request(request);
    },
    close: async () => {},
  };
  const client = createClient({ transport });
  const deps = { client, clock: systemClock, log: silentLogger };
  const backoff = { baseMs: 5, maxMs: 50 };
  const stop = new AbortController();
  const recorder = createEventRecorder({ ...deps, component: identity, signal: stop.signal });
  const informer = createInformer({ ...deps, resource: CONFIG_MAP, namespace, backoff });
  const reconciler: Reconciler = {
    name: 'double',
    async reconcile(key, { signal }) {
      const object = informer.get(key.name, key.namespace);
      if (!object?.data?.n) return done;
      const doubled = String(2 * Number(object.data.n));
      if (object.data.doubled === doubled) return done;
      const { resourceVersion } = object.metadata;
      await client.patch(
        CONFIG_MAP,
        key as { name: string },
        'merge',
        { metadata: { resourceVersion }, data: { doubled } },
        { signal },
      );
      recorder.event(object, 'Normal', 'Doubled', 'It was doubled.');
      return done;
    },
  };
  const controller = createController({ ...deps, reconciler, watches: [watch(informer)], backoff });
  const leaderElection = createLeaderElector({
    ...deps,
    namespace,
    name: 'double',
    identity,
    leaseDurationMs: 1500,
    renewDeadlineMs: 1000,
    retryPeriodMs: 50,
  });
  const manager = createManager({ ...deps, leaderElection });
  manager.add({ name: 'informer', run: signal => informer.run(signal) });
  manager.addLeading({ name: 'controller', run: signal => controller.run(signal) });
  const ended = manager.run(stop.signal);
  return {
    leaderElection,
    recorder,
    writes: () => writes,
    async stop() {
      stop.abort();
      await ended;
    },
  };
}

const transports = new WeakMap<ApiLab, Transport>();
function transportOf(lab: ApiLab): Transport {
  const transport = lab.transport();
  transports.set(lab, transport);
  return transport;
}

t.test(
  'two processes: one leads, settles and stays quiet; a restart of the server and of the leader is caught up',
  async t => {
    const store = createMemoryStore();
    let lab: ApiLab | undefined = await startApiLab(store);
    const admin = () => (lab as ApiLab).clients.inject;
    const [a, b] = [startProcess('a', () => lab), startProcess('b', () => lab)];
    t.teardown(async () => {
      await Promise.all([a.stop(), b.stop()]);
      await lab?.close();
      await store.close();
    });
    const doubled = async (name: string, value: string) =>
      until(async () => (await admin().get(CONFIG_MAP, { name, namespace })).data?.doubled === value, {
        timeoutMs: 10_000,
        what: () => `${name} to be ${value}`,
      });

    for (let i = 0; i < 20; i++) await admin().create(CONFIG_MAP, configMap(`c${i}`, { n: `${i}` }));
    for (let i = 0; i < 20; i++) await doubled(`c${i}`, `${2 * i}`);
    t.not(a.leaderElection.leading, b.leaderElection.leading, 'one leads');
    await Promise.all([a.recorder.flush(), b.recorder.flush()]);
    const events = await admin().list(EVENT, { namespace, fieldSelector: 'reason=Doubled' });
    t.equal(events.items.length, 20);

    // Nothing to do: no writes. A change elsewhere in the object is looked at and left alone.
    const before = a.writes() + b.writes();
    await admin().patch(CONFIG_MAP, { name: 'c1', namespace }, 'merge', { metadata: { labels: { x: 'y' } } });
    await admin().patch(CONFIG_MAP, { name: 'c2', namespace }, 'merge', { data: { n: '50' } });
    await doubled('c2', '100');
    await Promise.all([a.recorder.flush(), b.recorder.flush()]);
    t.equal(a.writes() + b.writes(), before + 2, 'one patch and one event');

    const old = lab;
    lab = undefined;
    await old.close();
    lab = await startApiLab(store);
    await admin().patch(CONFIG_MAP, { name: 'c3', namespace }, 'merge', { data: { n: '60' } });
    await doubled('c3', '120');

    const [leader, other] = a.leaderElection.leading ? [a, b] : [b, a];
    await leader.stop();
    await admin().patch(CONFIG_MAP, { name: 'c4', namespace }, 'merge', { data: { n: '70' } });
    await doubled('c4', '140');
    t.ok(other.leaderElection.leading);
  },
);
