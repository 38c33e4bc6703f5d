import t from 'tap';
import { WORKSPACE } from '../../../crds/kinds.ts';
import { Fleet } from '../../support/fleet-lab.ts';
import { World } from './world.ts';

const SPEC = {
  services: [{ name: 'web', command: 'x', port: 3000 }],
  ports: [{ name: 'debug', port: 9229 }],
};

t.test(
  'a hundred workspaces settle to no write at all, each with few, and no port is given twice',
  async t => {
    const world = await World.start();
    t.teardown(() => world.close());
    for (const node of ['n1', 'n2', 'n3']) await world.addAgent(node);
    const names = Array.from({ length: 100 }, (_, i) => `w${i}`);
    await Promise.all(names.map(name => world.apply(name, SPEC)));
    for (const name of names) await world.phase(name, 'Running');
    const count = await world.settled();
    const perWorkspace =
      world.writes.filter(write => !/events|nodes|namespaces\?|nodes\/n/.test(write)).length / 100;
    t.ok(perWorkspace <= 8, `${perWorkspace} writes a workspace`);

    const placements = await world.placements();
    t.equal(placements.length, 100);
    const ports = placements.flatMap(({ spec }) =>
      [spec.ssh.port, ...(spec.forwards ?? []).map(f => f.hostPort)].map(port => `${spec.nodeName}:${port}`),
    );
    t.equal(new Set(ports).size, 300);
    const spread = Map.groupBy(placements, ({ spec }) => spec.nodeName);
    for (const [node, there] of spread) t.ok(there.length >= 30, `${node} has its share`);

    t.test('leases are renewed and nothing is written', async t => {
      t.equal(await world.settled(2500), count);
    });

    t.test('an apply of the same again causes no write', async t => {
      await Promise.all(names.map(name => world.apply(name, SPEC)));
      t.equal(await world.settled(), count);
    });

    t.test('a controller that starts anew finds everything as it should be', async t => {
      await world.stopController();
      await world.startController();
      t.equal(await world.settled(), count);
      t.same(
        (await world.placements()).map(p => p.metadata.resourceVersion),
        placements.map(p => p.metadata.resourceVersion),
      );
    });
  },
);

t.test(
  'a controller killed again and again converges all the same, without an orphan or a duplicate',
  async t => {
    const world = await World.start();
    t.teardown(() => world.close());
    const agents = [await world.addAgent('n1'), await world.addAgent('n2')];
    let seed = 42;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    const names = Array.from({ length: 20 }, (_, i) => `w${i}`);
    for (let round = 0; round < 10; round++) {
      for (const name of names) {
        const draw = random();
        if (draw < 0.4) await world.apply(name, { ...SPEC, running: random() < 0.7 });
        else if (draw < 0.55)
          await world.client.delete(WORKSPACE, { name, namespace: 'default' }).catch(() => {});
      }
      // In the middle of a write: the request is made, and its answer is never heard.
      const until = world.writes.length + Math.floor(random() * 40);
      await world.eventually(
        async () => world.writes.length >= until || (await world.settled(150).catch(() => 0)) >= 0,
      );
      await world.stopController();
      await world.startController();
    }
    for (const name of names) {
      const workspace = await world.workspace(name);
      if (!workspace) continue;
      if (workspace.metadata.deletionTimestamp) await world.gone(name);
      else await world.phase(name, workspace.spec.running === false ? 'Stopped' : 'Running');
    }
    await world.settled();
    const left = (await world.client.list(WORKSPACE)).items;
    const placements = await world.placements();
    const uids = new Set(left.map(workspace => workspace.metadata.uid));
    for (const { spec } of placements) t.ok(uids.has(spec.workspace.uid), `${spec.workspace.name} is wanted`);
    t.equal(new Set(placements.map(({ spec }) => spec.workspace.uid)).size, placements.length);
    const ports = placements.flatMap(({ spec }) =>
      [spec.ssh.port, ...(spec.forwards ?? []).map(f => f.hostPort)].map(port => `${spec.nodeName}:${port}`),
    );
    t.equal(new Set(ports).size, ports.length);
    for (const agent of agents)
      for (const [name, container] of agent.containers) t.ok(uids.has(container.uid), `${name} is wanted`);
  },
);

t.test('answers that are lost and refusals lead to nothing double', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  await world.addAgent('n1');
  await world.addAgent('n2');
  let count = 0;
  world.fault = write => {
    if (write.includes('/events')) return undefined;
    return (['unanswered', undefined, undefined, 'unheard', undefined] as const)[count++ % 5];
  };
  const names = Array.from({ length: 10 }, (_, i) => `w${i}`);
  await Promise.all(names.map(name => world.apply(name, SPEC)));
  for (const name of names) await world.phase(name, 'Running');
  const placements = await world.placements();
  t.equal(placements.length, 10);
  await Promise.all(names.map(name => world.client.delete(WORKSPACE, { name, namespace: 'default' })));
  for (const name of names) await world.gone(name);
  t.same(await world.placements(), []);
});

t.test('at rest heartbeats alone go to the server, and hardly anything is looked at again', async t => {
  const fleet = await Fleet.open(t, ['n1', 'n2']);
  const names = ['w1', 'w2', 'w3', 'w4'];
  for (const name of names) await fleet.apply(name, SPEC);
  for (const name of names) await fleet.phase(name, 'Running');
  // Agents tell of the images that they got within half a minute.
  await fleet.advance(45_000);

  const before = await counted(fleet);
  const MINUTES = 5;
  await fleet.advance(MINUTES * 60_000);
  const after = await counted(fleet);
  const since = (pattern: RegExp) =>
    [...after].flatMap(([name, count]) => {
      const more = count - (before.get(name) ?? 0);
      return pattern.test(name) && more > 0 ? [{ name, more }] : [];
    });
  const sum = (pattern: RegExp) => since(pattern).reduce((total, { more }) => total + more, 0);

  const heartbeats = sum(/^apiserver_request_total.*"patch".*"leases"/);
  t.ok(heartbeats >= 2 * 6 * (MINUTES - 1), `${heartbeats} heartbeats`);
  // The scrapes are this test's own.
  const others = since(/^apiserver_request_total(?!.*"leases")(?!.*verb="get".*resource="")/);
  t.same(others, [], 'no list, no watch, no write but heartbeats');
  t.same(since(/^nexus_reconcile_total.*"workspace"/), [], 'no workspace is looked at');
  // Again when the heartbeat that it saw last runs out: after more than half a minute.
  t.ok(
    sum(/^nexus_reconcile_total.*"node"/) <= 2 * 2 * MINUTES,
    'a node is looked at twice a minute at most',
  );
});

/** What server and reconcilers counted so far, by name and labels. */
async function counted(fleet: Fleet): Promise<Map<string, number>> {
  const { text } = await fleet.client.raw('GET', '/metrics');
  const lines = `${text}\n${await fleet.metrics.text()}`.matchAll(/^(\w+_total\{[^}]*\}) (\d+)$/gm);
  return new Map([...lines].map(([, name = '', count]) => [name, Number(count)]));
}
