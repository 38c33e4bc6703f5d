import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import type { Transport } from '../../../controller/client/transport.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import {
  createEventRecorder,
  type EventRecorderOptions,
  type WaitingEvent,
} from '../../../controller/runtime/event-recorder.ts';
import type { Event, KubeObject } from '../../../crds/object.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';

const shop: KubeObject = {
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name: 'shop', namespace: 'team', uid: 'u1', resourceVersion: '7' },
};

function setup(options: Partial<EventRecorderOptions> = {}) {
  const api = new TinyApi();
  const clock = new FakeClock();
  const client = createClient({ transport: api, clock });
  const make = (more: Partial<EventRecorderOptions> = {}) =>
    createEventRecorder({
      client,
      clock,
      component: 'test',
      log: silentLogger,
      random: () => 0.5,
      ...options,
      ...more,
    });
  const events = () => api.all('/events/') as Event[];
  return { api, clock, make, recorder: make(), events };
}

t.test('what happened to an object becomes an Event in its namespace', async t => {
  const { recorder, events, api } = setup();
  recorder.event(shop, 'Warning', 'Broken', '  It broke.\n');
  t.same(api.requests, [], 'nothing is done in the caller’s stack');
  await recorder.flush();
  t.equal(events().length, 1);
  t.match(events()[0], {
    metadata: { name: /^shop\.[0-9a-f]{16}$/, namespace: 'team' },
    involvedObject: {
      kind: 'Workspace',
      name: 'shop',
      namespace: 'team',
      uid: 'u1',
      apiVersion: 'nexus.dev/v1alpha1',
    },
    type: 'Warning',
    reason: 'Broken',
    message: 'It broke.',
    count: 1,
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    source: { component: 'test' },
    reportingComponent: 'test',
  });
});

t.test('an object without a namespace has its Events in default', async t => {
  const { recorder, events } = setup();
  recorder.event({ ...shop, kind: 'Node', metadata: { name: 'n1' } }, 'Normal', 'Joined', 'It joined.');
  await recorder.flush();
  t.equal(events()[0]?.metadata.namespace, 'default');
});

t.test('the same thing again raises the count, also after a restart of the component', async t => {
  const { recorder, clock, events, api, make } = setup();
  recorder.event(shop, 'Normal', 'Started', 'It started.');
  await recorder.flush();
  await clock.advance(60_000);
  recorder.event(shop, 'Normal', 'Started', 'It started.');
  await recorder.flush();
  t.match(events(), [
    { count: 2, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:01:00Z' },
  ]);
  const again = make();
  again.event(
    { ...shop, metadata: { ...shop.metadata, resourceVersion: '9' } },
    'Normal',
    'Started',
    'It started.',
  );
  again.event(shop, 'Normal', 'Stopped', 'It stopped.');
  await again.flush();
  t.same(
    events().map(e => e.count),
    [3, 1],
  );
  t.equal(api.writes.filter(w => w.startsWith('POST')).length, 3);
});

t.test('repetitions that wait are written once', async t => {
  const { recorder, events, api } = setup();
  for (let i = 0; i < 5; i++) recorder.event(shop, 'Normal', 'Started', 'It started.');
  await recorder.flush();
  t.same(
    events().map(e => e.count),
    [5],
  );
  t.equal(api.writes.length, 1);
});

t.test('an Event that was removed meanwhile is begun anew', async t => {
  const { recorder, events, api } = setup();
  recorder.event(shop, 'Normal', 'Started', 'It started.');
  await recorder.flush();
  api.remove(`/api/v1/namespaces/team/events/${events()[0]?.metadata.name}`);
  recorder.event(shop, 'Normal', 'Started', 'It started.');
  await recorder.flush();
  t.same(
    events().map(e => e.count),
    [1],
  );
});

t.test('many different messages for one reason are told as one', async t => {
  const { recorder, events } = setup({ similarLimit: 3, burst: 100 });
  for (let i = 0; i < 10; i++) {
    recorder.event(shop, 'Warning', 'Failed', `It failed on attempt ${i}.`);
    await recorder.flush();
  }
  t.equal(events().length, 4);
  t.match(events().at(-1), { count: 7, message: '(combined from similar events): It failed on attempt 9.' });
});

t.test('an object that never stops is held back, others are not', async t => {
  const metrics = new Metrics();
  const { recorder, events, clock } = setup({ burst: 3, refillMs: 30_000, metrics });
  for (let i = 0; i < 10; i++) recorder.event(shop, 'Normal', `Reason${i}`, 'x');
  recorder.event({ ...shop, metadata: { name: 'other', namespace: 'team' } }, 'Normal', 'Reason', 'x');
  await recorder.flush();
  t.equal(events().length, 4);
  t.match(await metrics.text(), 'nexus_events_total{component="test",result="limited"} 7');
  await clock.advance(30_000);
  recorder.event(shop, 'Normal', 'Later', 'x');
  recorder.event(shop, 'Normal', 'TooSoon', 'x');
  await recorder.flush();
  t.equal(events().length, 5);
});

t.test('a server that is away is waited for, one that refuses is not; nothing is thrown', async t => {
  const metrics = new Metrics();
  const { recorder, events, clock, api } = setup({ metrics });
  api.fault = () => new ApiError('Unreachable', 'away');
  recorder.event(shop, 'Normal', 'First', 'x');
  await clock.advance(600_000);
  api.fault = undefined;
  await clock.advance(10_000);
  await recorder.flush();
  t.equal(events().length, 1);
  api.fault = () => new ApiError('Unreachable', 'away');
  recorder.event(shop, 'Normal', 'Second', 'x');
  await clock.advance(3_700_000);
  await recorder.flush();
  api.fault = () => new ApiError('Forbidden', 'the namespace is being terminated');
  recorder.event(shop, 'Normal', 'Third', 'x');
  await recorder.flush();
  t.equal(events().length, 1);
  t.match(await metrics.text(), 'nexus_events_total{component="test",result="failed"} 2');
});

t.test('what was written, but not answered, is counted once', async t => {
  const { api, clock, make, events } = setup();
  let unanswered = 1;
  const transport: Transport = {
    async request(request) {
      const response = await api.request(request);
      if (request.method !== 'POST' || unanswered-- <= 0) return response;
      response.destroy();
      throw new ApiError('Unreachable', 'no answer');
    },
    close: () => api.close(),
  };
  const recorder = make({ client: createClient({ transport, clock }) });
  recorder.event(shop, 'Normal', 'Started', 'x');
  await clock.advance(10_000);
  recorder.event(shop, 'Normal', 'Started', 'x');
  await recorder.flush();
  t.same(
    events().map(({ count }) => count),
    [2],
  );
  t.equal(unanswered, -1, 'it was sent twice');
});

t.test('what waits for a server that is away outlives the process', async t => {
  let kept: WaitingEvent[] = [];
  const outbox = () => ({
    left: kept,
    keep: (waiting: WaitingEvent[]) => {
      kept = structuredClone(waiting);
    },
  });
  const { recorder, events, api, clock, make } = setup({ outbox: outbox() });
  recorder.event(shop, 'Normal', 'Before', 'x');
  await recorder.flush();
  t.same(kept, [], 'a server that is there has it at once');
  api.fault = () => new ApiError('Unreachable', 'away');
  recorder.event(shop, 'Normal', 'First', 'x');
  await clock.advance(100);
  recorder.event(shop, 'Normal', 'Second', 'x');
  recorder.event(shop, 'Normal', 'Second', 'x');
  t.same(
    kept.map(({ said, times }) => [said.reason, times]),
    [
      ['First', 1],
      ['Second', 2],
    ],
  );
  // Killed: the first recorder never comes to write.
  const later = new TinyApi();
  const second = make({ client: createClient({ transport: later, clock }), outbox: outbox() });
  await second.flush();
  t.same(
    (later.all('/events/') as Event[]).map(({ reason, count }) => [reason, count]),
    [
      ['First', 1],
      ['Second', 2],
    ],
  );
  t.same(kept, []);
  t.equal(events().length, 1);
});

t.test('a server that does not answer counts as away, and a stop keeps what waits', async t => {
  let kept: WaitingEvent[] = [];
  const stop = new AbortController();
  const keep = (waiting: WaitingEvent[]) => {
    kept = waiting;
  };
  const outbox = { left: [], keep };
  const { recorder, api, clock } = setup({ outbox, signal: stop.signal });
  api.fault = () => new Promise(() => {});
  recorder.event(shop, 'Normal', 'First', 'x');
  await clock.advance(999);
  t.same(kept, []);
  await clock.advance(1);
  t.equal(kept.length, 1);
  recorder.event(shop, 'Normal', 'Second', 'x');
  t.equal(kept.length, 2);
  stop.abort();
  await recorder.flush();
  t.equal(kept.length, 2);
});

t.test('what waits is bounded, and a stop drops it', async t => {
  const metrics = new Metrics();
  const stop = new AbortController();
  const { recorder, events, api, clock } = setup({ metrics, capacity: 5, signal: stop.signal });
  api.fault = () => new ApiError('Unreachable', 'away');
  for (let i = 0; i < 8; i++) recorder.event(shop, 'Normal', `Reason${i}`, 'x');
  t.match(await metrics.text(), 'result="dropped"} 3');
  stop.abort();
  await recorder.flush();
  t.equal(events().length, 0);
  t.equal(clock.pending, 0);
});

t.test('long messages are cut and long names fit', async t => {
  const { recorder, events } = setup();
  const name = `${'a'.repeat(229)}.${'b'.repeat(23)}`;
  recorder.event({ ...shop, metadata: { name, namespace: 'team' } }, 'Normal', 'Long', 'é'.repeat(5000));
  await recorder.flush();
  t.ok((events()[0]?.metadata.name.length ?? 999) <= 253);
  t.match(events()[0]?.metadata.name, /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
  t.equal(events()[0]?.message?.length, 1024);
});
