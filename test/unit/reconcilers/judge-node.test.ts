import t from 'tap';
import { microTimestamp } from '../../../controller/kit/clock.ts';
import { hearLease, judgeNode } from '../../../controller/reconcilers/node/judge-node.ts';
import type { Lease } from '../../../crds/object.ts';
import { makeNode } from '../../support/fixtures.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const at = (nowMs: number) => ({ nowMs, graceMs: 40_000 });
const lease = (ms: number): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'n' },
  spec: { renewTime: microTimestamp(ms) },
});
const node = makeNode('n');

t.test('a renewal counts from when it was seen, whatever the clock of the node says', async t => {
  const first = hearLease(undefined, lease(NOW), node, at(NOW));
  t.equal(first?.seenAt, NOW);
  t.equal(hearLease(first, lease(NOW), node, at(NOW + 5000)), first, 'no news');
  t.equal(
    hearLease(first, lease(NOW - 7_200_000), node, at(NOW + 9000))?.seenAt,
    NOW + 9000,
    'news from a slow clock',
  );
});

t.test('at first sight a fresh renewal counts from its time, never from the future', async t => {
  t.equal(hearLease(undefined, lease(NOW - 10_000), node, at(NOW))?.seenAt, NOW - 10_000);
  t.equal(hearLease(undefined, lease(NOW + 3_600_000), node, at(NOW))?.seenAt, NOW);
});

t.test(
  'after the controller was away a node that was Ready is given time to renew, a lost one is not',
  async t => {
    t.equal(hearLease(undefined, lease(NOW - 600_000), node, at(NOW))?.seenAt, NOW);
    const lost = makeNode('n', { ready: 'Unknown' });
    t.equal(hearLease(undefined, lease(NOW - 600_000), lost, at(NOW))?.seenAt, NOW - 600_000);
  },
);

t.test('no lease is no news', async t => {
  t.equal(hearLease(undefined, undefined, node, at(NOW)), undefined);
  t.equal(hearLease({ renewTime: 'x', seenAt: NOW }, { ...lease(NOW), spec: {} }, node, at(NOW)), undefined);
});

const heard = { renewTime: 'x', seenAt: NOW };
const cases: {
  reason: string;
  args: Parameters<typeof judgeNode>;
  want: [string, string];
  againMs?: number;
}[] = [
  { reason: 'never heard', args: [node, undefined, at(NOW)], want: ['Unknown', 'NeverHeard'] },
  {
    reason: 'heard, but it has not told what it runs',
    args: [{ ...node, status: {} }, heard, at(NOW)],
    want: ['Unknown', 'NeverHeard'],
  },
  { reason: 'heard', args: [node, heard, at(NOW + 1000)], want: ['True', 'AgentReady'], againMs: 39_000 },
  {
    reason: 'just within the grace',
    args: [node, heard, at(NOW + 39_999)],
    want: ['True', 'AgentReady'],
    againMs: 1,
  },
  { reason: 'silent', args: [node, heard, at(NOW + 40_000)], want: ['Unknown', 'LeaseExpired'] },
  {
    reason: 'heard, without an engine',
    args: [
      { ...node, status: { drivers: [{ name: 'docker', ready: false, message: 'no socket' }] } },
      heard,
      at(NOW),
    ],
    want: ['False', 'DriverUnavailable'],
    againMs: 40_000,
  },
];

for (const { reason, args, want, againMs } of cases)
  t.test(`${want[1]}: ${reason}`, async t => {
    const judged = judgeNode(...args);
    t.same([judged.ready.status, judged.ready.reason], want);
    t.equal(judged.againMs, againMs);
  });
