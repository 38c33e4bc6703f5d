import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Reason } from '../../crds/vocabulary.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { until } from '../support/until.ts';
import { upLab, webServer } from '../support/up-lab.ts';

const run = promisify(execFile);
const notRoot = process.getuid?.() === 0 ? false : 'it is harm that only root can do';
/** Within seconds. */
const REPAIRED_MS = 15_000;

t.setTimeout(590_000);

await onEachEngine(t, 'what is broken by hand is repaired unasked and told', { test });

async function test(t: Test, engine: EngineByHand): Promise<void> {
  const lab = await upLab(t, engine);
  const { up } = lab;
  await lab.converge({
    shop: {
      services: [
        { name: 'web', command: webServer(3000, 'one'), port: 3000, healthCheck: { http: { path: '/' } } },
        { name: 'worker', command: 'exec sleep 1000' },
      ],
    },
  });
  const ssh = await lab.ssh('shop');
  await ssh.exec('echo precious > ~/precious; echo outside | sudo tee /opt/outside');

  /** Breaks something; waits until it is told and everything works again. */
  const heals = async (reason: Reason, harm: () => Promise<unknown>) => {
    const before = await lab.countOf('shop', reason);
    await harm();
    await lab.untilEvent('shop', reason, REPAIRED_MS, before);
    await lab.ready('shop', REPAIRED_MS);
    await ssh.untilLogin(REPAIRED_MS);
    const { status } = await up.workspace('shop');
    const hostPort = status?.services?.find(({ name }) => name === 'web')?.hostPort;
    const look = () =>
      fetch(`http://127.0.0.1:${hostPort}/`)
        .then(answer => answer.text())
        .catch(() => undefined);
    await until(look, { timeoutMs: REPAIRED_MS, what: () => `the service on port ${hostPort}` });
  };
  const sameContainer = async (t: Test, life: { id: string; startedAt: string }) =>
    t.same(await lab.life('shop'), life, 'in the same container, without a restart');
  const pidOf = async (name: string) =>
    (await lab.root('shop', `cat /run/nexus/units/${name}/pid`)).split(' ')[0];

  await t.test('an authorised-keys file that was edited', async t => {
    const life = await lab.life('shop');
    const file = '/opt/nexus/etc/authorized_keys';
    await heals('KeysRestored', () => lab.root('shop', `echo "ssh-ed25519 AAAA intruder" >> ${file}`));
    t.notMatch(await lab.root('shop', `cat ${file}`), 'intruder');
    const removed = await lab.countOf('shop', 'KeysRestored');
    await lab.root('shop', `rm ${file}`);
    await lab.untilEvent('shop', 'KeysRestored', REPAIRED_MS, removed);
    await ssh.untilLogin(15_000);
    await sameContainer(t, life);
  });

  await t.test('sshd that was killed', async t => {
    const life = await lab.life('shop');
    const session = ssh.session();
    t.teardown(session.end);
    t.equal(await session.ask('before'), 'before');
    const listener = await pidOf('_sshd');
    await heals('SSHRestarted', () => lab.root('shop', `kill -9 ${listener}`));
    t.not(await pidOf('_sshd'), listener);
    t.equal(await session.ask('after'), 'after', 'open sessions have processes of their own');
    await sameContainer(t, life);
  });

  await t.test('a service that was killed', async t => {
    const life = await lab.life('shop');
    const [web, worker] = [await pidOf('web'), await pidOf('worker')];
    await heals('ServiceExited', () => lab.root('shop', `kill -9 ${web}`));
    t.not(await pidOf('web'), web);
    t.equal(await pidOf('worker'), worker, 'the other one is left alone');
    t.match((await up.workspace('shop')).status?.services, [{ name: 'web', restarts: 1 }, { restarts: 0 }]);
    await sameContainer(t, life);
  });

  await t.test('the supervisor of the inside that was killed', async t => {
    const life = await lab.life('shop');
    const pids = [await pidOf('web'), await pidOf('worker'), await pidOf('_sshd')];
    await heals('SupervisorRestarted', () =>
      lab.root('shop', 'kill -9 $(cut -d" " -f1 /run/nexus/supervisor.pid)'),
    );
    t.same([await pidOf('web'), await pidOf('worker'), await pidOf('_sshd')], pids, 'all went on');
    await sameContainer(t, life);
  });

  await t.test('an instance that was stopped', async t => {
    const { id } = await lab.life('shop');
    await heals('ContainerDied', () => engine.stop(id));
    t.equal((await lab.life('shop')).id, id);
    t.equal(await ssh.exec('cat /opt/outside ~/precious'), 'outside\nprecious');
  });

  await t.test('an instance that was killed', async t => {
    const { id } = await lab.life('shop');
    await heals('ContainerDied', () => engine.kill(id));
    t.equal((await lab.life('shop')).id, id);
  });

  await t.test('an instance that was removed', async t => {
    const { id } = await lab.life('shop');
    await heals('ContainerMissing', () => engine.remove(id));
    t.not((await lab.life('shop')).id, id);
    t.equal(await ssh.exec('cat ~/precious'), 'precious', 'the same volume, and the same host key');
  });

  await t.test('a container made by hand in its place, without the mount of its volume', async t => {
    const { id } = await lab.life('shop');
    const { agent } = up.pids();
    await heals('ContainerRecreated', async () => {
      // The agent is held still, or it would be there first.
      process.kill(agent ?? 0, 'SIGSTOP');
      await engine.replace(id).finally(() => process.kill(agent ?? 0, 'SIGCONT'));
    });
    t.equal(await ssh.exec('cat ~/precious'), 'precious');
    t.equal((await lab.leftovers()).length, 2, 'a container and a volume');
  });

  await t.test('a volume that was removed together with its container', async t => {
    const { id } = await lab.life('shop');
    const { name = '' } = (await lab.look('shop')).volume ?? {};
    const { agent } = up.pids();
    await heals('VolumeLost', async () => {
      process.kill(agent ?? 0, 'SIGSTOP');
      try {
        await engine.remove(id);
        await engine.removeVolume(name);
      } finally {
        process.kill(agent ?? 0, 'SIGCONT');
      }
    });
    t.equal(await ssh.exec('ls ~/precious || echo gone'), 'gone');
    t.equal(await engine.hasVolume(name), true);
  });

  await t.test('the home volume unmounted under a running container', { skip: notRoot }, async t => {
    await ssh.exec('echo precious > ~/precious; echo outside | sudo tee /opt/outside');
    const { id } = await lab.life('shop');
    await heals('VolumeRemounted', async () => {
      await engine.unmountHome(id);
      t.equal(await lab.root('shop', 'cat /home/dev/precious || echo gone'), 'gone', 'the harm is done');
    });
    t.equal((await lab.life('shop')).id, id, 'the same container, started again');
    t.equal(await ssh.exec('cat ~/precious /opt/outside'), 'precious\noutside');
  });

  const noFolder = engine.driver === 'lxc' && 'LXD makes a folder that nobody may use: see the last one';
  await t.test('the folder of the volume removed on the node', { skip: notRoot || noFolder }, async t => {
    const { folder = '' } = (await lab.look('shop')).volume ?? {};
    t.equal(existsSync(folder), true);
    await heals('VolumeLost', () => rm(folder, { recursive: true }));
    t.equal(await ssh.exec('touch ~/new; ls ~'), 'new', 'what was lost is lost; it works again');
    t.equal((await lab.leftovers()).length, 2, 'a container and a volume');
  });

  await t.test('a container that was removed while agent and server were killed', async t => {
    const { id } = await lab.life('shop');
    const made = await lab.countOf('shop', 'Created');
    await heals('ContainerMissing', async () => {
      const { server, agent } = up.pids();
      process.kill(server ?? 0, 'SIGKILL');
      process.kill(agent ?? 0, 'SIGKILL');
      await engine.remove(id);
    });
    t.equal(await lab.countOf('shop', 'Created'), made, 'which is not told as something new');
  });

  if (engine.driver === 'lxc')
    await t.test('a subvolume removed on the node: a delete tells what helps', { skip: notRoot }, async t => {
      const { folder = '' } = (await lab.look('shop')).volume ?? {};
      const before = await lab.countOf('shop', 'VolumeRemounted');
      await rm(folder, { recursive: true });
      await lab.untilEvent('shop', 'VolumeRemounted', REPAIRED_MS, before);
      t.equal((await up.cli(['delete', 'ws', 'shop', '--no-wait'])).code, 0);
      const command = /run on the node: (rm -r .* && btrfs subvolume create \S+)\. /;
      const told = ({ status }: Workspace) => command.exec(condition(status, 'ContainerReady'))?.[1];
      const workspace = await up.untilWorkspace('shop', 'tells what to do', one => told(one) !== undefined);
      await run('sh', ['-c', told(workspace) ?? 'false']);
      await until(async () => (await lab.leftovers()).length === 0, {
        timeoutMs: 40_000,
        what: () => `nothing to be left\n${up.log().slice(-2000)}`,
      });
    });
  else await lab.remove('shop');
  t.same(await lab.leftovers(), []);
}

function condition(status: Workspace['status'], type: string): string {
  return status?.conditions?.find(one => one.type === type)?.message ?? '';
}
