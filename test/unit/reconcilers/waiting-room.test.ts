import t from 'tap';
import { decidePlacement } from '../../../controller/reconcilers/workspace/decide-placement.ts';
import { NodeLedger } from '../../../controller/reconcilers/workspace/node-ledger.ts';
import { WaitingRoom } from '../../../controller/reconcilers/workspace/waiting-room.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeNode, makeWorkspace } from '../../support/fixtures.ts';

function setUp() {
  const ledger = new NodeLedger(new FakeClock());
  const room = new WaitingRoom();
  ledger.setNode('a', makeNode('a'));
  const enter = (name: string, cpu: string, isPlaced = false) => {
    const workspace = makeWorkspace(name, { resources: { cpu } });
    const decision = decidePlacement(workspace, undefined, ledger);
    const message = 'problem' in decision ? (decision.problem?.message ?? '') : '';
    room.enter(workspace, { message, isPlaced });
  };
  const due = () => room.due([...ledger.candidates()]).map(({ name }) => name);
  return { ledger, room, enter, due };
}

t.test('nobody is woken for news that change nothing for them', async t => {
  const { ledger, enter, due } = setUp();
  enter('w1', '8');
  enter('w2', '8');
  t.same(due(), []);
  ledger.setNode('a', makeNode('a', { labels: { zone: 'eu' } }));
  t.same(due(), [], 'a label that nobody asks for');
});

t.test(
  'those for whom there is a node come first, those who would read something else after them',
  async t => {
    const { ledger, enter, due } = setUp();
    enter('big', '64');
    enter('small', '8');
    enter('placed', '1', true);
    ledger.setNode('b', makeNode('b', { allocatable: { cpu: '16', memory: '8Gi', disk: '1Gi' } }));
    t.same(due(), ['small', 'placed', 'big']);
  },
);

t.test('whoever was looked at and still waits is the last again', async t => {
  const { ledger, room, enter, due } = setUp();
  enter('w1', '8');
  enter('w2', '8');
  ledger.setNode('b', makeNode('b', { allocatable: { cpu: '16', memory: '8Gi', disk: '1Gi' } }));
  t.same(due(), ['w1', 'w2']);
  enter('w1', '8');
  t.same(due(), ['w2', 'w1']);
  room.leave({ name: 'w2', namespace: 'default' });
  t.same(due(), ['w1']);
  t.equal(room.size, 1);
});
