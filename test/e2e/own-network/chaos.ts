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
import { shuffled, storm } from '../../support/chaos/storm.ts';
import { randomFrom, testSeed } from '../../support/random.ts';
import { patience, until } from '../../support/until.ts';
import { isReady } from '../../support/up-lab.ts';

const DURATION_MS = Number(process.env.NEXUS_TEST_CHAOS_SECONDS ?? 75) * 1000;
const SETTLED_MS = 120_000;
/** The longest of these is the keepalive of an uplink. */
const LONG_MS = 15_000;
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
    services: [{ name: 'loop', command: 'exec sleep 1000' }],
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

  const DECLARED = { docker: [3, 1], lxc: [1, 1], memory: [2, 2] } as const;
  for (const driver of ['docker', 'lxc', 'memory'] as const) {
    const [waits, moves] = DECLARED[driver];
    for (let i = 0; i < waits; i++) await people.declare(`${driver}-waits${i}`, spec(driver, 'Wait'));
    for (let i = 0; i < moves; i++) await people.declare(`${driver}-moves${i}`, spec(driver, 'Reschedule'));
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
  // What has sessions is harmed one after the other, and the controller in the second turn: so many of them have no reason to
  // break for long, and hold while everything beside them does.
  const inTurn = shuffled(
    nodes.filter(({ driver }) => driver !== 'memory').map(({ name }) => name),
    random,
  );
  // Its own come as often as those of the nodes that always may.
  const often = faults.filter(({ node }) => node !== undefined && inTurn.includes(node));
  await storm({
    faults: [...faults, ...often, ...often],
    random,
    durationMs: DURATION_MS,
    say: line => t.comment(line),
    mayBegin({ node }, over) {
      const turn = Math.min(Math.floor(over * inTurn.length), inTurn.length - 1);
      if (node === undefined) return turn === 1;
      return node === inTurn[turn] || !inTurn.includes(node);
    },
    onFault: fault => sessions.harmed(fault),
    onMended: fault => sessions.mended(fault),
    async onMoment() {
      if (random() < 0.3) {
        const drivers = ['docker', 'memory'] as const;
        const another = () => spec(drivers[Math.floor(random() * 2)] ?? 'memory', 'Reschedule');
        await people.changeSomething(random, another, name => sessions.ended(name));
      }
      await sessions.openMissing().catch(() => {});
    },
  });
  const storming = performance.now();
  const after = await untilAsDeclared(SETTLED_MS);
  t.comment(`settled ${Math.round(performance.now() - storming)} ms after the storm`);

  await t.test('nothing ran twice', async t => {
    for (const { name } of nodes)
      t.ok(history.countOn(name) > 0, `${history.countOn(name)} starts on ${name}`);
    t.same(history.overlaps(), [], 'no workspace ran on two nodes at once');
  });

  await t.test('every session is open and answered until it has a reason to break', async t => {
    t.same(await sessions.broken(), [], 'those that closed or were not answered before they had one');
    const calm = sessions.all.map(({ calmMs }) => calmMs);
    const long = calm.filter(ms => ms >= LONG_MS);
    const none = sessions.all.filter(({ excuse }) => !excuse);
    const seconds = Math.round(calm.reduce((sum, ms) => sum + ms, 0) / 1000);
    t.comment(
      `${calm.length} sessions without a reason to break for ${seconds} s together: ${long.length} for ${LONG_MS / 1000} s and more, ${none.length} to the end`,
    );
    t.ok(long.length >= 3, 'some had none for longer than a dead peer, a lease and a fence take');
  });

  await t.test('nothing is lost: what a session was told to be kept is in the home', async t => {
    const waiting = after.filter(({ spec }) => spec.driver !== 'memory' && spec.onNodeLoss !== 'Reschedule');
    for (const workspace of waiting.filter(isReady)) {
      const { name } = workspace.metadata;
      t.equal(nodeOf(after, name), nodeOf(before, name), `${name} did not move`);
      const options = sshOptions({ ...sessions.options, workspace, way: 'direct' });
      // A node that comes back at the very end is told of as it was, until its agent has looked.
      const told = await until(
        () => run('ssh', [...options, 'cat ~/told'], { timeout: patience(60_000) }).catch(() => undefined),
        {
          timeoutMs: 40_000,
          everyMs: 500,
          what: () => `${name} to let people in`,
        },
      );
      const there = new Set(told.stdout.trim().split('\n'));
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
