import fc from 'fast-check';
import t from 'tap';
import { decidePlacement } from '../../../controller/reconcilers/workspace/decide-placement.ts';
import { NodeLedger } from '../../../controller/reconcilers/workspace/node-ledger.ts';
import {
  allocatableAmounts,
  requestedAmounts,
  toResources,
} from '../../../controller/reconcilers/workspace/requests.ts';
import type { Placement, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeNode, makePlacement, makeWorkspace } from '../../support/fixtures.ts';

const NODES = ['n1', 'n2'].map(name =>
  makeNode(name, {
    allocatable: { cpu: '4', memory: '4Gi', disk: '40Gi' },
    spec: { ports: { ssh: { from: 2222, to: 2226 }, services: { from: 23000, to: 23008 } } },
  }),
);

/**
 * The API and the controller's cache of it, as a model: writes are made in one step, told of in order but any time later.
 */
class World {
  readonly api = new Map<string, Placement>();
  ledger = new NodeLedger(new FakeClock());
  #seen = new Map<string, Placement>();
  #untold: { name: string; now?: Placement }[] = [];
  /** Decided, not yet written. */
  #inFlight = new Map<string, { placement: Placement; before?: Placement }>();
  #uid = 0;

  constructor() {
    for (const node of NODES) this.ledger.setNode(node.metadata.name, node);
  }

  decide(name: string, spec: WorkspaceSpec): void {
    if (this.#inFlight.has(name)) return;
    const before = this.api.get(name);
    // As a reconciler: its own writes are seen, those of others may be late.
    const decision = decidePlacement(makeWorkspace(name, spec), before, this.ledger);
    if (!('nodeName' in decision)) return;
    const placed = {
      ssh: { user: 'dev', port: decision.ssh },
      forwards: decision.forwards,
      resources: toResources(decision.amounts, undefined),
    };
    const placement = makePlacement(name, decision.nodeName, placed, {
      metadata: { uid: before?.metadata.uid, generation: (before?.metadata.generation ?? 0) + 1 },
      status: before?.status,
    });
    this.ledger.assume(placement);
    this.#inFlight.set(name, { placement, before });
  }

  /** The write came true, and the answer never came. */
  lose(name: string): void {
    const flight = this.#inFlight.get(name);
    if (!flight) return;
    this.#inFlight.delete(name);
    if (this.api.get(name) === flight.before) this.#write(name, this.#written(flight));
  }

  answer(name: string, isAccepted: boolean): void {
    const flight = this.#inFlight.get(name);
    if (!flight) return;
    this.#inFlight.delete(name);
    const { placement, before } = flight;
    const isCurrent = this.api.get(name) === before;
    if (!isAccepted || !isCurrent) {
      this.ledger.forget(placement.spec.workspace.uid, placement.spec.nodeName);
      return;
    }
    const written = this.#written(flight);
    this.#write(name, written);
    this.ledger.confirm(written);
  }

  remove(name: string): void {
    if (this.api.has(name) && !this.#inFlight.has(name)) this.#write(name, undefined);
  }

  conflict(name: string): void {
    const placement = this.api.get(name);
    if (!placement || this.#inFlight.has(name)) return;
    this.#write(name, { ...placement, status: { portConflicts: [placement.spec.ssh.port] } });
  }

  tell(count: number): void {
    for (const { name, now } of this.#untold.splice(0, count)) {
      this.ledger.observe(this.#seen.get(name), now);
      if (now) this.#seen.set(name, now);
      else this.#seen.delete(name);
    }
  }

  /** Another process takes over: it knows what the API shows and nothing else. */
  restart(): void {
    this.#inFlight.clear();
    this.#untold = [];
    this.ledger = new NodeLedger(new FakeClock());
    for (const node of NODES) this.ledger.setNode(node.metadata.name, node);
    this.#seen = new Map(this.api);
    for (const placement of this.api.values()) this.ledger.observe(undefined, placement);
  }

  #written({ placement, before }: { placement: Placement; before?: Placement }): Placement {
    const uid = before?.metadata.uid ?? `p${this.#uid++}`;
    return { ...placement, metadata: { ...placement.metadata, uid } };
  }

  #write(name: string, now: Placement | undefined): void {
    if (now) this.api.set(name, now);
    else this.api.delete(name);
    this.#untold.push({ name, now });
  }

  /** What must hold at any moment of what is written. */
  check(): void {
    const ports = new Set<string>();
    for (const { spec } of this.api.values()) {
      for (const port of [spec.ssh.port, ...(spec.forwards ?? []).map(f => f.hostPort)]) {
        const key = `${spec.nodeName}:${port}`;
        if (ports.has(key)) throw new Error(`${key} was given out twice`);
        ports.add(key);
      }
    }
    for (const node of NODES) {
      const free = allocatableAmounts(node);
      const here = [...this.api.values()].filter(({ spec }) => spec.nodeName === node.metadata.name);
      const sum = (key: 'cpuMillis' | 'memoryBytes' | 'diskBytes') =>
        here.reduce((total, { spec }) => total + (spec.resources?.[key] ?? 0), 0);
      for (const key of ['cpuMillis', 'memoryBytes', 'diskBytes'] as const)
        if (sum(key) > free[key]) throw new Error(`${node.metadata.name} has given out too much ${key}`);
    }
  }
}

const name = fc.constantFrom(...'abcdefghijkl');
const spec: fc.Arbitrary<WorkspaceSpec> = fc.record({
  resources: fc.record({
    cpu: fc.constantFrom('500m', '1', '2'),
    memory: fc.constantFrom('256Mi', '1Gi', '2Gi'),
    disk: fc.constantFrom('1Gi', '20Gi'),
  }),
  ports: fc
    .uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 })
    .map(ports => ports.map(port => ({ name: `p${port}`, port }))),
});
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('decide' as const), name, spec) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('answer' as const), name, fc.boolean()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('lose' as const), name) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('remove' as const), name) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('conflict' as const), name) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('tell' as const), fc.nat(4)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('restart' as const)) },
);

t.test(
  'no port is given out twice and no node overcommitted, however writes and news interleave',
  async t => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 150 }), operations => {
        const world = new World();
        for (const [what, ...rest] of operations) {
          if (what === 'decide') world.decide(rest[0] as string, rest[1] as WorkspaceSpec);
          else if (what === 'answer') world.answer(rest[0] as string, rest[1] as boolean);
          else if (what === 'lose') world.lose(rest[0] as string);
          else if (what === 'remove') world.remove(rest[0] as string);
          else if (what === 'conflict') world.conflict(rest[0] as string);
          else if (what === 'tell') world.tell(rest[0] as number);
          else world.restart();
          world.check();
        }
        world.tell(Number.POSITIVE_INFINITY);
        // The books agree with the API in the end; what is still in flight was assumed on top.
        world.restart();
        for (const node of NODES) {
          const here = [...world.api.values()].filter(p => p.spec.nodeName === node.metadata.name);
          if (world.ledger.load(node.metadata.name).workspaces !== here.length) throw new Error('miscounted');
        }
      }),
      { numRuns: 300 },
    );
    t.pass('300 histories');
  },
);

t.test('what is asked for is read as it is set aside', async t => {
  t.same(requestedAmounts({ resources: { cpu: '1.5', memory: '1Gi' } }), {
    cpuMillis: 1500,
    memoryBytes: 2 ** 30,
    diskBytes: 0,
  });
});
