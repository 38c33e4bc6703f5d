import t, { type Test } from 'tap';
import { followList } from '../../../cli/wait/follow-list.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import type { KubeList } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { agentAlone } from '../../support/agent-alone.ts';
import { dockerByHand } from '../../support/docker-by-hand.ts';
import { ownEngine } from '../../support/own-engine.ts';
import { until } from '../../support/until.ts';
import { upLab } from '../../support/up-lab.ts';

/** Within seconds. */
const BACK_MS = 30_000;
t.setTimeout(590_000);

/** Answers with a variable that comes from a Secret: without it there is no service. */
const TELL_TOKEN = `exec python3 -c "
import os, socket
s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('127.0.0.1', 3000)); s.listen(50)
text = os.environ['TOKEN']
while True:
  c, _ = s.accept(); c.recv(999); c.sendall(('HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s' % (len(text), text)).encode()); c.close()
"`;

const engine = await ownEngine(t);
const lab = await upLab(t, dockerByHand(engine));
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
    {
      name: 'web',
      command: TELL_TOKEN,
      port: 3000,
      healthCheck: { http: { path: '/' }, intervalSeconds: 1 },
    },
    { name: 'worker', command: 'exec sleep 1000', dependsOn: ['web'] },
  ],
};
/** Notes each of its runs, and what it knew. */
const noting = (name: string) => ({ name, command: `echo "run $TOKEN" >>/tmp/${name}; exec sleep 1000` });
const plain = { services: [noting('free'), { ...noting('locked'), env: shop.env }] };
await lab.converge({ shop, plain, idle: {} });
await up.cli(['stop', 'idle']);
await up.untilWorkspace('idle', 'is stopped', ({ status }) => status?.phase === 'Stopped');
const ssh = await lab.ssh('shop');
await ssh.exec('echo precious > ~/precious; echo outside | sudo tee /opt/outside; sync');

const ids = async () =>
  Promise.all(['shop', 'plain', 'idle'].map(async name => (await up.workspace(name)).status?.containerID));
const before = await ids();

/** Every phase that is told, until `end` is called. */
function phases() {
  const told: string[] = [];
  const abort = new AbortController();
  const read = async () => {
    const query = { namespace: 'default', accept: 'application/json' };
    const options = { signal: abort.signal, clock: systemClock };
    const see = ({ metadata, status }: Workspace) => told.push(`${metadata.name} ${status?.phase}`);
    for await (const item of followList<KubeList<Workspace>>(up.client, WORKSPACE, query, options))
      if (item.type === 'LIST') item.list.items.forEach(see);
      else see(item.object as Workspace);
  };
  const reading = read();
  return {
    told,
    async end() {
      abort.abort();
      await reading;
    },
  };
}

const answer = async () => {
  const { status } = await up.workspace('shop');
  const hostPort = status?.services?.find(({ name }) => name === 'web')?.hostPort;
  return (await fetch(`http://127.0.0.1:${hostPort}/`)).text();
};

/** The moment that they are said to be Ready everything is as it was. */
const isAsBefore = async (t: Test) => {
  await Promise.all([lab.ready('shop', BACK_MS), lab.ready('plain', BACK_MS)]);
  t.equal(await answer(), 'hunter2', 'the Secret was handed over again, and the forward is open');
  t.equal(
    await ssh.exec('cat ~/precious /opt/outside'),
    'precious\noutside',
    'the same volume, file system and host key',
  );
  t.same(await ids(), before, 'the same containers');
  const running = await engine.docker.listContainers();
  t.equal(running.length, 2, 'what was stopped stays stopped');
  t.equal((await lab.leftovers()).length, 6, 'nothing doubled: three containers and their volumes');
  t.match((await up.workspace('idle')).status, { phase: 'Stopped' });
};

/** A new agent has looked: until then the status is that of the last one, which its lease vouches for. */
const isSeen = async (died: number) => {
  await lab.untilEvent('shop', 'ContainerDied', BACK_MS, died);
  await until(() => answer().catch(() => undefined), { timeoutMs: BACK_MS, what: () => 'the service' });
};

/** Breaks the engine, and looks at what is told until it is back. */
const outage = async (t: Test, harm: () => Promise<void>) => {
  const died = await lab.countOf('shop', 'ContainerDied');
  const away = await lab.countOf('shop', 'DriverUnavailable');
  await harm();
  for (const name of ['shop', 'plain', 'idle']) {
    const { status } = await up.untilWorkspace(
      name,
      'is unknown',
      ({ status }) => status?.phase === 'Unknown',
      15_000,
    );
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    t.match(ready, { status: 'Unknown', reason: 'DriverUnavailable' });
  }
  await lab.untilEvent('shop', 'DriverUnavailable', 15_000, away);
  const seen = phases();
  await up.untilWorkspace('shop', 'is still unknown', ({ status }) => status?.phase === 'Unknown');
  await engine.start();
  await isAsBefore(t);
  await seen.end();
  // What is in between is Creating or Degraded, never a claim.
  for (const name of ['shop', 'plain']) {
    const told = seen.told.filter(line => line.startsWith(`${name} `)).map(line => line.split(' ')[1]);
    t.equal(told[0], 'Unknown');
    t.equal(
      told.indexOf('Running'),
      told.length - told.filter(phase => phase === 'Running').length,
      `${name}: Running once it runs, and not before: ${told}`,
    );
  }
  await lab.untilEvent('shop', 'ContainerDied', 15_000, died);
};

await t.test('stopped and started: everything comes back', t => outage(t, () => engine.stop()));

await t.test('killed and started: everything comes back', t => outage(t, () => engine.kill()));

await t.test('a workspace that is deleted while the engine is away goes when it is back', async t => {
  await lab.converge({ short: {} });
  await engine.stop();
  await up.client.delete(WORKSPACE, { name: 'short', namespace: 'default' });
  await up.untilWorkspace('short', 'is being deleted', ({ status }) => status?.phase === 'Deleting');
  await engine.start();
  await isAsBefore(t);
});

await t.test('server, agent and engine stopped in order, and started again', async t => {
  const died = await lab.countOf('shop', 'ContainerDied');
  await up.stop();
  await engine.stop();
  await engine.start();
  await up.start();
  await isSeen(died);
  await isAsBefore(t);
});

await t.test('the power was cut, and the server does not come back: the node lets people in', async t => {
  const died = await lab.countOf('shop', 'ContainerDied');
  const login = await lab.ssh('plain');
  const before = await login.exec('cat /tmp/free; echo --; cat /tmp/locked');
  await up.kill();
  await engine.cutPower();
  await engine.start();
  const stop = await agentAlone(t, up, lab.engine.args);
  const run = () => login.exec('cat /tmp/free; echo --; cat /tmp/locked').catch(() => undefined);
  const goesOn = async () => {
    const now = await run();
    return now !== undefined && now !== before && now;
  };
  const now = await until(goesOn, { timeoutMs: BACK_MS, what: () => `a service\n${up.log().slice(-3000)}` });
  t.equal(now, `run \n${before}`, 'what needs no Secret runs again, and what needs one does not');
  t.equal(
    await ssh.exec('cat ~/precious; printenv TOKEN || echo none'),
    'precious\nnone',
    'its variable is not there',
  );
  const { code, stdout } = await up.cli(['agent', 'status']);
  t.equal(code, 1);
  t.match(stdout, /plain\.default: the Secret .* is not on the node yet; until then wait services locked$/m);
  t.match(stdout, /shop\.default: .* until then wait services web, worker; secret variables of sessions$/m);
  await stop();
  await up.start();
  await isSeen(died);
  await isAsBefore(t);
  t.equal(await run(), `${now}\nrun hunter2`, 'what waited runs, and nothing that ran was restarted');
});

await t.test('the power was cut; server and agent are there before the engine is', async t => {
  const died = await lab.countOf('shop', 'ContainerDied');
  await up.kill();
  await engine.cutPower();
  await up.start();
  await up.untilWorkspace('shop', 'is unknown', ({ status }) => status?.phase === 'Unknown', BACK_MS);
  await engine.start();
  await isSeen(died);
  await isAsBefore(t);
});
