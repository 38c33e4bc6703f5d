import t from 'tap';
import { judgeNode } from '../../../controller/reconcilers/node/judge-node.ts';
import { makeNode } from '../../support/fixtures.ts';

const NOW = 1_000_000;
const at = (uptimeMs: number) => ({ uptimeMs, graceMs: 40_000 });
const node = makeNode('n');

const heard = { renewTime: 'x', seenAt: NOW, heardAt: NOW };
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
