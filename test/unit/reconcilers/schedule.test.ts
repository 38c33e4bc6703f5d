import t from 'tap';
import { decidePlacement } from '../../../controller/reconcilers/workspace/decide-placement.ts';
import { toleranceMs } from '../../../controller/reconcilers/workspace/no-execute.ts';
import { NodeLedger } from '../../../controller/reconcilers/workspace/node-ledger.ts';
import type { NodeLoad } from '../../../controller/reconcilers/workspace/schedule.ts';
import { schedule } from '../../../controller/reconcilers/workspace/schedule.ts';
import type { WorkspaceSpec } from '../../../crds/types.generated.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeNode, makePlacement, makeWorkspace } from '../../support/fixtures.ts';

const idle: NodeLoad = {
  cpuMillis: 0,
  memoryBytes: 0,
  diskBytes: 0,
  workspaces: 0,
  sshPorts: 0,
  servicePorts: 0,
};
type Case = [
  name: string,
  node?: Parameters<typeof makeNode>[1],
  load?: Partial<NodeLoad & { neighbours: number }>,
];

const run = (spec: WorkspaceSpec, cases: Case[]) =>
  schedule(
    spec,
    cases.map(([name, node, { neighbours, ...load } = {}]) => ({
      node: makeNode(name, node),
      load: { ...idle, ...load },
      ...(neighbours !== undefined && { neighbours }),
    })),
  );
const GiB = 2 ** 30;
const taint = (effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute') => ({
  spec: { taints: [{ key: 'gpu', value: 'yes', effect }] },
});

const fits: { reason: string; spec: WorkspaceSpec; nodes: Case[]; names: string[]; driver?: string }[] = [
  { reason: 'names decide between equals', spec: {}, nodes: [['b'], ['a']], names: ['a', 'b'] },
  {
    reason: 'fewer workspaces come first',
    spec: {},
    nodes: [
      ['a', {}, { workspaces: 2 }],
      ['b', {}, { workspaces: 1 }],
    ],
    names: ['b', 'a'],
  },
  {
    reason: 'the scarcest resource counts before the number of workspaces',
    spec: { resources: { cpu: '1' } },
    nodes: [
      ['a', {}, { memoryBytes: 6 * GiB }],
      ['b', {}, { workspaces: 5 }],
    ],
    names: ['b', 'a'],
  },
  {
    reason: 'where the namespace has fewer workspaces, though the node is somewhat fuller',
    spec: {},
    nodes: [
      ['a', {}, { cpuMillis: 400, neighbours: 2 }],
      ['b', {}, { cpuMillis: 1200, neighbours: 1 }],
    ],
    names: ['b', 'a'],
  },
  {
    reason: 'not where the namespace has fewer, when that node is much fuller',
    spec: {},
    nodes: [
      ['a', {}, { cpuMillis: 400, neighbours: 2 }],
      ['b', {}, { cpuMillis: 3200, neighbours: 1 }],
    ],
    names: ['a', 'b'],
  },
  {
    reason: 'where the image is',
    spec: { image: 'debian' },
    nodes: [['a', { images: ['debian:11'] }], ['b', { images: ['alpine:3', 'debian:latest'] }], ['c']],
    names: ['b', 'a', 'c'],
  },
  {
    reason: 'where the image is, by the name of a registry or an alias',
    spec: { image: 'docker.io/library/debian:12' },
    nodes: [['a'], ['b', { images: ['debian:12'] }], ['c', { images: ['docker.io/library/debian:12'] }]],
    names: ['b', 'c', 'a'],
  },
  {
    reason: 'not where the image is, when most of the namespace is there',
    spec: { image: 'debian:12' },
    nodes: [['a', { images: ['debian:12'] }, { neighbours: 1 }], ['b']],
    names: ['b', 'a'],
  },
  {
    reason: 'a label that is asked for',
    spec: { nodeSelector: { zone: 'eu' } },
    nodes: [['a'], ['b', { labels: { zone: 'eu' } }]],
    names: ['b'],
  },
  {
    reason: 'a tolerated taint',
    spec: { tolerations: [{ key: 'gpu', operator: 'Equal', value: 'yes' }] },
    nodes: [['a', taint('NoSchedule')]],
    names: ['a'],
  },
  {
    reason: 'PreferNoSchedule is only a last resort',
    spec: {},
    nodes: [
      ['a', taint('PreferNoSchedule')],
      ['b', {}, { workspaces: 9 }],
    ],
    names: ['b', 'a'],
  },
  {
    reason: 'exactly what is left is enough',
    spec: { resources: { cpu: '4', memory: '8Gi' } },
    nodes: [['a']],
    names: ['a'],
  },
  {
    reason: 'a node that does not tell its disk is not held to it',
    spec: { resources: { disk: '100Gi' } },
    nodes: [['a', { allocatable: { cpu: '1' } }]],
    names: ['a'],
  },
  {
    reason: 'the driver that is asked for, on a node with several',
    spec: { driver: 'lxc' },
    nodes: [['a', { drivers: ['docker', 'lxc'] }]],
    names: ['a'],
    driver: 'lxc',
  },
  {
    reason: 'docker before memory when none is asked for',
    spec: {},
    nodes: [['a', { drivers: ['memory', 'docker'] }]],
    names: ['a'],
    driver: 'docker',
  },
];

for (const { reason, spec, nodes, names, driver } of fits)
  t.test(`chooses: ${reason}`, async t => {
    const result = run(spec, nodes);
    if (!('fits' in result)) return t.fail(result.message);
    t.same(
      result.fits.map(({ node }) => node.metadata.name),
      names,
    );
    if (driver) t.equal(result.fits[0]?.driver, driver);
  });

const refused: { reason: string; spec: WorkspaceSpec; nodes: Case[]; message: RegExp }[] = [
  { reason: 'no node at all', spec: {}, nodes: [], message: /^0\/0 nodes: .*nexus agent/ },
  {
    reason: 'each node once, by its first reason, the most frequent first',
    spec: { driver: 'lxc', resources: { memory: '16Gi' } },
    nodes: [['e', { drivers: ['lxc'] }], ['d', { drivers: ['lxc'] }], ['a'], ['b'], ['c']],
    message: /^0\/5 nodes: 3 lack driver lxc, 2 have not enough memory$/,
  },
  { reason: 'one node, in the singular', spec: { driver: 'lxc' }, nodes: [['a']], message: /1 lacks driver/ },
  { reason: 'not ready', spec: {}, nodes: [['a', { ready: 'Unknown' }]], message: /is not ready/ },
  {
    reason: 'cordoned',
    spec: {},
    nodes: [['a', { spec: { unschedulable: true } }]],
    message: /unschedulable/,
  },
  {
    reason: 'drained',
    spec: {},
    nodes: [
      ['a', { spec: { drain: {} } }],
      ['b', { spec: { drain: {} } }],
    ],
    message: /2 are being drained/,
  },
  { reason: 'going', spec: {}, nodes: [['a', { deleting: true }]], message: /is going/ },
  { reason: 'a taint', spec: {}, nodes: [['a', taint('NoSchedule')]], message: /taint gpu/ },
  { reason: 'NoExecute too', spec: {}, nodes: [['a', taint('NoExecute')]], message: /taint gpu/ },
  { reason: 'labels', spec: { nodeSelector: { a: 'b' } }, nodes: [['a']], message: /nodeSelector/ },
  {
    reason: 'an engine that does not answer',
    spec: { driver: 'lxc' },
    nodes: [['a', { drivers: ['docker', 'lxc'], unready: ['lxc'] }]],
    message: /^0\/1 nodes: 1 has an unready driver lxc$/,
  },
  { reason: 'no driver', spec: {}, nodes: [['a', { drivers: [] }]], message: /no driver that is ready/ },
  {
    reason: 'CPU that is set aside already',
    spec: { resources: { cpu: '1' } },
    nodes: [['a', {}, { cpuMillis: 3500 }]],
    message: /CPU/,
  },
  {
    reason: 'disk',
    spec: { resources: { disk: '1Gi' } },
    nodes: [['a', {}, { diskBytes: 100 * GiB }]],
    message: /disk/,
  },
  { reason: 'SSH ports', spec: {}, nodes: [['a', {}, { sshPorts: 78 }]], message: /SSH port/ },
  {
    reason: 'service ports, as many as are declared',
    spec: { services: [{ name: 'w', command: 'x', port: 1 }], ports: [{ name: 'p', port: 2 }] },
    nodes: [['a', { spec: { ports: { services: { from: 5, to: 6 } } } }, { servicePorts: 1 }]],
    message: /enough free ports/,
  },
  {
    reason: 'a NoExecute taint that is tolerated for a while only',
    spec: { tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }] },
    nodes: [['a', { spec: { taints: [{ key: 'k', effect: 'NoExecute' }] } }]],
    message: /1 has taint k that is tolerated for a while only/,
  },
];

for (const { reason, spec, nodes, message } of refused)
  t.test(`refuses: ${reason}`, async t => {
    const result = run(spec, nodes);
    t.match('message' in result && result.message, message);
  });

t.test('tolerations match as in Kubernetes', async t => {
  const noSchedule = { key: 'k', value: 'v', effect: 'NoSchedule' as const };
  const noExecute = { ...noSchedule, effect: 'NoExecute' as const };
  const forGood = Number.POSITIVE_INFINITY;
  t.equal(toleranceMs(noSchedule, [{ operator: 'Exists' }]), forGood, 'everything');
  t.equal(toleranceMs(noSchedule, [{ key: 'k', operator: 'Exists' }]), forGood, 'any value');
  t.equal(toleranceMs(noSchedule, [{ key: 'k', value: 'v', effect: 'NoSchedule' }]), forGood, 'exactly');
  t.equal(toleranceMs(noSchedule, [{ key: 'k', value: 'v', effect: 'NoExecute' }]), 0, 'another effect');
  t.equal(toleranceMs(noSchedule, [{ key: 'k', value: 'other' }]), 0, 'another value');
  t.equal(toleranceMs(noSchedule, [{ key: 'other', operator: 'Exists' }]), 0, 'another key');
  t.equal(toleranceMs(noSchedule, []), 0, 'nothing');
  const briefly = { key: 'k', operator: 'Exists' as const, tolerationSeconds: 30 };
  t.equal(toleranceMs(noExecute, [briefly]), 30_000, 'for a while');
  t.equal(toleranceMs(noExecute, [{ ...briefly, tolerationSeconds: -1 }]), 0, 'less than nothing');
  t.equal(toleranceMs(noExecute, [briefly, { operator: 'Exists' }]), 30_000, 'the first that matches counts');
});

t.test('the image that is looked for is the one of the driver that a node would use', async t => {
  const node = (name: string, driver: 'docker' | 'lxc') =>
    makeNode(name, { images: ['system/1'], drivers: [driver] });
  const candidates = [node('a', 'docker'), node('b', 'lxc')].map(node => ({ node, load: idle }));
  const scheduled = schedule({}, candidates, driver => (driver === 'lxc' ? 'system/1' : 'debian:12'));
  t.match(scheduled, { fits: [{ driver: 'lxc' }, { driver: 'docker' }] });
});

const place30 = (imagesOf: (node: string) => string[]) => {
  const ledger = new NodeLedger(new FakeClock());
  const counts = new Map<string, number>();
  for (const name of ['a', 'b', 'c']) {
    ledger.setNode(name, makeNode(name, { images: imagesOf(name) }));
    counts.set(name, 0);
  }
  for (let i = 0; i < 30; i++) {
    const decision = decidePlacement(makeWorkspace(`w${i}`), undefined, ledger, () => 'debian:12');
    if (!('nodeName' in decision)) throw new Error(decision.problem.message);
    const { nodeName, ssh: port, forwards } = decision;
    ledger.observe(undefined, makePlacement(`w${i}`, nodeName, { ssh: { user: 'dev', port }, forwards }));
    counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1);
  }
  return [...counts.values()];
};

t.test('workspaces of one person are spread evenly', async t => {
  t.same(
    place30(() => []),
    [10, 10, 10],
  );
  t.same(
    place30(name => (name === 'a' ? ['debian:12'] : [])),
    [12, 9, 9],
    'nearly so when one node alone ever has their image',
  );
});
