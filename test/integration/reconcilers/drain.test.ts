import t from 'tap';
import { NODE } from '../../../crds/kinds.ts';
import { Fleet, type FleetNode } from '../../support/fleet-lab.ts';

t.setTimeout(300_000);
const movable = { onNodeLoss: 'Reschedule' } as const;
const drain = (fleet: Fleet, maxConcurrent = 1) =>
  fleet.patchNode('n1', { spec: { unschedulable: true, drain: { maxConcurrent } } });
const uncordon = (fleet: Fleet) => fleet.patchNode('n1', { spec: { unschedulable: false, drain: null } });

/** Everything on n1, then a second node beside it. */
async function withWorkspaces(t: Parameters<typeof Fleet.open>[0], specs: Record<string, object>) {
  const fleet = await Fleet.open(t, ['n1']);
  for (const [name, spec] of Object.entries(specs)) await fleet.apply(name, spec);
  for (const name of Object.keys(specs)) await fleet.phase(name, 'Running');
  await fleet.addNode('n2');
  await fleet.until('n2', async () => (await fleet.readyNodes()).length === 2);
  const drained = () =>
    fleet.client
      .get(NODE, { name: 'n1' })
      .then(node => node.status?.conditions?.find(c => c.type === 'Drained'));
  const untilDrained = () =>
    fleet.until('the drain to end', async () => (await drained())?.status === 'True');
  return { fleet, n1: fleet.nodes.get('n1') as FleetNode, drained, untilDrained };
}

t.test(
  'a drain moves what may be moved and stops the rest, one by one; what was stopped goes on after it',
  async t => {
    const { fleet, n1, drained } = await withWorkspaces(t, { a: {}, b: movable, c: movable, d: {} });
    const volumes = n1.engine.volumes.size;
    // How many are neither running nor at rest at once.
    let most = 0;
    const look = async () => {
      const all = await fleet.workspaces();
      most = Math.max(
        most,
        all.filter(({ status }) => !['Running', 'Stopped'].includes(status?.phase ?? '')).length,
      );
    };
    await drain(fleet);
    await fleet.until('the drain to end', async () => {
      await look();
      return (await drained())?.status === 'True';
    });
    t.equal(most, 1, 'never two at once');
    const where = async (name: string) => {
      const { status } = await fleet.workspace(name);
      return [status?.phase, status?.nodeName];
    };
    t.same(await where('a'), ['Stopped', 'n1']);
    t.same(await where('b'), ['Running', 'n2']);
    t.same(await where('c'), ['Running', 'n2']);
    t.same(await where('d'), ['Stopped', 'n1']);
    t.match(await fleet.workspace('a'), { spec: { running: true }, status: { message: /uncordon n1/ } });
    t.equal((await fleet.events('Moved')).length, 2);
    t.match(await drained(), { message: /default\/a, default\/d may not be moved/ });
    t.equal(n1.engine.volumes.size, volumes, 'what was left is kept for a while');
    const writes = fleet.writes.length;
    await fleet.advance(60_000);
    t.same(fleet.writes.slice(writes), [], 'a drain that has ended writes nothing');

    await fleet.apply('new');
    t.match(await fleet.phase('new', 'Running'), { status: { nodeName: 'n2' } });
    await uncordon(fleet);
    await fleet.phase('a', 'Running');
    await fleet.phase('d', 'Running');
    t.same(await where('a'), ['Running', 'n1']);
    t.notOk(await drained(), 'nothing is said of a drain that is over');
    t.same(fleet.violations, []);
  },
);

t.test('a drain waits with what has no room elsewhere, says so, and goes on when there is some', async t => {
  const { fleet, drained, untilDrained } = await withWorkspaces(t, {
    big: { ...movable, resources: { cpu: '6' } },
    small: movable,
  });
  await fleet.apply('tenant', { nodeSelector: { place: 'n2' }, resources: { cpu: '4' } });
  await fleet.patchNode('n2', { metadata: { labels: { place: 'n2' } } });
  await fleet.phase('tenant', 'Running');
  await drain(fleet);
  await fleet.until(
    'the small one to leave',
    async () => (await fleet.workspace('small')).status?.nodeName === 'n2',
  );
  await fleet.advance(30_000);
  t.match(await fleet.workspace('big'), { status: { phase: 'Running', nodeName: 'n1' } });
  t.match(await drained(), {
    status: 'False',
    reason: 'WaitingForRoom',
    message: /default\/big waiting for room elsewhere \(0\/2 nodes: .*CPU/,
  });
  t.match(await fleet.events('WaitingForRoom'), [{ message: /default\/big/ }], 'told once');
  await fleet.apply('tenant', { nodeSelector: { place: 'n2' }, resources: { cpu: '1' } });
  await untilDrained();
  t.match(await fleet.workspace('big'), { status: { phase: 'Running', nodeName: 'n2' } });
});

t.test('what is started on a drained node is not started there', async t => {
  const { fleet, untilDrained } = await withWorkspaces(t, { stays: {}, moves: movable });
  for (const name of ['stays', 'moves'])
    await fleet.apply(name, { running: false, ...(name === 'moves' && movable) });
  for (const name of ['stays', 'moves']) await fleet.phase(name, 'Stopped');
  await drain(fleet);
  await untilDrained();
  t.equal(
    (await fleet.placements()).filter(({ spec }) => spec.nodeName === 'n1').length,
    2,
    'what is stopped stays',
  );
  const began: string[] = [];
  fleet.nodes.get('n1')?.engine.onChange((_, type) => type === 'started' && began.push(type));
  await fleet.apply('stays');
  await fleet.apply('moves', movable);
  t.match(await fleet.phase('moves', 'Running'), { status: { nodeName: 'n2' } });
  await fleet.advance(20_000);
  t.match(await fleet.workspace('stays'), {
    status: { phase: 'Stopped', nodeName: 'n1', message: /uncordon/ },
  });
  t.same(began, []);
});

t.test(
  'a drain goes on after the controller was away, and ends on a node that is lost in the middle of it',
  async t => {
    const { fleet, n1, untilDrained } = await withWorkspaces(t, { a: movable, b: movable, c: movable });
    await drain(fleet);
    await fleet.until('the first to leave', async () =>
      (await fleet.workspaces()).some(({ status }) => status?.move !== undefined),
    );
    await fleet.crash();
    await fleet.advance(30_000);
    await fleet.recover();
    n1.kill();
    await fleet.until('all to run on n2', async () =>
      (await fleet.workspaces()).every(
        ({ status }) => status?.phase === 'Running' && status.nodeName === 'n2',
      ),
    );
    await untilDrained();
    t.same(fleet.violations, []);
  },
);

const noExecute = { spec: { taints: [{ key: 'gone', effect: 'NoExecute' }] } };
const tolerating = (tolerationSeconds?: number) => ({
  tolerations: [
    {
      key: 'gone',
      operator: 'Exists' as const,
      effect: 'NoExecute' as const,
      ...(tolerationSeconds && { tolerationSeconds }),
    },
  ],
});

t.test(
  'a NoExecute taint moves what may be moved, stops the rest, and leaves alone what tolerates it',
  async t => {
    const { fleet } = await withWorkspaces(t, { a: {}, b: movable, c: { ...movable, ...tolerating() } });
    await fleet.patchNode('n1', noExecute);
    await fleet.until('it to move', async () => {
      const { status } = await fleet.workspace('b');
      return status?.phase === 'Running' && status.nodeName === 'n2';
    });
    t.match(await fleet.phase('a', 'Stopped'), {
      status: { nodeName: 'n1', message: /NoExecute taint/ },
    });
    await fleet.advance(20_000);
    t.match(await fleet.workspace('c'), { status: { phase: 'Running', nodeName: 'n1' } });
    await fleet.patchNode('n1', { spec: { taints: null } });
    t.match(await fleet.phase('a', 'Running'), { status: { nodeName: 'n1' } });
    t.same(fleet.violations, []);
  },
);

t.test(
  'what tolerates the taint for a while goes when that is over, unless the taint went before',
  async t => {
    const { fleet } = await withWorkspaces(t, {
      brief: tolerating(30),
      moves: { ...movable, ...tolerating(60) },
    });
    await fleet.patchNode('n1', noExecute);
    await fleet.advance(25_000);
    await fleet.patchNode('n1', { spec: { taints: null } });
    await fleet.advance(60_000);
    t.same(
      (await fleet.workspaces()).map(({ status }) => status?.phase),
      ['Running', 'Running'],
      'it went before',
    );
    await fleet.patchNode('n1', noExecute);
    await fleet.advance(25_000);
    t.equal((await fleet.workspace('brief')).status?.phase, 'Running', 'after 25 s');
    await fleet.advance(15_000);
    t.equal((await fleet.workspace('brief')).status?.phase, 'Stopped', 'after 40 s');
    t.match(await fleet.workspace('moves'), { status: { phase: 'Running', nodeName: 'n1' } });
    await fleet.advance(40_000);
    t.match(await fleet.workspace('moves'), { status: { phase: 'Running', nodeName: 'n2' } }, 'after 80 s');
    t.same(fleet.violations, []);
  },
);

t.test(
  'a taint without a time counts on from when it was first seen, though the controller starts anew',
  async t => {
    const { fleet } = await withWorkspaces(t, { brief: tolerating(60) });
    await fleet.patchNode('n1', noExecute);
    await fleet.advance(40_000);
    const told = () => fleet.client.get(NODE, { name: 'n1' }).then(({ status }) => status?.taintedSince);
    t.match(await told(), [{ key: 'gone', since: /^20/ }]);
    await fleet.crash();
    await fleet.recover();
    await fleet.advance(35_000);
    t.equal((await fleet.workspace('brief')).status?.phase, 'Stopped', 'after 75 s');
    await fleet.patchNode('n1', { spec: { taints: null } });
    await fleet.phase('brief', 'Running');
    await fleet.until('the time to be forgotten', async () => (await told()) === undefined);
  },
);
