import t from 'tap';
import { NodeLedger } from '../../../controller/reconcilers/workspace/node-ledger.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeNode, makePlacement } from '../../support/fixtures.ts';

const ssh = (port: number) => ({ ssh: { user: 'dev', port } });
const at = (creationTimestamp: string) => ({ metadata: { creationTimestamp } });

function setUp() {
  const clock = new FakeClock();
  const ledger = new NodeLedger(clock);
  ledger.setNode('n', makeNode('n'));
  return { clock, ledger };
}

t.test('counts what placements set aside, and gives it back when they go', async t => {
  const { ledger } = setUp();
  const placement = makePlacement('a', 'n', {
    resources: { cpuMillis: 500, memoryBytes: 10, diskBytes: 20 },
    forwards: [{ name: 'w', port: 80, hostPort: 23000, exposure: 'Private' }],
  });
  ledger.observe(undefined, placement);
  t.same(ledger.load('n'), {
    cpuMillis: 500,
    memoryBytes: 10,
    diskBytes: 20,
    workspaces: 1,
    sshPorts: 1,
    servicePorts: 1,
  });
  t.equal(ledger.load('n', 'uid-a').workspaces, 0, 'without its own');
  t.ok(ledger.isHeld('n', 23000, 'uid-b'));
  t.notOk(ledger.isHeld('n', 23000, 'uid-a'));
  ledger.observe(placement, undefined);
  t.same(ledger.load('n'), {
    cpuMillis: 0,
    memoryBytes: 0,
    diskBytes: 0,
    workspaces: 0,
    sshPorts: 0,
    servicePorts: 0,
  });
});

t.test('an assumption counts until the cache shows that generation', async t => {
  const { ledger } = setUp();
  const first = makePlacement('a', 'n', ssh(2222));
  ledger.assume(first);
  t.ok(ledger.isHeld('n', 2222, 'uid-b'), 'before the write was answered');
  ledger.confirm(first);
  t.ok(ledger.isHeld('n', 2222, 'uid-b'), 'before the cache shows it');
  ledger.observe(undefined, first);
  const second = makePlacement('a', 'n', ssh(2223), { metadata: { generation: 2 } });
  ledger.assume(second);
  ledger.confirm(second);
  ledger.observe(first, { ...first, status: {} });
  t.ok(ledger.isHeld('n', 2222, 'uid-b'), 'the old port while a stale version is shown');
  t.ok(ledger.isHeld('n', 2223, 'uid-b'), 'and the new one');
  t.equal(ledger.load('n').workspaces, 1);
  ledger.observe(first, second);
  t.notOk(ledger.isHeld('n', 2222, 'uid-b'), 'the old port is free again');
  t.ok(ledger.isHeld('n', 2223, 'uid-b'));
});

t.test('an answer that comes after the cache has shown the write changes nothing', async t => {
  const { ledger } = setUp();
  const placement = makePlacement('a', 'n', ssh(2222));
  ledger.assume(placement);
  ledger.observe(undefined, placement);
  ledger.confirm(placement);
  ledger.observe(placement, undefined);
  t.notOk(ledger.isHeld('n', 2222, 'uid-b'));
});

t.test('a refused write gives back what was assumed and nothing else', async t => {
  const { ledger } = setUp();
  const placement = makePlacement('a', 'n', ssh(2222));
  ledger.observe(undefined, placement);
  ledger.assume(makePlacement('a', 'n', ssh(2223)));
  ledger.forget('uid-a', 'n');
  t.ok(ledger.isHeld('n', 2222, 'uid-b'));
  t.notOk(ledger.isHeld('n', 2223, 'uid-b'));
  ledger.forget('uid-nobody', 'n');
});

t.test('the removal of an old placement does not take the assumption of its successor along', async t => {
  const { ledger } = setUp();
  const old = makePlacement('a', 'n', ssh(2222));
  ledger.observe(undefined, old);
  ledger.assume(makePlacement('a', 'n', ssh(2223), { metadata: { uid: undefined } }));
  ledger.observe(old, undefined);
  t.notOk(ledger.isHeld('n', 2222, 'uid-b'));
  t.ok(ledger.isHeld('n', 2223, 'uid-b'));
});

t.test('of two that have one port, the older keeps it', async t => {
  const { ledger } = setUp();
  ledger.observe(undefined, makePlacement('young', 'n', ssh(2222), at('2026-01-01T00:00:05Z')));
  ledger.observe(undefined, makePlacement('old', 'n', ssh(2222), at('2026-01-01T00:00:01Z')));
  t.ok(ledger.isLost('n', 2222, 'uid-young'));
  t.notOk(ledger.isLost('n', 2222, 'uid-old'));
  t.same(ledger.sharers('n', [2222, 1]), new Set(['uid-young', 'uid-old']));
  t.equal(ledger.load('n').sshPorts, 1, 'a port counts once');
  t.ok(ledger.isHeld('n', 2222, 'uid-old'), 'nobody else is given it');
});

t.test('a port that an agent found taken is avoided for ten minutes', async t => {
  const { ledger, clock } = setUp();
  ledger.observe(undefined, makePlacement('a', 'n', ssh(2222), { status: { portConflicts: [2222, 23000] } }));
  t.ok(ledger.isTaken('n', 23000, 'uid-b'));
  t.notOk(ledger.isHeld('n', 23000, 'uid-b'), 'but nobody has it');
  await clock.advance(600_000);
  t.notOk(ledger.isTaken('n', 23000, 'uid-b'));
});

t.test('a moved range is counted anew', async t => {
  const { ledger } = setUp();
  ledger.observe(undefined, makePlacement('a', 'n', ssh(2222)));
  ledger.setNode('n', makeNode('n', { spec: { ports: { ssh: { from: 4000, to: 4001 } } } }));
  t.equal(ledger.load('n').sshPorts, 0);
  ledger.observe(undefined, makePlacement('b', 'n', ssh(4000)));
  t.equal(ledger.load('n').sshPorts, 1);
});

t.test('a node that is gone is no candidate, though what is placed there stays in the books', async t => {
  const { ledger } = setUp();
  const placement = makePlacement('a', 'n', ssh(2222));
  ledger.observe(undefined, placement);
  ledger.setNode('n', undefined);
  t.same([...ledger.candidates()], []);
  t.ok(ledger.isHeld('n', 2222, 'uid-b'));
  t.equal(ledger.node('n'), undefined);
  ledger.observe(placement, undefined);
  t.notOk(ledger.isHeld('n', 2222, 'uid-b'));
});
