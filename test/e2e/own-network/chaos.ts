import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace, WorkspaceSpec } from '../../../crds/types.generated.ts';
import { USER_KEY } from '../../support/agent-data.ts';
import { faultsOf } from '../../support/chaos/faults.ts';
import { chaosFleet } from '../../support/chaos/fleet.ts';
import { People } from '../../support/chaos/people.ts';
import { sshOptions } from '../../support/chaos/session.ts';
import { storm } from '../../support/chaos/storm.ts';
import { randomFrom, testSeed } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { isReady } from '../../support/up-lab.ts';

const DURATION_MS = Number(process.env.NEXUS_TEST_CHAOS_SECONDS ?? 90) * 1000;
const SETTLED_MS = 120_000;
t.setTimeout(DURATION_MS + 400_000);

const run = promisify(execFile);
const seed = testSeed();
t.comment(`seed ${seed} (NEXUS_TEST_SEED repeats its draws)`);

t.test('five nodes in a storm of failures', async t => {
  const random = randomFrom(seed);
  const fleet = await chaosFleet(t);
  const { nodes, client, history, sessions, controller } = fleet;
  const people = new People(client);
  const images = new Map(await Promise.all(nodes.map(async one => [one.driver, await one.image()] as const)));
  const spec = (driver: 'docker' | 'lxc' | 'memory', onNodeLoss: WorkspaceSpec['onNodeLoss']) => ({
    driver,
    image: images.get(driver) ?? '',
    onNodeLoss,
    env: [{ name: 'GREETING', value: 'hello' }],
    ssh: { authorizedKeys: [USER_KEY.publicKey] },
    services: [{ name: 'loop', command: 'while :; do sleep 1; done' }],
  });

  const workspaces = async () => (await client.list<Workspace>(WORKSPACE, { namespace: 'default' })).items;
  const isAsDeclared = (workspace: Workspace) =>
    people.declared.get(workspace.metadata.name)?.spec.running === false
      ? workspace.status?.phase === 'Stopped' &&
        workspace.status.observedGeneration === workspace.metadata.generation
      : isReady(workspace);
  const logs = () =>
    [...nodes, { name: 'controller', log: () => controller.log() }]
      .map(one => `== ${one.name}\n${one.log().slice(-3000)}`)
      .join('\n');
  const untilAsDeclared = async (timeoutMs: number) =>
    until(
      async () => {
        const all = await workspaces();
        return all.length === people.declared.size && all.every(isAsDeclared) && all;
      },
      {
        timeoutMs,
        everyMs: 500,
        what: () => `everything to be as declared (seed ${seed})`,
      },
    ).catch(async error => {
      const not = (await workspaces()).filter(one => !isAsDeclared(one));
      t.comment(logs());
      throw new Error(
        `${error.message}: ${JSON.stringify(
          not.map(({ metadata, status }) => [metadata.name, status]),
          null,
          1,
        )}`,
      );
    });

  for (const driver of ['docker', 'lxc', 'memory'] as const)
    for (let i = 0; i < (driver === 'lxc' ? 1 : 2); i++) {
      await people.declare(`${driver}-waits${i}`, spec(driver, 'Wait'));
      await people.declare(`${driver}-moves${i}`, spec(driver, 'Reschedule'));
    }
  const before = await untilAsDeclared(120_000);
  const nodeOf = (all: Workspace[], name: string) =>
    all.find(({ metadata }) => metadata.name === name)?.status?.nodeName;
  t.same(
    [...new Set(before.map(({ status }) => status?.nodeName))].sort(),
    nodes.map(({ name }) => name),
    'workspaces spread over all nodes',
  );
  await sessions.openMissing();
  t.equal(sessions.all.length, 12, 'two sessions in each workspace that has an sshd');
  t.same(await sessions.broken(), [], 'all are answered');

  const faults = faultsOf(nodes, controller, fleet);
  await storm({
    faults,
    random,
    durationMs: DURATION_MS,
    say: line => t.comment(line),
    onFault: fault => sessions.harmed(fault),
    onMended: fault => sessions.mended(fault),
    async onMoment() {
      if (random() < 0.3) {
        const drivers = ['docker', 'memory'] as const;
        const another = () => spec(drivers[Math.floor(random() * 2)] ?? 'memory', 'Reschedule');
        const name = await people.changeSomething(random, another);
        sessions.changed(name);
      }
      await sessions.openMissing().catch(() => {});
    },
  });
  const storming = performance.now();
  const after = await untilAsDeclared(SETTLED_MS);
  t.comment(`settled ${Math.round(performance.now() - storming)} ms after the storm`);

  await t.test('nothing ran twice', async t => {
    t.ok(history.count >= 8, `${history.count} starts were seen`);
    t.same(history.overlaps(), [], 'no workspace ran on two nodes at once');
  });

  await t.test('every session that had no reason to break is open', async t => {
    const excused = sessions.all.filter(({ excuse }) => excuse);
    const stayed = excused.filter(({ closedAt }) => closedAt === undefined);
    t.comment(
      `${sessions.all.length} sessions, ${excused.length} with a reason to break; of them ${stayed.length} are open`,
    );
    t.ok(sessions.all.length > excused.length, 'some had none');
    t.same(await sessions.broken(), [], 'those that closed or are not answered');
  });

  await t.test('nothing is lost: what a session was told to be kept is in the home', async t => {
    const waiting = after.filter(({ spec }) => spec.driver !== 'memory' && spec.onNodeLoss !== 'Reschedule');
    for (const workspace of waiting.filter(isReady)) {
      const { name } = workspace.metadata;
      t.equal(nodeOf(after, name), nodeOf(before, name), `${name} did not move`);
      const options = sshOptions({ ...sessions.options, workspace, way: 'direct' });
      const { stdout } = await run('ssh', [...options, 'cat ~/told'], { timeout: 20_000 });
      const there = new Set(stdout.trim().split('\n'));
      const kept = sessions.all.filter(one => one.name === name).flatMap(one => one.kept);
      t.ok(kept.length > 0, `${name} was told something`);
      t.same(
        kept.filter(line => !there.has(line)),
        [],
        `${kept.length} lines in ${name}`,
      );
    }
  });

  await t.test('on the engines there is what is declared, once', async t => {
    const declared = after
      .map(({ metadata, status }) => `${metadata.uid} ${status?.nodeName} ${status?.phase === 'Running'}`)
      .sort();
    const found = async () =>
      (
        await Promise.all(
          nodes.map(async node =>
            (await node.instances()).map(({ uid, isRunning }) => `${uid} ${node.name} ${isRunning}`),
          ),
        )
      )
        .flat()
        .sort();
    let last: string[] = [];
    const isSame = async () => {
      last = await found();
      return last.join() === declared.join();
    };
    await until(isSame, { timeoutMs: 40_000, everyMs: 500, what: () => 'engines as declared' }).catch(
      () => {},
    );
    t.same(last, declared, 'workspace, node, whether it runs');
    for (const node of nodes) {
      const volumes = (await node.volumes()).map(({ uid }) => uid);
      for (const { metadata, status, spec } of after)
        if (spec.onNodeLoss !== 'Reschedule' && status?.nodeName === node.name)
          t.ok(volumes.includes(metadata.uid ?? ''), `the volume of ${metadata.name} is on ${node.name}`);
    }
  });
});
