import t from 'tap';
import { dockerLab } from '../../support/docker-lab.ts';
import { noTestEngine } from '../../support/engine.ts';

t.test(
  'drift in a real container is repaired within seconds and told',
  { skip: await noTestEngine() },
  async t => {
    const { lab, start, place, container, root, containers, docker } = await dockerLab(t);
    const agent = start();
    const { ssh } = await place('shop', {
      services: [{ name: 'web', command: 'exec sleep 1000' }],
    });
    await ssh.untilLogin();
    await lab.ready('shop', 30_000);
    await ssh.exec('echo precious > ~/precious; sync');
    const id = async () => (await lab.get('shop')).status?.container?.id;
    const first = await id();

    await t.test('an authorised-keys file that was edited', async t => {
      await root('shop', 'echo "ssh-ed25519 AAAA intruder" > /opt/nexus/etc/authorized_keys');
      await lab.untilEvent('shop', 'KeysRestored');
      t.notMatch(await root('shop', 'cat /opt/nexus/etc/authorized_keys'), 'intruder');
    });
    await t.test('sshd that was killed', async t => {
      await root('shop', 'pkill -9 -x sshd; true');
      await lab.untilEvent('shop', 'SSHRestarted');
      await ssh.untilLogin(10_000);
      t.equal(await id(), first, 'in the same container');
      await lab.ready('shop');
    });
    await t.test('a service that was killed', async () => {
      await root('shop', 'pkill -9 -x sleep -u dev; true');
      await lab.untilEvent('shop', 'ServiceExited');
      await lab.ready('shop');
    });
    await t.test('the supervisor that was killed', async t => {
      await root('shop', 'pkill -9 -f "guest supervis[e]"; true');
      await lab.untilEvent('shop', 'SupervisorRestarted');
      await lab.ready('shop');
      t.equal(await id(), first);
    });
    await t.test('docker stop', async t => {
      await (await container('shop')).stop({ t: 1 });
      await lab.untilEvent('shop', 'ContainerDied');
      await ssh.untilLogin(10_000);
      await lab.ready('shop');
      t.equal(await id(), first);
    });
    await t.test('docker rm -f', async t => {
      await (await container('shop')).remove({ force: true });
      await lab.untilEvent('shop', 'ContainerMissing');
      await ssh.untilLogin(10_000);
      await lab.ready('shop');
      t.not(await id(), first);
      t.equal(await ssh.exec('cat ~/precious'), 'precious', 'the same volume');
    });
    await t.test('a volume that was removed with its container', async t => {
      const found = await container('shop');
      const { Mounts } = await found.inspect();
      const [name = ''] = Mounts.flatMap(({ Name }) => Name ?? []);
      // While the agent looks on, the container would be back before its volume could go.
      await agent.stop();
      await found.remove({ force: true });
      await docker.getVolume(name).remove();
      start();
      await ssh.untilLogin();
      await lab.ready('shop', 30_000);
      t.equal(await ssh.exec('cat ~/precious || echo fresh'), 'fresh');
    });
    await lab.delete('shop');
    await lab.untilGone('shop');
    t.same(await containers(), []);
  },
);
