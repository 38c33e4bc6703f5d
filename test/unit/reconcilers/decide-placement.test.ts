import t from 'tap';
import { decidePlacement } from '../../../controller/reconcilers/workspace/decide-placement.ts';
import { NodeLedger } from '../../../controller/reconcilers/workspace/node-ledger.ts';
import type { Node } from '../../../crds/types.generated.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeNode, makePlacement, makeWorkspace } from '../../support/fixtures.ts';

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
