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
    createdAt = '2025-12-01T00:00:00Z',
  }: { placed?: Partial<PlacementSpec>; isStopped?: boolean; isGoing?: boolean; createdAt?: string } = {},
) => ({
  workspace: makeWorkspace(name, spec),
  placement: makePlacement(name, 'n', placed, {
    ...(isStopped && { status: stopped }),
    metadata: { creationTimestamp: createdAt, ...(isGoing && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
  }),
});
const evicted = { running: false, evictedBy: 'Drain' as const };
const draining = (maxConcurrent?: number) =>
  makeNode('n', { spec: { drain: maxConcurrent === undefined ? {} : { maxConcurrent } } });
const tainted = (timeAdded = '2026-01-01T00:00:00Z') =>
  makeNode('n', { spec: { taints: [{ key: 'gone', effect: 'NoExecute', timeAdded }] } });
const briefly = { key: 'gone', operator: 'Exists' as const, tolerationSeconds: 30 };
const leaving = (name: string) =>
  makeWorkspace(name, movable, {}, { phase: 'Creating', move: { from: 'n', reason: 'Drain' } });

const rows: {
  reason: string;
  node: Node;
  placed: ReturnType<typeof on>[];
  more?: Partial<NodeOccupants>;
  evict: string[];
  drained?: RegExp;
  reasonOfDrain?: string;
  nextInMs?: number;
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
    drained: /^2 workspaces are left: default\/a being stopped\.$/,
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
    drained: /^2 workspaces are left: default\/a being moved\.$/,
  },
  {
    reason: 'and until it has arrived elsewhere',
    node: draining(),
    placed: [on('b')],
    more: { leaving: [leaving('a')] },
    evict: [],
    drained: /^2 workspaces are left: default\/a being moved\.$/,
  },
  {
    reason: 'one that fails elsewhere keeps the others from the same, and is named',
    node: draining(),
    placed: [on('b', movable)],
    more: { leaving: [{ ...leaving('a'), status: { ...leaving('a').status, phase: 'Failed' } }] },
    evict: [],
    drained: /default\/a being moved; default\/a failed on the new node: put it right/,
  },
  {
    reason: 'one for which nowhere is room stays, and keeps up no other',
    node: draining(),
    placed: [on('a', movable), on('b')],
    more: { whyNoHome: () => '0/2 nodes: 2 have not enough memory.' },
    evict: ['b by Drain'],
    drained: /default\/a waiting for room elsewhere \(0\/2 nodes/,
  },
  {
    reason: 'when nothing else is left, it says that room is what it waits for',
    node: draining(),
    placed: [on('a', movable)],
    more: { whyNoHome: () => '0/2 nodes: 2 have not enough memory.' },
    evict: [],
    drained: /^1 workspace is left: default\/a waiting for room/,
    reasonOfDrain: 'WaitingForRoom',
  },
  {
    reason: 'when it has ended, it names what is stopped because it may not move',
    node: draining(),
    placed: ['a', 'b', 'c', 'd'].map(name => on(name, {}, { placed: evicted, isStopped: true })),
    evict: [],
    drained:
      /^Nothing runs here\. default\/a, default\/b, default\/c and 1 more may not be moved .*uncordon n"/,
    reasonOfDrain: 'Drained',
  },
  {
    reason: 'a node that is silent is named as what is waited for',
    node: { ...draining(), status: {} },
    placed: [on('a', {}, { placed: evicted })],
    evict: [],
    drained: /default\/a being stopped\. The node is not ready/,
  },
  {
    reason: 'a NoExecute taint drives away one by one',
    node: tainted(),
    placed: [on('a'), on('b', movable), on('c', movable)],
    evict: ['a by Taint'],
  },
  {
    reason: 'but not what tolerates it',
    node: tainted(),
    placed: [on('a', { tolerations: [{ key: 'gone', operator: 'Exists' }] })],
    evict: [],
  },
  {
    reason: 'nor what tolerates it for a while, until that is over',
    node: tainted('2026-01-01T00:00:00Z'),
    placed: [on('a', { tolerations: [briefly] })],
    more: { nowMs: Date.parse('2026-01-01T00:00:29Z') },
    evict: [],
    nextInMs: 1000,
  },
  {
    reason: 'when it is',
    node: tainted('2026-01-01T00:00:00Z'),
    placed: [on('a', { tolerations: [briefly] })],
    more: { nowMs: Date.parse('2026-01-01T00:00:30Z') },
    evict: ['a by Taint'],
  },
  {
    reason: 'a workspace that came after the taint has its time from then on',
    node: tainted('2026-01-01T00:00:00Z'),
    placed: [on('a', { tolerations: [briefly] }, { createdAt: '2026-01-01T00:01:00Z' })],
    more: { nowMs: Date.parse('2026-01-01T00:01:10Z') },
    evict: [],
    nextInMs: 20_000,
  },
];

for (const { reason, node, placed, more, evict, drained, reasonOfDrain, nextInMs } of rows)
  t.test(reason, async t => {
    const plan = planEvictions({
      node,
      placed,
      leaving: [],
      nowMs: Date.parse('2026-01-01T01:00:00Z'),
      taintedSince: taint => Date.parse(taint.timeAdded ?? ''),
      whyNoHome: () => undefined,
      ...more,
    });
    t.same(
      plan.evict.map(({ placement, by }) => `${placement.spec.workspace.name} by ${by}`),
      evict,
    );
    if (drained) t.match(plan.drained?.message, drained);
    if (reasonOfDrain) t.equal(plan.drained?.reason, reasonOfDrain);
    if (nextInMs !== undefined) t.equal(plan.nextInMs, nextInMs);
    t.equal(plan.drained !== undefined, node.spec?.drain !== undefined);
    t.equal(plan.drained?.status === 'True', plan.drained?.reason === 'Drained');
  });
