import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { AgentContext, Backend } from '../../../agent/agent-context.ts';
import { openCheckpoint } from '../../../agent/checkpoint.ts';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { createEngineView } from '../../../agent/engine/engine-view.ts';
import { Fence } from '../../../agent/fence/fence.ts';
import { renewGuests } from '../../../agent/fence/renew-guests.ts';
import { createMemoryForwarder } from '../../../agent/forwards/memory-forwarder.ts';
import { createMemoryGuest } from '../../../agent/guest/memory-guest.ts';
import { GUEST_KEYS_PATH } from '../../../agent/guest/program.ts';
import { createMemoryProbe } from '../../../agent/health/memory-probe.ts';
import { openHostKeys } from '../../../agent/host-keys.ts';
import { resolve } from '../../../agent/model/resolve.ts';
import { plan } from '../../../agent/plan/plan.ts';
import { observe } from '../../../agent/reconcile/observe.ts';
import { PlacementReconciler } from '../../../agent/reconcile/placement-reconciler.ts';
import { memoryTunnels } from '../../../agent/ssh/memory-tunnel.ts';
import type { Client } from '../../../controller/client/client.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { secretHash } from '../../../controller/kit/secret-hash.ts';
import { FINALIZER_PLACEMENT } from '../../../crds/names.ts';
import type { Placement, PlacementSpec, PlacementStatus } from '../../../crds/types.generated.ts';
import {
  FACTS,
  placementOf,
  placementSecret,
  placementSpec,
  type SpecPatch,
} from '../../support/agent-data.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A variable from the placement's Secret. */
const SECRET = 'secret';
const variable = (name: string, value: string) =>
  value === SECRET ? { name, secretKey: 'env.0' } : { name, value };

const name = (max: number) => fc.integer({ min: 0, max }).map(n => `s${n}`);

/** Services that depend on earlier ones alone, so that there is no cycle. */
const services = fc
  .array(
    fc.record({
      command: fc.constantFrom('run', 'serve', 'work'),
      depends: fc.boolean(),
      check: fc.constantFrom(undefined, { tcp: { port: 80 } }, { exec: { command: ['true'] } }),
      env: fc.option(fc.constantFrom('a', 'b', SECRET), { nil: undefined }),
    }),
    { maxLength: 4 },
  )
  .map(list =>
    list.map(({ command, depends, check, env }, i) => ({
      name: `s${i}`,
      command,
      ...(depends && i > 0 && { dependsOn: [`s${i - 1}`] }),
      ...(check && { healthCheck: check }),
      ...(env && { env: [variable('OWN', env)] }),
    })),
  );

const arbitrarySpec: fc.Arbitrary<PlacementSpec> = fc
  .record({
    running: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
    image: fc.constantFrom('debian:12', 'debian:13'),
    services,
    forwards: fc.uniqueArray(
      fc.record({
        name: name(3),
        port: fc.integer({ min: 1, max: 9 }),
        hostPort: fc.integer({ min: 23000, max: 23009 }),
        exposure: fc.constantFrom('Private' as const, 'Node' as const),
      }),
      { maxLength: 3, selector: ({ name }) => name },
    ),
    env: fc.option(fc.constantFrom('1', '2', SECRET), { nil: undefined }),
    memoryBytes: fc.option(fc.constantFrom(2 ** 28, 2 ** 29), { nil: undefined }),
    repo: fc.boolean(),
    hooks: fc.boolean(),
    port: fc.constantFrom(2222, 2223),
    restartedAt: fc.option(fc.constantFrom('one', 'two'), { nil: undefined }),
    onNodeLoss: fc.option(fc.constant('Reschedule' as const), { nil: undefined }),
  })
  .map(
    ({ env, memoryBytes, repo, hooks, port, restartedAt, onNodeLoss, ...rest }): PlacementSpec =>
      placementSpec('shop', {
        ...(rest as SpecPatch),
        ssh: { port },
        ...(env && { env: [variable('X', env)] }),
        ...(memoryBytes && { resources: { memoryBytes } }),
        ...(repo && { repo: { url: 'https://example.com/a.git' } }),
        ...(hooks && { lifecycle: { preStart: 'true', postStart: 'true', preStop: 'true' } }),
        ...(restartedAt && { restartedAt }),
        ...(onNodeLoss && { onNodeLoss }),
      }),
  );

const damage = fc.constantFrom(
  'none',
  'lose',
  'kill',
  'reboot',
  'volume',
  'keys',
  'no-keys',
  'service',
  'sshd',
  'agent',
  'faults',
  'cut off',
  'away',
  'away and rebooted',
);
const FENCE_MS = 120_000;

function lab() {
  const clock = new FakeClock();
  const secret = placementSecret('n1', 'shop.default', { 'env.0': 'hunter2' });
  const hostKeys = openHostKeys({ log: silentLogger });
  let isAway = false;
  let placement: Placement | undefined;
  const driver = createMemoryDriver({ node: 'n1', clock });
  const { engine } = driver;
  const guest = createMemoryGuest({ driver, clock });
  const stop = new AbortController();
  const make = async () => {
    const random = () => 0.5;
    const view = createEngineView({
      driver,
      clock,
      log: silentLogger,
      random,
      onEvent: () => view.invalidate(),
    });
    const backend: Backend = {
      name: 'memory',
      view,
      guest,
      facts: { ...FACTS, render: guest.render },
      forwarder: createMemoryForwarder(),
      tunnel: memoryTunnels(guest),
      probe: () => createMemoryProbe(guest),
    };
    const api = {
      get: async () => placement,
      patch: async () => {
        placement = undefined;
      },
    };
    const context: AgentContext = {
      nodeName: 'n1',
      namespace: 'nexus-node-n1',
      client: api as unknown as Client,
      clock,
      serverClock: { aheadMs: 0 },
      log: silentLogger,
      random,
      backends: new Map([['memory', backend]]),
      events: { event() {}, flush: async () => {} },
      checkpoint: await openCheckpoint({ clock, log: silentLogger }),
      hostKeys: await hostKeys,
      statuses: {
        submit(of, status: PlacementStatus) {
          if (placement?.metadata.uid === of.metadata.uid) placement = { ...placement, status } as Placement;
        },
        forget: async () => {},
        flush: async () => {},
      },
      metrics: { action() {}, statusWrite() {}, orphan() {} },
      fence: new Fence({ clock, fenceMs: FENCE_MS, onExpiry() {} }),
      keepMovedVolumesMs: 0,
      keepImagesMs: 0,
      wake() {},
    };
    const reconciler = new PlacementReconciler(context, {
      placement: () => placement,
      secret: () => (isAway ? undefined : secret),
    });
    return { context, reconciler };
  };
  let agent: Awaited<ReturnType<typeof make>>;
  const key = { namespace: 'nexus-node-n1', name: 'shop.default' };
  const pass = () => agent.reconciler.reconcile(key, { signal: stop.signal, log: silentLogger });
  const beat = () => {
    const { fence } = agent.context;
    fence.renewed(clock.uptime());
    if (!fence.isOpen) fence.open([placement?.metadata.uid ?? '']);
    renewGuests(agent.context, agent.reconciler.units.values());
  };
  return {
    engine,
    guest,
    clock,
    /** No heartbeat is acknowledged for longer than the fence time; the agent looks now and then. */
    async cutOff() {
      for (let passed = 0; passed <= FENCE_MS; passed += 10_000) {
        await pass();
        await clock.advance(10_000);
      }
      await pass();
      await clock.advance(1_000);
    },
    /** An agent is started without the Secret; `comeBack`: it is there again. */
    async goAway() {
      isAway = true;
      await this.restart();
    },
    comeBack() {
      isAway = false;
    },
    pass,
    async restart() {
      await agent?.reconciler.stop();
      agent = await make();
    },
    want(spec: PlacementSpec, deleting = false) {
      placement = placementOf(
        'shop',
        { ...spec, secretHash: secretHash(secret.data) },
        {
          generation: (placement?.metadata.generation ?? 0) + 1,
          finalizers: [FINALIZER_PLACEMENT],
          ...(deleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
        },
      );
    },
    get instance() {
      return [...engine.instances.values()][0];
    },
    get gone() {
      return placement === undefined;
    },
    get status() {
      return placement?.status;
    },
    /** Passes, a second apart, until several in a row have changed nothing. */
    async converge(rounds = 90): Promise<void> {
      for (let quiet = 0, i = 0; quiet < 4; i++) {
        if (i > rounds) throw new Error(`it does not settle: ${JSON.stringify(placement?.status, null, 1)}`);
        const before = `${engine.changes} ${JSON.stringify(placement?.status)}`;
        beat();
        const outcome = await pass();
        await clock.advance(i < rounds / 2 ? 1_000 : 30_000);
        const same = before === `${engine.changes} ${JSON.stringify(placement?.status)}`;
        quiet = same && outcome.kind === 'done' ? quiet + 1 : 0;
      }
    },
    /** What is left to do, of a fresh look. */
    async rest() {
      if (!placement) return [];
      const unit = agent.reconciler.units.get('shop.default');
      if (!unit) throw new Error('no unit');
      const facts = { ...FACTS, render: guest.render };
      const desired = resolve(placement, secret, facts);
      return plan(desired, await observe(agent.context, unit, desired));
    },
    async close() {
      stop.abort();
      await agent.reconciler.stop();
    },
  };
}

function hurt(node: ReturnType<typeof lab>, what: string): void {
  const { engine, guest, instance } = node;
  if (what === 'faults') {
    for (const operation of ['list', 'create', 'start', 'stop', 'exec', 'update', 'remove'] as const)
      engine.fail(operation, 'Internal', { times: 1 });
    return;
  }
  if (!instance) return;
  if (what === 'lose') engine.lose(instance.id);
  if (what === 'volume') engine.loseVolume(instance.spec.volume.name);
  if (instance.state !== 'Running') return;
  if (what === 'kill') engine.kill(instance.id);
  if (what === 'reboot') engine.kill(instance.id, { restart: true, now: node.clock.now() });
  if (what === 'keys') guest.edit(instance.id, GUEST_KEYS_PATH, 'intruder');
  if (what === 'no-keys') guest.edit(instance.id, GUEST_KEYS_PATH);
  if (what === 'service') guest.killService(instance.id, 's0');
  if (what === 'sshd') guest.killSshd(instance.id);
}

/** A node whose server is away when its agent starts: what runs goes on, and what was rebooted comes up as far as it can. */
async function away(
  t: Test,
  node: ReturnType<typeof lab>,
  spec: PlacementSpec,
  damage: string,
): Promise<void> {
  await node.converge();
  const isUp = spec.running && spec.onNodeLoss !== 'Reschedule';
  const id = node.instance?.id ?? '';
  const isRebooted = damage === 'away and rebooted';
  if (isUp && isRebooted) node.engine.kill(id, { restart: true, now: node.clock.now() });
  const before = isUp && !isRebooted ? node.guest.inside(id).state() : undefined;
  await node.goAway();
  await node.converge();
  if (isUp) {
    const state = node.guest.inside(id).state();
    if (before) t.same(state, before, 'untouched');
    t.ok(state.configured && state.sshd.running && state.files[GUEST_KEYS_PATH], 'its user gets in');
    const needsSecret = (env: PlacementSpec['env'] = []) => env.some(({ secretKey }) => secretKey);
    const waits = new Set<string>();
    for (const { name, env, dependsOn = [] } of spec.services ?? [])
      if (needsSecret(spec.env) || needsSecret(env) || dependsOn.some(other => waits.has(other)))
        waits.add(name);
    const running = state.services.filter(one => one.wanted === 'Up').map(one => one.name);
    const all = (spec.services ?? []).map(one => one.name);
    const isHeld = spec.lifecycle && needsSecret(spec.env);
    t.same(running.sort(), before ? all : isHeld ? [] : all.filter(one => !waits.has(one)), 'its services');
  }
  const bootId = node.instance?.bootId;
  node.comeBack();
  await node.converge();
  t.equal(node.instance?.bootId, bootId, 'nothing is restarted for what was missing');
}

t.test('from any state to any other: it settles, with nothing left to do, exactly once', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ spec: arbitrarySpec, damage }), {
        minLength: 1,
        maxLength: 4,
      }),
      async steps => {
        const node = lab();
        await node.restart();
        try {
          for (const { spec, damage } of steps) {
            node.want(spec);
            hurt(node, damage);
            if (damage === 'agent') await node.restart();
            if (damage === 'cut off') {
              await node.converge();
              await node.cutOff();
              const isUp = node.instance?.state === 'Running';
              t.equal(isUp, spec.running && spec.onNodeLoss !== 'Reschedule', 'cut off');
            }
            if (damage.startsWith('away')) await away(t, node, spec, damage);
            await node.converge();
            t.same(await node.rest(), []);
            const { instance, status } = node;
            if (spec.running) {
              t.equal(instance?.state, 'Running');
              t.equal(instance?.spec.publish[0]?.hostPort, spec.ssh.port);
              t.equal(instance?.limits.memoryBytes, spec.resources?.memoryBytes);
              t.equal(instance?.autoStart, spec.onNodeLoss !== 'Reschedule');
              t.equal(node.guest.inside(instance?.id ?? '').state().fenced, spec.onNodeLoss === 'Reschedule');
              t.equal(status?.conditions?.find(({ type }) => type === 'Ready')?.reason, 'Ready');
              t.same(
                status?.services?.map(service => [service.name, service.state]),
                spec.services?.map(service => [service.name, 'Running']),
              );
            } else t.not(instance?.state, 'Running');
            t.ok(node.engine.instances.size <= 1, 'never two');
          }
          node.want(steps.at(-1)?.spec as PlacementSpec, true);
          await node.converge();
          t.ok(node.gone);
          t.equal(node.engine.instances.size + node.engine.volumes.size, 0, 'nothing is left');
        } finally {
          await node.close();
        }
      },
    ),
    { numRuns: 80 },
  );
});

t.test('what can change in place never costs a container its life', async t => {
  await fc.assert(
    fc.asyncProperty(arbitrarySpec, arbitrarySpec, async (a, b) => {
      const node = lab();
      await node.restart();
      try {
        node.want({ ...a, running: true });
        await node.converge();
        const before = node.instance;
        const bootId = before?.bootId;
        const { image, ssh, restartedAt } = a;
        node.want({ ...b, running: true, image, ssh: { ...ssh, authorizedKeys: [] }, restartedAt });
        await node.converge();
        t.equal(node.instance?.id, before?.id);
        t.equal(node.instance?.bootId, bootId);
      } finally {
        await node.close();
      }
    }),
    { numRuns: 60 },
  );
});

t.test(
  'while the Secret of a new placement is on its way the engine is looked at, and nothing is made',
  async t => {
    const node = lab();
    await node.goAway();
    node.want(placementSpec('shop'));
    t.match(await node.pass(), { kind: 'requeueAfter' });
    t.match([...node.engine.calls], [['list', 1]]);
    node.comeBack();
    await node.converge();
    t.equal(node.instance?.state, 'Running');
    await node.close();
  },
);
