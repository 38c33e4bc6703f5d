import t from 'tap';
import { type NodeOccupants, planEvictions } from '../../../controller/reconcilers/node/plan-evictions.ts';
import type { Node, PlacementSpec, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { makeNode, makePlacement, makeWorkspace } from '../../support/fixtures.ts';

const movable: WorkspaceSpec = { onNodeLoss: 'Reschedule' };
const stopped = {
  observedGeneration: 1,
  container: { state: 'Stopped' as const },
};
const on = (
  name: string,
  spec: WorkspaceSpec = {},
  {
    placed = {},
    isStopped = false,
    isGoing = false,
  }: { placed?: Partial<PlacementSpec>; isStopped?: boolean; isGoing?: boolean } = {},
) => ({
  workspace: makeWorkspace(name, spec),
  placement: makePlacement(name, 'n', placed, {
    ...(isStopped && { status: stopped }),
    ...(isGoing && { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
  }),
});
const evicted = { running: false, evictedBy: 'Drain' as const };
const draining = (maxConcurrent?: number) =>
  makeNode('n', { spec: { drain: maxConcurrent === undefined ? {} : { maxConcurrent } } });
const tainted = makeNode('n', { spec: { taints: [{ key: 'gone', effect: 'NoExecute' }] } });
const leaving = (name: string) =>
  makeWorkspace(name, movable, {}, { phase: 'Creating', move: { from: 'n', reason: 'Drain' } });

const rows: {
  reason: string;
  node: Node;
  placed: ReturnType<typeof on>[];
  more?: Partial<NodeOccupants>;
  evict: string[];
  drained?: RegExp;
}[] = [
  {
    reason: 'a node that is not drained is left alone',
    node: makeNode('n'),
    placed: [on('a'), on('b', movable)],
    evict: [],
  },
  {
    reason: 'one by one, by name, whether moved or stopped',
    node: draining(),
    placed: [on('b', movable), on('a'), on('c')],
    evict: ['a by Drain'],
    drained: /^3 workspaces are left\.$/,
  },
  {
    reason: 'as many as the budget says',
    node: draining(2),
    placed: [on('b', movable), on('a'), on('c')],
    evict: ['a by Drain', 'b by Drain'],
  },
  {
    reason: 'the next only when the one before has stopped',
    node: draining(),
    placed: [on('a', {}, { placed: evicted }), on('b')],
    evict: [],
    drained: /^2 workspaces are left: 1 being stopped/,
  },
  {
    reason: 'what has stopped is done',
    node: draining(),
    placed: [on('a', {}, { placed: evicted, isStopped: true }), on('b')],
    evict: ['b by Drain'],
    drained: /^1 workspace is left\.$/,
  },
  {
    reason: 'what its owner stopped is done',
    node: draining(),
    placed: [on('a', { running: false }, { placed: { running: false } })],
    evict: [],
    drained: /^Nothing runs here/,
  },
  {
    reason: 'one that is moved counts until its placement is gone',
    node: draining(),
    placed: [on('a', movable, { placed: evicted, isStopped: true, isGoing: true }), on('b')],
    more: { leaving: [leaving('a')] },
    evict: [],
    drained: /^2 workspaces are left: 1 being moved/,
  },
  {
    reason: 'and until it has arrived elsewhere',
    node: draining(),
    placed: [on('b')],
    more: { leaving: [leaving('a')] },
    evict: [],
    drained: /^2 workspaces are left: 1 being moved/,
  },
  {
    reason: 'one for which nowhere is room stays, and keeps up no other',
    node: draining(),
    placed: [on('a', movable), on('b')],
    more: { whyNoHome: () => '0/2 nodes: 2 have not enough memory.' },
    evict: ['b by Drain'],
    drained: /1 waiting for room elsewhere \(default\/a: 0\/2 nodes/,
  },
  {
    reason: 'a NoExecute taint drives away what may be moved, one by one, and nothing else',
    node: tainted,
    placed: [on('a'), on('b', movable), on('c', movable)],
    evict: ['b by Taint'],
  },
  {
    reason: 'but not what tolerates it',
    node: tainted,
    placed: [on('b', { ...movable, tolerations: [{ key: 'gone', operator: 'Exists' }] })],
    evict: [],
  },
];

for (const { reason, node, placed, more, evict, drained } of rows)
  t.test(reason, async t => {
    const plan = planEvictions({ node, placed, leaving: [], whyNoHome: () => undefined, ...more });
    t.same(
      plan.evict.map(({ placement, by }) => `${placement.spec.workspace.name} by ${by}`),
      evict,
    );
    if (drained) t.match(plan.drained?.message, drained);
    t.equal(plan.drained !== undefined, node.spec?.drain !== undefined);
    t.equal(plan.drained?.status === 'True', plan.drained?.reason === 'Drained');
  });
