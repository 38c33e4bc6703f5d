import t from 'tap';
import { NODE } from '../../../crds/kinds.ts';
import { Fleet, type FleetNode } from '../../support/fleet-lab.ts';

t.setTimeout(300_000);
const movable = { onNodeLoss: 'Reschedule' } as const;
/** Grace, fence time and margin, as they are when nobody says. */
const MOVED_AFTER_MS = 40_000 + 60_000 + 20_000;

/** A fleet with one workspace that may be moved, and its node. */
async function withMovable(t: Parameters<typeof Fleet.open>[0], names = ['n1', 'n2']) {
  const fleet = await Fleet.open(t, names);
  await fleet.apply('moves', movable);
  const { status, metadata } = await fleet.phase('moves', 'Running');
  const from = fleet.nodes.get(status?.nodeName ?? '') as FleetNode;
  const movedAway = () =>
    fleet.until('it to run elsewhere', async () => {
      const { status } = await fleet.workspace('moves');
      return status?.phase === 'Running' && status.nodeName !== from.name && status;
    });
  return { fleet, from, uid: metadata.uid, movedAway };
}

t.test(
  'a lost node: what waits is Unknown and kept, what may be moved runs elsewhere after the fence time',
  async t => {
    const fleet = await Fleet.open(t, ['n1'], { agent: { keepMovedVolumes: 1_200_000 } });
    await fleet.apply('stays');
    await fleet.apply('moves', movable);
    await fleet.phase('stays', 'Running');
    await fleet.phase('moves', 'Running');
    await fleet.addNode('n2');
    await fleet.until('n2', async () => (await fleet.readyNodes()).length === 2);
    const n1 = fleet.nodes.get('n1') as FleetNode;
    const volumes = [...n1.engine.volumes.keys()];
    n1.sandbox.link = 'cut';
    const cutAt = fleet.clock.now();
    await fleet.phase('moves', 'Unknown');
    await fleet.phase('stays', 'Unknown');
    const moved = await fleet.until('it to run elsewhere', async () => {
      const { status } = await fleet.workspace('moves');
      return status?.phase === 'Running' && status.nodeName === 'n2' && status;
    });
    const afterMs = fleet.clock.now() - cutAt;
    t.ok(
      afterMs >= MOVED_AFTER_MS - 10_000 && afterMs < MOVED_AFTER_MS + 15_000,
      `after ${afterMs / 1000} s`,
    );
    t.notOk(moved.move, 'it has arrived');
    t.match((await fleet.events('Moved'))[0]?.message, /Node n1 is lost.*home volume.*still on n1/);
    t.match(await fleet.workspace('stays'), { status: { phase: 'Unknown', nodeName: 'n1' } });
    t.equal(
      [...n1.engine.instances.values()].filter(i => i.state === 'Running').length,
      1,
      'the one that waits',
    );

    n1.sandbox.link = 'up';
    await fleet.phase('stays', 'Running');
    await fleet.until('what it left to be removed', async () => n1.engine.instances.size === 1);
    t.same([...n1.engine.volumes.keys()], volumes, 'volumes are kept, of what moved for a while');
    await fleet.advance(1_500_000);
    t.equal(n1.engine.volumes.size, 1);
    t.same(fleet.violations, []);
  },
);

const ends: { what: string; hurt(node: FleetNode): void; heal(node: FleetNode): void }[] = [
  {
    what: 'is cut off',
    hurt(node) {
      node.sandbox.link = 'cut';
    },
    heal(node) {
      node.sandbox.link = 'up';
    },
  },
  {
    what: 'has an agent that is stopped and goes on later, not knowing of the time between',
    hurt: node => node.sandbox.freeze(),
    heal: node => node.sandbox.thaw(),
  },
  { what: 'has an agent that was killed', hurt: node => node.kill(), heal: node => node.start() },
  {
    what: 'was switched off',
    hurt(node) {
      node.kill();
      for (const { id } of node.engine.instances.values()) node.engine.kill(id);
    },
    heal: node => node.reboot(),
  },
];

for (const { what, hurt, heal } of ends)
  t.test(`a workspace moves off a node that ${what}, and is not started there when it is back`, async t => {
    const { fleet, from, uid, movedAway } = await withMovable(t);
    hurt(from);
    await movedAway();
    t.same(
      fleet.runningOn(uid).filter(name => name === from.name),
      [],
      'it had ended there',
    );
    heal(from);
    await fleet.until('the node to be back', async () => (await fleet.readyNodes()).length === 2);
    await fleet.until('what it left to be removed', async () => from.engine.instances.size === 0);
    t.equal(fleet.runningOn(uid).length, 1);
    t.equal((await fleet.placements()).length, 1);
    t.same(fleet.violations, []);
  });

t.test('a node that comes back in time keeps its workspaces, and they keep their files', async t => {
  const { fleet, from, uid } = await withMovable(t);
  const [volume] = from.engine.volumes.values();
  from.sandbox.link = 'cut';
  await fleet.advance(MOVED_AFTER_MS - 15_000);
  t.same(fleet.runningOn(uid), [], 'it was stopped meanwhile');
  from.sandbox.link = 'up';
  await fleet.phase('moves', 'Running');
  t.same(fleet.runningOn(uid), [from.name]);
  t.equal([...from.engine.volumes.values()][0], volume);
  t.same(await fleet.events('Moved'), []);
});

t.test('a node whose answers are lost stops what may be moved, says so, and nobody moves it', async t => {
  const { fleet, from, uid } = await withMovable(t);
  from.sandbox.link = 'mute';
  await fleet.advance(MOVED_AFTER_MS * 2);
  t.same(fleet.runningOn(uid), []);
  const { status } = await fleet.workspace('moves');
  t.match(status, { nodeName: from.name, message: /reached no server/ });
  t.not(status?.phase, 'Running');
  from.sandbox.link = 'up';
  await fleet.phase('moves', 'Running');
  t.same(fleet.runningOn(uid), [from.name]);
  t.same(fleet.violations, []);
});

t.test('a controller that was away moves nothing before it has waited as long itself', async t => {
  const { fleet, from, movedAway } = await withMovable(t);
  from.sandbox.link = 'cut';
  await fleet.advance(MOVED_AFTER_MS - 20_000);
  await fleet.crash();
  await fleet.advance(600_000);
  await fleet.recover();
  const backAt = fleet.clock.now();
  await movedAway();
  t.ok(fleet.clock.now() - backAt >= MOVED_AFTER_MS);
  t.same(fleet.violations, []);
});

t.test('where no other node has room it stays, says why, and moves when there is some', async t => {
  const { fleet, from, uid, movedAway } = await withMovable(t, ['n1']);
  from.sandbox.link = 'cut';
  await fleet.advance(MOVED_AFTER_MS * 2);
  const { status } = await fleet.workspace('moves');
  t.match(status, {
    phase: 'Unknown',
    nodeName: 'n1',
    message: /as soon as another one.*0\/1 nodes: 1 is not ready/,
  });
  t.equal((await fleet.placements()).length, 1, 'what is there is not given up for nothing');
  await fleet.addNode('n2');
  await movedAway();
  t.same(fleet.runningOn(uid), ['n2']);
  t.same(fleet.violations, []);
});

t.test(
  'one that is allowed to be moved later moves only off a node that knew, or that an admin took away',
  async t => {
    const fleet = await Fleet.open(t, ['n1']);
    await fleet.apply('early');
    await fleet.apply('late');
    await fleet.phase('early', 'Running');
    await fleet.phase('late', 'Running');
    await fleet.addNode('n2');
    await fleet.apply('early', movable);
    await fleet.until('the node to know', async () =>
      (await fleet.placements()).some(({ spec, status }) => spec.fence && status?.fence === spec.fence),
    );
    const n1 = fleet.nodes.get('n1') as FleetNode;
    n1.sandbox.link = 'cut';
    await fleet.apply('late', movable);
    const moved = (name: string) =>
      fleet.until(`${name} to move`, async () => {
        const { status } = await fleet.workspace(name);
        return status?.phase === 'Running' && status.nodeName === 'n2';
      });
    await moved('early');
    await fleet.advance(MOVED_AFTER_MS);
    t.match(await fleet.workspace('late'), {
      status: { phase: 'Unknown', nodeName: 'n1', message: /before it knew.*nexus delete node n1/ },
    });
    t.equal(n1.engine.instances.size, 2);
    t.same(fleet.violations, []);
    // The machine is gone, and somebody says so.
    n1.kill();
    for (const { id } of n1.engine.instances.values()) n1.engine.kill(id);
    await fleet.client.delete(NODE, { name: 'n1' });
    await moved('late');
    t.same(fleet.violations, []);
  },
);
