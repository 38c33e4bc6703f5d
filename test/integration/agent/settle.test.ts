import t from 'tap';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';
import { until } from '../../support/until.ts';

const COUNT = 100;

t.test('a hundred placements settle to no write and no change on the engine', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = t.testdir({});
  const agent = node.start({ home });
  const names = Array.from({ length: COUNT }, (_, i) => `ws${i}`);
  await Promise.all(
    names.map((name, i) =>
      lab.place(name, {
        ssh: { port: 2222 + i },
        services: [{ name: 'web', command: 'web', port: 3000, healthCheck: { http: { path: '/' } } }],
        forwards: [{ name: 'web', port: 3000, hostPort: 23000 + i, exposure: 'Private' }],
      }),
    ),
  );
  for (const name of names) await lab.ready(name, 40_000);
  const { engine } = node;
  /** What was written and changed by the time that nothing is for half a second. */
  const quiet = async () => {
    let last = '';
    let same = 0;
    await until(
      () => {
        const now = `${lab.writes.length} ${engine.changes}`;
        same = now === last ? same + 1 : 0;
        last = now;
        return same >= 10;
      },
      { timeoutMs: 20_000, what: () => 'quiet' },
    );
    return { writes: lab.writes.length, changes: engine.changes };
  };
  const settled = await quiet();
  t.equal(engine.instances.size, COUNT);
  t.ok(settled.writes / COUNT < 14, `${settled.writes / COUNT} writes a placement, events included`);

  await t.test('a resync of everything changes nothing', async t => {
    const lists = engine.calls.get('list') ?? 0;
    await agent.stop();
    const again = node.start({ home, resync: 1_000 });
    await again.ready;
    // Two rounds of looking at everything.
    await until(() => (engine.calls.get('list') ?? 0) > lists + 3, {
      timeoutMs: 10_000,
      what: () => 'the engine to be looked at again',
    });
    t.same(await quiet(), settled, 'nor does a restart of the agent');
    await again.stop();
  });
});

t.test('a slow pull delays no other placement, and the pulls of one image are one', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start({ agentWorkers: 2 });
  node.engine.delay('pull', 600_000, 4);
  for (let i = 0; i < 4; i++) await lab.place(`slow${i}`, { image: `slow:${i}`, ssh: { port: 2300 + i } });
  for (let i = 0; i < 4; i++) await lab.untilReason(`slow${i}`, 'ImageReady', 'PullingImage');
  await lab.place('quick');
  await lab.ready('quick', 5_000);
});
