import t from 'tap';
import { allocatePorts, type PortRequest } from '../../../controller/reconcilers/workspace/allocate-ports.ts';
import { decidePlacement } from '../../../controller/reconcilers/workspace/decide-placement.ts';
import { NodeLedger } from '../../../controller/reconcilers/workspace/node-ledger.ts';
import type { Node } from '../../../crds/types.generated.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeNode, makePlacement, makeWorkspace } from '../../support/fixtures.ts';

const forward = (name: string, port: number) => ({ name, port, exposure: 'Private' as const });
const ranges = { ssh: { from: 2222, to: 2224 }, services: { from: 23000, to: 23002 } };
const request = (
  changes: Partial<PortRequest> & { taken?: number[]; lost?: number[] } = {},
): PortRequest => ({
  forwards: [],
  ranges,
  isTaken: port => changes.taken?.includes(port) ?? false,
  isLost: port => changes.lost?.includes(port) ?? false,
  ...changes,
});
const web = forward('web', 80);
const db = forward('db', 5432);
const had = { ssh: 2223, forwards: [{ ...web, hostPort: 23001 }] };

const cases: { reason: string; request: PortRequest; want: unknown }[] = [
  {
    reason: 'the lowest free port of each range',
    request: request({ forwards: [web, db], taken: [2222, 23001] }),
    want: {
      ssh: 2223,
      forwards: [
        { ...web, hostPort: 23000 },
        { ...db, hostPort: 23002 },
      ],
    },
  },
  {
    reason: 'what was given stays given, by name, and the new one gets another',
    request: request({ forwards: [db, web], existing: had }),
    want: {
      ssh: 2223,
      forwards: [
        { ...db, hostPort: 23000 },
        { ...web, hostPort: 23001 },
      ],
    },
  },
  {
    reason: 'a changed port in the workspace keeps its port on the node',
    request: request({ forwards: [forward('web', 8080)], existing: had }),
    want: { ssh: 2223, forwards: [{ ...forward('web', 8080), hostPort: 23001 }] },
  },
  {
    reason: 'what was given stays though the range moved away',
    request: request({
      forwards: [web],
      existing: had,
      ranges: { ssh: { from: 1, to: 2 }, services: { from: 3, to: 4 } },
    }),
    want: { ssh: 2223, forwards: [{ ...web, hostPort: 23001 }] },
  },
  {
    reason: 'a lost port is given up and not given again',
    request: request({ forwards: [web], existing: had, lost: [2223, 23001], taken: [2223, 23001] }),
    want: { ssh: 2222, forwards: [{ ...web, hostPort: 23000 }] },
  },
  {
    reason: 'a removed forward frees its port for a new one of the same workspace',
    request: request({ forwards: [db], existing: had, taken: [23000, 23002] }),
    want: { ssh: 2223, forwards: [{ ...db, hostPort: 23001 }] },
  },
  {
    reason: 'one port never goes to SSH and a forward, where the ranges overlap',
    request: request({ forwards: [web], ranges: { ssh: { from: 7, to: 8 }, services: { from: 7, to: 8 } } }),
    want: { ssh: 7, forwards: [{ ...web, hostPort: 8 }] },
  },
  {
    reason: 'a port that an old placement gave twice is kept once',
    request: request({
      forwards: [web, db],
      existing: {
        ssh: 2222,
        forwards: [
          { ...web, hostPort: 23000 },
          { ...db, hostPort: 23000 },
        ],
      },
    }),
    want: {
      ssh: 2222,
      forwards: [
        { ...web, hostPort: 23000 },
        { ...db, hostPort: 23001 },
      ],
    },
  },
  {
    reason: 'a full SSH range is told',
    request: request({ taken: [2222, 2223, 2224] }),
    want: { exhausted: 'ssh', range: ranges.ssh },
  },
  {
    reason: 'a full service range is told, though the others of the workspace had room',
    request: request({ forwards: [web, db, forward('x', 1), forward('y', 2)] }),
    want: { exhausted: 'services', range: ranges.services },
  },
];

for (const { reason, request, want } of cases)
  t.test(reason, async t => t.same(allocatePorts(request), want));

function ledgerOf(...nodes: Node[]) {
  const ledger = new NodeLedger(new FakeClock());
  for (const node of nodes) ledger.setNode(node.metadata.name, node);
  return ledger;
}
const oneSshPort = { spec: { ports: { ssh: { from: 2222, to: 2222 } } } };
const reasonOf = (decision: ReturnType<typeof decidePlacement>) => decision.problem?.reason;
const placed = (decision: ReturnType<typeof decidePlacement>) =>
  'nodeName' in decision ? decision : undefined;

t.test('a placed workspace stays, though another node fits better by now', async t => {
  const ledger = ledgerOf(makeNode('a'), makeNode('b', { labels: { zone: 'eu' } }));
  const workspace = makeWorkspace('w', { nodeSelector: { zone: 'eu' } });
  const decision = decidePlacement(workspace, makePlacement('w', 'a'), ledger);
  t.match(decision, { nodeName: 'a', ssh: 2222 });
  t.equal(reasonOf(decision), undefined);
});

t.test('a changed driver is refused: the volume cannot move', async t => {
  const ledger = ledgerOf(makeNode('a', { drivers: ['docker', 'lxc'] }));
  const decision = decidePlacement(makeWorkspace('w', { driver: 'lxc' }), makePlacement('w', 'a'), ledger);
  t.equal(reasonOf(decision), 'InvalidSpec');
  t.match(decision.problem?.message, /back to docker, or delete/);
  t.equal(placed(decision), undefined);
});

t.test('the next best node is taken when the best has no ports in truth', async t => {
  // Counted as free, but found taken by the agent.
  const ledger = ledgerOf(makeNode('a', oneSshPort), makeNode('b'));
  ledger.assume(makePlacement('other', 'a', { ssh: { user: 'dev', port: 9 } }));
  ledger.observe(undefined, makePlacement('x', 'b'));
  ledger.observe(undefined, makePlacement('y', 'b', { ssh: { user: 'dev', port: 2223 } }));
  ledger.assume(makePlacement('other', 'a', { ssh: { user: 'dev', port: 2222 } }));
  t.equal(placed(decidePlacement(makeWorkspace('w'), undefined, ledger))?.nodeName, 'b');
});

t.test('a full range is PortsExhausted, for one that is placed and for one that is not', async t => {
  const ledger = ledgerOf(makeNode('a', oneSshPort));
  ledger.observe(undefined, makePlacement('other', 'a'));
  t.equal(reasonOf(decidePlacement(makeWorkspace('w'), undefined, ledger)), 'PortsExhausted');
  const narrow = ledgerOf(makeNode('a', { spec: { ports: { services: { from: 7, to: 7 } } } }));
  const workspace = makeWorkspace('w', {
    ports: [
      { name: 'p', port: 1 },
      { name: 'q', port: 2 },
    ],
  });
  const decision = decidePlacement(workspace, makePlacement('w', 'a'), narrow);
  t.equal(reasonOf(decision), 'PortsExhausted');
  t.match(decision.problem?.message, /7-7/);
});

t.test('a port that the agent reports as taken is given up for another', async t => {
  const ledger = ledgerOf(makeNode('a'));
  const placement = makePlacement('w', 'a', {}, { status: { portConflicts: [2222] } });
  ledger.observe(undefined, placement);
  t.equal(placed(decidePlacement(makeWorkspace('w'), placement, ledger))?.ssh, 2223);
});

t.test('a port that was found taken a while ago is better than none', async t => {
  const ledger = ledgerOf(makeNode('a', oneSshPort));
  const gone = makePlacement(
    'x',
    'a',
    { ssh: { user: 'dev', port: 9 } },
    { status: { portConflicts: [2222] } },
  );
  ledger.observe(undefined, gone);
  ledger.observe(gone, undefined);
  t.equal(placed(decidePlacement(makeWorkspace('w'), undefined, ledger))?.ssh, 2222);
});

t.test('a growth that its node cannot give leaves the former limits and says so', async t => {
  const ledger = ledgerOf(makeNode('a'));
  const placement = makePlacement('w', 'a', { resources: { memoryBytes: 2 ** 30 } });
  ledger.observe(undefined, placement);
  ledger.observe(undefined, makePlacement('x', 'a', { resources: { memoryBytes: 4 * 2 ** 30 } }));
  const grow = (memory: string) =>
    decidePlacement(makeWorkspace('w', { resources: { memory } }), placement, ledger);
  t.equal(placed(grow('4Gi'))?.amounts.memoryBytes, 4 * 2 ** 30, 'what is left is enough');
  t.equal(reasonOf(grow('4Gi')), undefined);
  t.equal(placed(grow('5Gi'))?.amounts.memoryBytes, 2 ** 30);
  t.equal(reasonOf(grow('5Gi')), 'NoNodeFits');
});

t.test('a placement on a node that is gone keeps its ports', async t => {
  const decision = decidePlacement(makeWorkspace('w'), makePlacement('w', 'lost'), ledgerOf());
  t.match(decision, { nodeName: 'lost', ssh: 2222 });
});
