import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { LEASE } from '../../crds/kinds.ts';
import { LABEL_PLACEMENT, nodeNamespace } from '../../crds/names.ts';
import type { WorkspaceSpec } from '../../crds/types.generated.ts';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { until } from '../support/until.ts';
import { upLab } from '../support/up-lab.ts';

const run = promisify(execFile);
/** Within seconds, whether anybody can be told or not. */
const REPAIRED_MS = 20_000;

const SPEC: WorkspaceSpec = {
  env: [{ name: 'TOKEN', value: 'hunter2' }],
  services: [{ name: 'web', command: 'echo run >>/tmp/runs; exec sleep 1000', port: 3000 }],
};

const engine = await findTestEngine();
const skip = 'problem' in engine && engine.problem;

t.test('a node whose server is away looks after itself', { skip }, async t => {
  if ('problem' in engine) return;
  const { docker, socketPath } = engine;
  const lab = await upLab(t, dockerByHand(engine), {
    args: ['--heartbeat=1s', '--fence-time=4s', '--node-grace=5s'],
  });
  const { up } = lab;
  await lab.converge({ shop: SPEC, lost: SPEC });
  const ssh = await lab.ssh('shop');
  const session = ssh.session();
  t.teardown(session.end);
  t.equal(await session.ask('before'), 'before');
  await (await lab.ssh('lost')).exec('echo precious >~/precious');
  const life = await lab.life('shop');
  const made = { shop: await lab.countOf('shop', 'Created'), lost: await lab.countOf('lost', 'Created') };
  const lease = await up.client.get(LEASE, { namespace: nodeNamespace(up.node), name: up.node });
  const expires = Date.parse(lease.spec?.renewTime ?? '') + (lease.spec?.leaseDurationSeconds ?? 0) * 1000;

  /** Of the engine alone, as nobody else can be asked. */
  const containerOf = async (name: string) => {
    const label = [`${LABEL_PLACEMENT}=${name}.default`, `nexus.dev/node=${up.node}`];
    const [found] = await docker.listContainers({ all: true, filters: { label } });
    return found;
  };
  const inside = async (id: string, command: string) =>
    (await run('docker', ['-H', `unix://${socketPath}`, 'exec', id, 'sh', '-c', command])).stdout.trim();
  const crash = async () => {
    const before = (await inside(life.id, 'cat /tmp/runs')).split('\n').length;
    await inside(life.id, 'kill -9 $(cut -d" " -f1 /run/nexus/units/web/pid)');
    await until(async () => (await inside(life.id, 'cat /tmp/runs')).split('\n').length > before, {
      timeoutMs: REPAIRED_MS,
      what: () => 'the crashed service to be started again',
    });
  };
  const lose = async (isWhole: (id: string) => Promise<unknown>) => {
    const old = await containerOf('lost');
    await docker.getContainer(old?.Id ?? '').remove({ force: true });
    await until(
      async () => {
        const now = await containerOf('lost');
        return (
          now && now.Id !== old?.Id && now.State === 'running' && (await isWhole(now.Id).catch(() => false))
        );
      },
      { timeoutMs: REPAIRED_MS, what: () => `another container\n${up.log().slice(-3000)}` },
    );
  };
  const parent = Number(
    readFileSync(`/proc/${up.pids().server}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[1],
  );
  const { server = 0, agent = 0 } = up.pids();
  const goOn = () => {
    for (const pid of [parent, server])
      try {
        process.kill(pid, 'SIGCONT');
      } catch {
        // It was killed.
      }
  };
  t.teardown(goOn);

  await t.test('a server that answers nobody', async t => {
    process.kill(server, 'SIGSTOP');
    await crash();
    await lose(id => inside(id, 'cat /tmp/runs'));
    const now = await containerOf('lost');
    t.equal(await inside(now?.Id ?? '', 'cat /home/dev/precious'), 'precious', 'the same volume');
    t.equal(await session.ask('hung'), 'hung');
    const checkpoint = join(up.home, 'agent', 'checkpoint.json');
    await until(() => readFileSync(checkpoint, 'utf8').includes('"ContainerMissing"'), {
      timeoutMs: REPAIRED_MS,
      what: () => 'what was done to be kept for the server',
    });
  });

  await t.test('an agent that is killed meanwhile goes on from what it remembers', async t => {
    process.kill(agent, 'SIGKILL');
    await until(() => ![undefined, agent].includes(up.pids().agent), {
      timeoutMs: REPAIRED_MS,
      what: () => 'another agent',
    });
    await lose(async () => true);
    await crash();
    t.equal(await session.ask('orphaned'), 'orphaned');
  });

  await t.test('a server that is gone', async t => {
    process.kill(parent, 'SIGSTOP');
    process.kill(server, 'SIGKILL');
    await crash();
    await until(() => Date.now() > expires, { timeoutMs: 10_000, what: () => 'the lease to expire' });
    await t.rejects(up.workspace('shop'), 'nobody answers');
    t.equal(await session.ask('gone'), 'gone');
  });

  await t.test('nothing is lost when it returns', async t => {
    goOn();
    await until(() => up.workspace('shop').catch(() => undefined), {
      timeoutMs: REPAIRED_MS,
      what: () => 'the server to answer again',
    });
    await up.untilWorkspace(
      'shop',
      'three restarts are told',
      ({ status }) => status?.services?.[0]?.restarts === 3,
      REPAIRED_MS,
    );
    const now = await containerOf('lost');
    await up.untilWorkspace(
      'lost',
      'its container is told',
      w => w.status?.containerID === now?.Id,
      REPAIRED_MS,
    );
    await Promise.all([lab.ready('shop', REPAIRED_MS), lab.ready('lost', REPAIRED_MS)]);
    t.equal(await inside(now?.Id ?? '', 'cat /tmp/runs'), 'run', 'its secrets are there again');
    await lab.untilEvent('shop', 'ServiceExited');
    await lab.untilEvent('lost', 'ContainerMissing', REPAIRED_MS, 1);
    t.same(await lab.life('shop'), life, 'the same container, never restarted');
    t.equal(await session.ask('after'), 'after');
    for (const name of ['shop', 'lost'] as const) t.equal(await lab.countOf(name, 'Created'), made[name]);
    t.equal((await lab.leftovers()).length, 4, 'two containers and two volumes');
  });
});
