import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readCgroups } from '../../agent/drivers/cgroup.ts';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import type { WorkspaceSpec } from '../../crds/types.generated.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { sshLogin } from '../support/ssh-login.ts';
import { until } from '../support/until.ts';
import { upLab, webServer } from '../support/up-lab.ts';

const KEY = generateSshKey();

t.setTimeout(590_000);

await onEachEngine(t, 'a change disturbs no more than it must', { test });

async function test(t: Test, engine: EngineByHand): Promise<void> {
  const lab = await upLab(t, engine);
  const { up } = lab;
  const spec: WorkspaceSpec = {
    env: [{ name: 'GREETING', value: 'hello' }],
    services: [
      { name: 'web', command: webServer(3000, 'one'), port: 3000, healthCheck: { http: { path: '/' } } },
      { name: 'other', command: 'exec sleep 1000', dependsOn: ['web'] },
    ],
    ports: [{ name: 'debug', port: 9229 }],
  };
  /** Applies the spec as it now is, and waits until it is so. */
  const converge = () => lab.converge({ shop: spec });
  await converge();
  const ssh = await lab.ssh('shop');
  const before = await lab.life('shop');
  const session = ssh.session();
  t.teardown(session.end);
  t.equal(await session.ask('hello'), 'hello');
  const undisturbed = async (t: Test) => {
    t.same(await lab.life('shop'), before, 'the same container, never restarted');
    t.equal(await session.ask(t.name), t.name, 'the session lives on');
  };
  const portOf = async (name: string) =>
    (await up.workspace('shop')).status?.ports?.find(port => port.name === name)?.hostPort;
  const get = async () => (await fetch(`http://127.0.0.1:${await portOf('web')}/`)).text();
  const pidOf = (name: string) => lab.root('shop', `cat /run/nexus/units/${name}/pid`);

  await t.test('a port that is added, changed and taken away', async t => {
    const pids = [await pidOf('web'), await pidOf('other')];
    spec.ports = [
      { name: 'debug', port: 9230 },
      { name: 'alias', port: 8080, exposure: 'Node' },
    ];
    await converge();
    t.match(await up.workspace('shop'), {
      status: {
        ports: [
          { name: 'web' },
          { name: 'debug', port: 9230, state: 'Open' },
          { name: 'alias', state: 'Open' },
        ],
      },
    });
    spec.ports = [];
    await converge();
    t.equal(await portOf('alias'), undefined);
    t.same([await pidOf('web'), await pidOf('other')], pids, 'no service was restarted');
    await undisturbed(t);
  });

  await t.test('a key that is added may log in, and may not once it is taken away', async t => {
    const { port, hostKeys } = (await up.workspace('shop')).status?.ssh ?? {};
    const guest = sshLogin({
      port: port ?? 0,
      privateKey: KEY.privateKey,
      hostKey: hostKeys?.[0] ?? '',
      dir: t.testdir({}),
    });
    await t.rejects(guest.exec('true'));
    const listener = await pidOf('_sshd');
    spec.ssh = { authorizedKeys: [KEY.publicKey] };
    await converge();
    t.equal(await guest.untilLogin(15_000), 'here');
    spec.ssh = { authorizedKeys: [] };
    await converge();
    await until(
      () =>
        guest.exec('true').then(
          () => false,
          () => true,
        ),
      { timeoutMs: 15_000, what: () => 'the key to be refused' },
    );
    t.equal(await pidOf('_sshd'), listener, 'sshd was not restarted');
    await undisturbed(t);
  });

  await t.test('limits are changed in place', async t => {
    spec.resources = { cpu: '500m', memory: '256Mi', pids: 512 };
    await converge();
    const { limits, pid } = await lab.look('shop');
    t.same(limits, { cpuMillis: 500, memoryBytes: 256 * 2 ** 20, pids: 512 });
    const cgroups = await readCgroups(pid);
    const { mount, path } = cgroups.of('memory');
    const file = cgroups.isV1 ? 'memory.limit_in_bytes' : 'memory.max';
    t.equal(await readFile(join(mount, path, file), 'utf8'), `${256 * 2 ** 20}\n`, 'as the kernel has it');
    spec.resources = {};
    await converge();
    await undisturbed(t);
  });

  await t.test('a service that is changed is restarted, and no other', async t => {
    const other = await pidOf('other');
    if (spec.services?.[0]) spec.services[0].command = webServer(3000, 'two');
    await converge();
    await until(async () => (await get().catch(() => '')) === 'two', {
      timeoutMs: 15_000,
      what: () => 'the new service',
    });
    t.equal(await pidOf('other'), other, 'not even one that depends on it');
    await undisturbed(t);
  });

  await t.test('a service that is added and taken away leaves the others alone', async t => {
    const pids = [await pidOf('web'), await pidOf('other')];
    spec.services?.push({ name: 'third', command: 'exec sleep 2000' });
    await converge();
    t.ok(await pidOf('third'));
    spec.services?.pop();
    await converge();
    await until(async () => (await lab.root('shop', 'pgrep -fx "sleep 2000" || echo none')) === 'none', {
      timeoutMs: 15_000,
      what: () => 'the service to be gone',
    });
    t.same([await pidOf('web'), await pidOf('other')], pids);
    await undisturbed(t);
  });

  await t.test('the environment is new for services and sessions that start after it', async t => {
    spec.env = [{ name: 'GREETING', value: 'good day' }];
    await converge();
    t.equal(await ssh.exec('echo $GREETING'), 'good day');
    const [pid] = (await pidOf('other')).split(' ');
    t.match(await ssh.exec(`tr '\\0' '\\n' </proc/${pid}/environ`), 'GREETING=good day');
    await undisturbed(t);
  });
  session.end();

  await t.test('stop and start keep files outside home as well', async t => {
    await ssh.exec('echo precious > ~/precious; echo outside | sudo tee /opt/outside');
    await up.cli(['stop', 'shop']);
    await up.untilWorkspace('shop', 'is stopped', ({ status }) => status?.phase === 'Stopped', 20_000);
    t.match(await engine.look(before.id), { isRunning: false }, 'the instance is kept');
    await up.cli(['start', 'shop']);
    await lab.ready('shop', 30_000);
    t.equal(await ssh.exec('cat /opt/outside ~/precious'), 'outside\nprecious');
    t.equal((await lab.life('shop')).id, before.id);
    t.equal(
      await until(() => get().catch(() => undefined), { timeoutMs: 15_000, what: () => 'the service' }),
      'two',
    );
  });

  await t.test(
    'another image makes another container, on the same volume and with the same host key',
    async t => {
      const file = { path: '/etc/image-mark', content: 'new' };
      spec.image = await engine.imageWith(t, `other-${up.node}`, file);
      await converge();
      t.not((await lab.life('shop')).id, before.id);
      // The very known_hosts of before: strict checking would refuse another key.
      t.equal(await ssh.exec('cat /etc/image-mark ~/precious'), 'new\nprecious');
      t.equal(await lab.countOf('shop', 'ContainerRecreated'), 1);
      await lab.remove('shop');
      t.same(await lab.leftovers(), []);
    },
  );
}
