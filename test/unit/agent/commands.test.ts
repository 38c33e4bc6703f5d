import t from 'tap';
import { createCommandReconciler } from '../../../agent/commands/command-reconciler.ts';
import { timestamp } from '../../../controller/kit/clock.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { COMMAND_TTL_MS, createCommandExpiry } from '../../../controller/reconcilers/node/command-expiry.ts';
import type { NodeCommand } from '../../../crds/types.generated.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const NAMESPACE = 'nexus-node-n1';
const context = { signal: new AbortController().signal, log: recordingLogger().log };

/** An API that holds one command, and an agent whose drivers say what `info` gives. */
function lab(
  command: string,
  status: NodeCommand['status'],
  options: { ageMs?: number; info?: () => Promise<unknown> } = {},
) {
  const clock = new FakeClock();
  const object = {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'NodeCommand',
    metadata: {
      name: 'c',
      namespace: NAMESPACE,
      uid: 'u',
      creationTimestamp: timestamp(clock.now() - (options.ageMs ?? 0)),
    },
    spec: { command },
    ...(status && { status }),
  } as NodeCommand;
  const phases: (string | undefined)[] = [];
  let deleted = 0;
  let restarts = 0;
  const client = {
    get: async () => structuredClone(object),
    patch: async (
      _resource: unknown,
      _key: unknown,
      _type: unknown,
      body: { status: NodeCommand['status'] },
    ) => {
      object.status = body.status;
      phases.push(body.status?.phase);
      return object;
    },
    delete: async () => {
      deleted++;
    },
  };
  const info = options.info ?? (async () => ({ version: '1', capacity: {} }));
  const agent = {
    nodeName: 'n1',
    namespace: NAMESPACE,
    backends: new Map([['memory', { view: { driver: { info } } }]]),
  };
  const reconciler = createCommandReconciler({
    client: client as never,
    clock,
    agent: agent as never,
    placements: { list: () => [] } as never,
    restart: () => {
      restarts++;
    },
  });
  const expiry = createCommandExpiry({
    client: client as never,
    clock,
    commands: { get: () => object } as never,
  });
  return {
    clock,
    object,
    phases,
    deleted: () => deleted,
    restarts: () => restarts,
    run: () => reconciler.reconcile({ name: 'c', namespace: NAMESPACE }, context),
    expire: () => expiry.reconcile({ name: 'c', namespace: NAMESPACE }, context),
    client,
  };
}

t.test('a command is begun, done, and not done again', async t => {
  const one = lab('health', undefined);
  await one.run();
  t.same(one.phases, ['Running', 'Succeeded']);
  t.match(one.object.status, { output: 'memory: answers', startedAt: /Z$/, finishedAt: /Z$/ });
  await one.run();
  t.equal(one.phases.length, 2);
});

t.test('what does not answer has failed, and says so', async t => {
  const one = lab('health', undefined, { info: () => Promise.reject(new Error('no socket')) });
  await one.run();
  t.match(one.object.status, {
    phase: 'Failed',
    output: 'memory: no socket',
    error: 'memory does not answer',
  });
});

t.test('what is told is bounded', async t => {
  const one = lab('health', undefined, { info: () => Promise.reject(new Error('x'.repeat(100_000))) });
  await one.run();
  t.equal(one.object.status?.output?.length, 16 * 1024);
});

t.test('one that an earlier life had begun is not begun again', async t => {
  const startedAt = '2026-01-01T00:00:00Z';
  const pruned = lab('prune', { phase: 'Running', startedAt });
  await pruned.run();
  t.same(pruned.phases, ['Failed']);
  const restarted = lab('restart-agent', { phase: 'Running', startedAt });
  await restarted.run();
  t.match(restarted.object.status, { phase: 'Succeeded', startedAt });
  t.equal(restarted.restarts(), 0, 'nor is it restarted over and over');
  const asked = lab('restart-agent', undefined);
  await asked.run();
  t.same([asked.phases, asked.restarts()], [['Running'], 1]);
});

t.test('nobody waits for one that is old', async t => {
  const one = lab('prune', undefined, { ageMs: 601_000 });
  await one.run();
  t.same(one.phases, ['Failed']);
  t.match(one.object.status?.error, /ask again/);
});

t.test('one that is gone meanwhile is nothing to do', async t => {
  const one = lab('info', undefined);
  one.client.get = () => Promise.reject(new ApiError('NotFound', 'gone'));
  t.same(await one.run(), { kind: 'done' });
});

t.test('a command is forgotten an hour after it was asked for', async t => {
  const one = lab('info', undefined);
  t.match(await one.expire(), { kind: 'requeueAfter' });
  t.equal(one.deleted(), 0);
  await one.clock.advance(COMMAND_TTL_MS + 1000);
  t.same(await one.expire(), { kind: 'done' });
  t.equal(one.deleted(), 1);
});
