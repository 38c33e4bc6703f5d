import t, { type Test } from 'tap';
import { SECRET } from '../../crds/kinds.ts';
import type { WorkspaceStatus } from '../../crds/types.generated.ts';
import { agentAlone } from '../support/agent-alone.ts';
import { lxdByHand } from '../support/lxd-by-hand.ts';
import { noLxd, startLxd } from '../support/lxd-lab.ts';
import { until } from '../support/until.ts';
import { upLab } from '../support/up-lab.ts';

/** Within seconds. */
const BACK_MS = 30_000;
t.setTimeout(590_000);

/** Tells a Secret: without it there is no service. */
const TELL_TOKEN = `exec python3 -c "
import os, socket
s = socket.create_server(('127.0.0.1', 3000))
while True:
  c, _ = s.accept(); c.sendall(os.environ['TOKEN'].encode()); c.close()
"`;

t.test('an LXD that is restarted, killed or shut down with its machine', { skip: noLxd() }, async t => {
  const lxd = await startLxd(t);
  // Else it waits for minutes for what an agent runs in instances.
  await lxd.lxc('config', 'set', 'core.shutdown_timeout=0');
  const lab = await upLab(t, lxdByHand(lxd));
  const { up } = lab;
  await up.client.create(SECRET, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'shop', namespace: 'default' },
    stringData: { token: 'hunter2' },
  });
  const shop = {
    env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'shop', key: 'token' } } }],
    services: [
      { name: 'web', command: TELL_TOKEN, port: 3000, healthCheck: { tcp: {}, intervalSeconds: 1 } },
    ],
  };
  await lab.converge({ shop, idle: {} });
  await up.cli(['stop', 'idle']);
  await up.untilWorkspace('idle', 'is stopped', ({ status }) => status?.phase === 'Stopped');
  const ssh = await lab.ssh('shop');
  await ssh.exec('echo precious > ~/precious; echo outside | sudo tee /opt/outside; sync');
  const before = await lab.life('shop');

  const isAsBefore = async (t: Test) => {
    await lab.ready('shop', BACK_MS);
    t.equal(await ssh.exec('echo $TOKEN; cat ~/precious /opt/outside'), 'hunter2\nprecious\noutside');
    t.match((await up.workspace('shop')).status?.services, [{ state: 'Running', health: 'Healthy' }]);
    t.match((await up.workspace('idle')).status, { phase: 'Stopped' }, 'what was stopped stays stopped');
    t.equal((await lab.look('idle')).isRunning, false);
    t.equal((await lab.leftovers()).length, 4, 'nothing doubled: two instances and their volumes');
  };

  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    await t.test(`the daemon ended by ${signal}: workspaces go on, unknown until it is back`, async t => {
      const session = ssh.session();
      t.teardown(session.end);
      t.equal(await session.ask('before'), 'before');
      await lxd.stop(signal);
      const { status } = await up.untilWorkspace(
        'shop',
        'is unknown',
        ({ status }) => status?.phase === 'Unknown',
        BACK_MS,
      );
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      t.match(ready, { status: 'Unknown', reason: 'DriverUnavailable' });
      t.equal(await session.ask('meanwhile'), 'meanwhile', 'sessions pass neither the agent nor the daemon');
      t.equal(await ssh.exec('echo new'), 'new', 'nor do new ones');
      await lxd.start();
      await isAsBefore(t);
      t.equal(await session.ask('after'), 'after');
      t.same(await lab.life('shop'), before, 'never restarted');
    });

  await t.test('the machine shut down and started: everything comes back by itself', async t => {
    const died = await lab.countOf('shop', 'ContainerDied');
    const since = (await up.workspace('shop')).status?.services?.[0]?.since;
    await up.kill();
    await lxd.stop('SIGPWR');
    await lxd.start();
    const cameUp = async () => (await lab.engine.look(before.id))?.isRunning;
    await until(cameUp, { timeoutMs: BACK_MS, what: () => 'LXD to start what ran' });
    const stop = await agentAlone(t, up, lab.engine.args);
    const letsIn = () => ssh.exec('cat ~/precious; printenv TOKEN || echo none').catch(() => undefined);
    const told = await until(letsIn, { timeoutMs: BACK_MS, what: () => `a login\n${up.log().slice(-3000)}` });
    t.equal(told, 'precious\nnone', 'without its server, too');
    await stop();
    await up.start();
    // Until an agent has looked that can tell it, the status is that of the last one that could.
    const isNews = (status?: WorkspaceStatus) => status?.services?.[0]?.since !== since;
    await up.untilWorkspace('shop', 'was looked at', ({ status }) => isNews(status), BACK_MS);
    await lab.untilEvent('shop', 'ContainerDied', BACK_MS, died);
    await isAsBefore(t);
    t.equal((await lab.life('shop')).id, before.id, 'the same instance');
    t.not((await lab.life('shop')).startedAt, before.startedAt);
  });

  for (const name of ['shop', 'idle']) await lab.remove(name);
  t.same(await lab.leftovers(), []);
});
