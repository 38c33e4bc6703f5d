import t, { type Test } from 'tap';
import type { ObjectKey } from '../../../controller/client/client.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { type Logger, silentLogger } from '../../../controller/kit/log.ts';
import { Metrics } from '../../../controller/kit/metrics.ts';
import { formatKey } from '../../../controller/kit/paths.ts';
import { type ControllerOptions, createController, watch } from '../../../controller/runtime/controller.ts';
import { createInformer } from '../../../controller/runtime/informer.ts';
import { done, type Outcome, type ReconcileContext } from '../../../controller/runtime/reconciler.ts';
import { SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';

const at = (name: string) => `/apis/nexus.dev/v1alpha1/namespaces/default/workspaces/${name}`;

type Pass = (key: ObjectKey, context: ReconcileContext, nth: number) => Promise<Outcome> | Outcome;

function setup(t: Test, pass: Pass, options: Partial<ControllerOptions> = {}) {
  const api = new TinyApi();
  const clock = new FakeClock();
  const lines: string[] = [];
  const say = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`);
  const log: Logger = { ...silentLogger, warn: say('warn'), error: say('error'), child: () => log };
  const client = createClient({ transport: api, clock });
  const informer = createInformer({
    client,
    resource: WORKSPACE,
    clock,
    log: silentLogger,
    random: () => 0.5,
  });
  const passes: string[] = [];
  const controller = createController({
    reconciler: {
      name: 'test',
      async reconcile(key, context) {
        passes.push(formatKey(key));
        return pass(key, context, passes.length);
      },
    },
    watches: [watch(informer)],
    clock,
    log,
    workers: 2,
    ...options,
  });
  const stop = new AbortController();
  const start = async () => {
    const running = [informer.run(stop.signal), controller.run(stop.signal)];
    t.teardown(async () => {
      stop.abort();
      await Promise.all(running);
    });
    await settle();
    return running;
  };
  return { api, clock, client, informer, controller, passes, stop, start, lines };
}

t.test('nothing is looked at before the caches are there; then everything is, once', async t => {
  const { api, clock, passes, start } = setup(t, () => done);
  api.put(at('a'), {});
  api.put(at('b'), {});
  api.fault = () => new ApiError('Unreachable', 'away');
  await start();
  await clock.advance(1000);
  t.same(passes, []);
  api.fault = undefined;
  await clock.advance(20_000);
  t.same(passes, ['default/a', 'default/b']);
});

t.test('a change, also a delete, leads to a pass', async t => {
  const { api, passes, start } = setup(t, () => done);
  await start();
  api.put(at('a'), {});
  await settle();
  api.put(at('a'), { metadata: { name: 'a', labels: { x: 'y' } } });
  await settle();
  api.remove(at('a'));
  await settle();
  t.same(passes, ['default/a', 'default/a', 'default/a']);
});

t.test('an error is retried with growing delays, and forgotten after a success', async t => {
  const { clock, controller, passes, start, lines } = setup(
    t,
    (_key, _context, nth) => {
      if (nth < 3) throw new Error('broken');
      return done;
    },
    { backoff: { baseMs: 100, maxMs: 1000 } },
  );
  await start();
  controller.enqueue({ name: 'x' });
  await settle();
  t.equal(passes.length, 1);
  t.equal(controller.queue.numRequeues('x'), 1);
  await clock.advance(100);
  t.equal(passes.length, 2);
  await clock.advance(199);
  t.equal(passes.length, 2);
  await clock.advance(1);
  t.equal(passes.length, 3);
  t.equal(controller.queue.numRequeues('x'), 0);
  t.same(lines, ['error the pass failed', 'error the pass failed']);
});

t.test('what throws at once, throws no error or returns no outcome is an error, not the end', async t => {
  const oddities: Pass[] = [
    () => {
      throw 'a string';
    },
    () => Promise.reject(undefined),
    () => undefined as unknown as Outcome,
    () => ({ kind: 'nonsense' }) as unknown as Outcome,
  ];
  const { clock, controller, passes, start } = setup(t, (key, context, nth) => {
    const odd = oddities[nth - 1];
    return odd ? odd(key, context, nth) : done;
  });
  await start();
  controller.enqueue({ name: 'x' });
  await clock.advance(1000);
  t.equal(passes.length, 5);
});

t.test('a conflict is retried without a noise', async t => {
  const { clock, controller, passes, start, lines } = setup(t, (_key, _context, nth) => {
    if (nth === 1) throw new ApiError('Conflict', 'it has changed');
    return done;
  });
  await start();
  controller.enqueue({ name: 'x' });
  await clock.advance(1000);
  t.equal(passes.length, 2);
  t.same(lines, []);
});

t.test('requeueAfter looks again after its time; terminal and waiting do not', async t => {
  const outcomes: Outcome[] = [
    { kind: 'requeueAfter', ms: 5000 },
    { kind: 'waiting', reason: 'NodeNotReady' },
    { kind: 'terminal', reason: 'Invalid', message: 'no retry will help' },
  ];
  const metrics = new Metrics();
  const { clock, controller, passes, start, lines } = setup(
    t,
    (_key, _context, nth) => outcomes[nth - 1] ?? done,
    {
      metrics,
    },
  );
  await start();
  controller.enqueue({ name: 'x' });
  await clock.advance(4999);
  t.equal(passes.length, 1);
  await clock.advance(1);
  t.equal(passes.length, 2);
  await clock.advance(3_600_000);
  t.equal(passes.length, 2);
  controller.enqueue({ name: 'x' });
  await clock.advance(3_600_000);
  t.equal(passes.length, 3);
  t.same(lines, ['warn no retry will help']);
  const text = await metrics.text();
  for (const result of ['requeueAfter', 'waiting', 'terminal'])
    t.match(text, `nexus_reconcile_total{controller="test",result="${result}"} 1`);
});

t.test('one key is never in two passes at once, other keys are', async t => {
  const open: (() => void)[] = [];
  const { controller, passes, start } = setup(t, async () => {
    await new Promise<void>(resolve => open.push(resolve));
    return done;
  });
  await start();
  controller.enqueue({ name: 'x' });
  await settle();
  controller.enqueue({ name: 'x' });
  controller.enqueue({ name: 'y' });
  await settle();
  t.same(passes, ['x', 'y']);
  open.shift()?.();
  await settle();
  t.same(passes, ['x', 'y', 'x']);
  for (const release of open) release();
});

t.test(
  'map says which keys an object is about, for its old and its new state; when leaves changes out',
  async t => {
    const keys = (o: { metadata: { labels?: Record<string, string> } }) =>
      o.metadata.labels?.owner ? [{ name: o.metadata.labels.owner }] : [];
    const { api, client, clock, start, passes, controller } = setup(t, () => done, { watches: [] });
    const secrets = createInformer({
      client,
      resource: SECRET,
      clock,
      log: silentLogger,
      namespace: 'default',
    });
    const stop = new AbortController();
    const source = watch(secrets, keys, ({ now }) => now?.metadata.labels?.quiet !== 'yes');
    const other = createController({
      name: 'other',
      reconciler: {
        name: 'r',
        async reconcile(key) {
          passes.push(`other ${key.name}`);
          return done;
        },
      },
      watches: [source],
      clock,
      log: silentLogger,
    });
    t.equal(other.name, 'other');
    t.equal(controller.name, 'test');
    await start();
    const running = [secrets.run(stop.signal), other.run(stop.signal)];
    await settle();
    const path = '/api/v1/namespaces/default/secrets/s';
    api.put(path, { metadata: { name: 's', labels: { owner: 'a' } } });
    await settle();
    api.put(path, { metadata: { name: 's', labels: { owner: 'b' } } });
    await settle();
    api.put(path, { metadata: { name: 's', labels: { owner: 'b', quiet: 'yes' } } });
    await settle();
    t.same(passes, ['other a', 'other a', 'other b']);
    stop.abort();
    await Promise.all(running);
  },
);

t.test(
  'a stop ends the pass by its signal, drops what waits and returns when the pass has ended',
  async t => {
    let release = () => {};
    let sawAbort = false;
    const { controller, passes, start, stop, lines } = setup(
      t,
      async (_key, { signal }) => {
        await new Promise<void>(resolve => {
          release = resolve;
        });
        sawAbort = signal.aborted;
        signal.throwIfAborted();
        return done;
      },
      { workers: 1 },
    );
    const [, running] = await start();
    for (const name of ['x', 'y', 'z']) controller.enqueue({ name });
    await settle();
    let ended = false;
    const end = running?.then(() => {
      ended = true;
    });
    stop.abort();
    await settle();
    t.notOk(ended);
    release();
    await end;
    t.ok(sawAbort);
    t.same(passes, ['x']);
    t.same(lines, [], 'a stop is no failure');
    const again = new AbortController();
    again.abort();
    await controller.run(again.signal);
  },
);

t.test('a pass that takes too long is told to end', async t => {
  const { clock, controller, start } = setup(
    t,
    (_key, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    { passTimeoutMs: 10_000 },
  );
  await start();
  controller.enqueue({ name: 'x' });
  await clock.advance(9999);
  t.equal(controller.queue.numRequeues('x'), 0);
  await clock.advance(1);
  t.equal(controller.queue.numRequeues('x'), 1);
});
