import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { PLACEMENT, SECRET, WORKSPACE } from '../../crds/kinds.ts';
import { nodeNamespace } from '../../crds/names.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { type NexusUp, nexusUp } from '../support/nexus-up.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { tellWhenFailed } from '../support/tell-when-failed.ts';
import { until } from '../support/until.ts';

/** Of each lane; lanes run side by side, each with a server, an agent and a node of its own. LXD takes longer. */
const ROUNDS: Partial<Record<EngineByHand['driver'], number[]>> = { docker: [26, 24], lxc: [9] };
const WINDOW_MS = 1500;
/** Any run can be repeated: the moments are drawn from this. */
const SEED = testSeed();

const manifest = (name: string, image: string, greeting: string) => `
apiVersion: nexus.dev/v1alpha1
kind: Workspace
metadata: {name: ${name}, namespace: default}
spec:
  image: "${image}"
  env: [{name: GREETING, value: "${greeting}"}]
  services: [{name: loop, command: "exec sleep 1000"}]
`;

t.setTimeout(600_000);

await onEachEngine(
  t,
  'server, agent or both killed at any moment of create, update and delete: it converges, nothing doubled or left',
  { test },
);

async function test(t: Test, engine: EngineByHand): Promise<void> {
  t.comment(`seed ${SEED} (NEXUS_TEST_SEED repeats it)`);
  const image = await engine.image();
  const lanes = ROUNDS[engine.driver] ?? [];
  await Promise.all(
    lanes.map((rounds, i) => lane(t, { engine, image, rounds, random: randomFrom(SEED + i) })),
  );
}

interface Lane {
  engine: EngineByHand;
  image: string;
  rounds: number;
  random: () => number;
}

async function lane(t: Test, { engine, image, rounds, random }: Lane): Promise<void> {
  const up = await nexusUp({ engine });
  t.teardown(() => up.destroy());
  tellWhenFailed(t, () => ({ client: up.client, logs: { 'nexus up': up.log } }));

  const kill = () => {
    const { server, agent } = up.pids();
    const victims = [[server], [agent], [server, agent]][Math.floor(random() * 3)] ?? [];
    for (const pid of victims) if (pid) process.kill(pid, 'SIGKILL');
  };
  /** Runs `change` and kills at a random moment of what it sets off; then does what a person would: asks again. */
  const disturbed = async (change: () => Promise<unknown>) => {
    const moment = random() * WINDOW_MS;
    const changed = change().catch(() => {});
    await pause(moment);
    kill();
    await changed;
    await until(
      async () => {
        try {
          await change();
          return true;
        } catch {
          return false;
        }
      },
      { timeoutMs: 30_000, everyMs: 200, what: () => 'the server to take the change again' },
    );
  };
  const apply = async (name: string, greeting: string) => {
    const { code, stderr } = await up.apply(manifest(name, image, greeting));
    if (code !== 0) throw new Error(stderr);
  };

  for (let round = 0, name = ''; round < rounds; round++) {
    const step = round % 3;
    if (step === 0) name = `k${round}`;
    if (step === 2) {
      await disturbed(() => up.client.delete(WORKSPACE, { name, namespace: 'default' }).catch(ignoreMissing));
      await until(
        async () =>
          (await engine.instances(up.node)).length === 0 && (await engine.volumes(up.node)).length === 0,
        {
          timeoutMs: 60_000,
          everyMs: 250,
          what: () => `nothing to be left of ${name} (round ${round})`,
        },
      );
      await until(async () => (await leftInApi(up)) === '', {
        timeoutMs: 30_000,
        everyMs: 250,
        what: () => `the API to forget ${name} (round ${round})`,
      });
      continue;
    }
    const greeting = `round ${round}`;
    await disturbed(() => apply(name, greeting));
    await up.untilWorkspace(
      name,
      `ready after round ${round} (seed ${SEED})`,
      w =>
        w.status?.observedGeneration === w.metadata.generation &&
        (w.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True') ?? false),
      60_000,
    );
    const found = await engine.instances(up.node);
    t.equal(found.length, 1, `round ${round}: one container`);
  }
  t.equal((await engine.volumes(up.node)).length, rounds % 3 === 0 ? 0 : 1);
}

function ignoreMissing(error: { reason?: string }): void {
  if (error.reason !== 'NotFound') throw error;
}

/** What is left of workspaces in the API, for people. */
async function leftInApi(up: NexusUp): Promise<string> {
  const namespace = nodeNamespace(up.node);
  const [workspaces, placements, ours, copies] = await Promise.all([
    up.client.list(WORKSPACE),
    up.client.list(PLACEMENT),
    up.client.list(SECRET, { namespace: 'default' }),
    up.client.list(SECRET, { namespace }),
  ]);
  return [...workspaces.items, ...placements.items, ...ours.items, ...copies.items]
    .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    .join(' ');
}
