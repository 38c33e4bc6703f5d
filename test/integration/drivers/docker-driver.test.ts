import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { createDockerDriver } from '../../../agent/drivers/docker/docker-driver.ts';
import { networkName } from '../../../agent/drivers/docker/network.ts';
import { run, specs } from '../../conformance/driver.ts';
import { dockerNode } from '../../support/docker-node.ts';
import { noTestEngine } from '../../support/engine.ts';
import { buildTestImage } from '../../support/images.ts';
import { until } from '../../support/until.ts';

const MEBI = 2 ** 20;
t.setTimeout(300_000);

t.test('on a Docker engine', { skip: await noTestEngine() }, async t => {
  const at = await dockerNode(t);
  const { driver, docker, spec, node, socketPath, imageId } = at;
  const find = async (id: string) => (await driver.list()).instances.find(instance => instance.id === id);
  const shell = async (id: string, script: string) =>
    (await run(driver, id, ['sh', '-c', script])).stdout.trim();

  await t.test('a workspace has the rights that sshd and sudo need and no others', async t => {
    const { id } = await driver.create(spec('rights'));
    await driver.start(id);
    const { HostConfig } = await docker.getContainer(id).inspect();
    t.same(HostConfig.CapDrop, ['ALL']);
    t.notOk(HostConfig.Privileged);
    const bounding = BigInt(`0x${await shell(id, "sed -n 's/CapBnd:\\s*//p' /proc/self/status")}`);
    const has = (bit: number) => ((bounding >> BigInt(bit)) & 1n) === 1n;
    t.ok(
      [0, 1, 3, 5, 6, 7, 10, 18].every(has),
      'chown, dac_override, fowner, kill, setgid, setuid, bind, chroot',
    );
    t.notOk(
      [12, 13, 16, 19, 21, 27].some(has),
      'net_admin, net_raw, sys_module, sys_ptrace, sys_admin, mknod',
    );
    t.equal(await shell(id, 'cat /proc/1/comm'), 'docker-init', 'zombies are reaped');
    await driver.remove(id);
  });

  await t.test('files have the mode and owner asked for, and parents are root:root 0755', async t => {
    const files = [
      { path: '/opt/nexus/deep/program', content: 'x', mode: 0o755 },
      { path: '/tmp/early', content: 'x', mode: 0o640, uid: 1000, gid: 1001 },
    ];
    const { id } = await driver.create(spec('modes', { files }));
    await driver.start(id);
    await driver.putFiles(id, [
      { path: '/run/nexus/a/b/secret', content: 'x', mode: 0o400, uid: 1000, gid: 1000 },
      { path: '/tmp/late', content: 'x', mode: 0o4755 },
    ]);
    const stat = (path: string) => shell(id, `stat -c '%a %u %g' ${path}`);
    t.equal(await stat('/opt/nexus/deep/program'), '755 0 0');
    t.equal(await stat('/opt/nexus/deep'), '755 0 0');
    t.equal(await stat('/tmp'), '1777 0 0', 'what is there keeps its mode');
    t.equal(await stat('/tmp/early'), '640 1000 1001');
    t.equal(await stat('/tmp/late'), '4755 0 0');
    t.equal(await stat('/run/nexus'), '755 0 0');
    t.equal(await stat('/run/nexus/a/b'), '755 0 0');
    t.equal(await stat('/run/nexus/a/b/secret'), '400 1000 1000');
    await t.rejects(driver.putFiles(id, [{ path: '/tmp', content: 'x', mode: 0o600 }]), { code: 'Internal' });
    t.equal(await shell(id, 'find / -xdev -name ".nexus-*"'), '', 'no temporary file is left');
    await driver.remove(id);
  });

  await t.test('nothing that an image declares disturbs a workspace', async t => {
    const reference = `nexus-test-odd:${node}`;
    const odd = await buildTestImage(
      docker,
      reference,
      `FROM ${imageId}
VOLUME ["/data", "/home/dev", "/opt"]
ENTRYPOINT ["/bin/false"]
CMD ["nonsense"]
USER nobody
WORKDIR /nowhere
STOPSIGNAL SIGWINCH
HEALTHCHECK --interval=1s CMD false
LABEL nexus.dev/node=other nexus.dev/placement=other
ONBUILD RUN false
ENV FROM_IMAGE=kept
`,
    );
    t.teardown(() => docker.getImage(reference).remove({ force: true }));
    const { id } = await driver.create({ ...spec('odd'), imageId: odd });
    await driver.start(id);
    t.match(await find(id), { state: 'Running', labels: { 'nexus.dev/placement': 'odd.default' } });
    t.equal(
      await shell(id, 'id -u; pwd; echo $FROM_IMAGE; cat /opt/nexus/greeting'),
      '0\n/\nkept\nfrom the beginning',
    );
    const { Mounts, State } = await docker.getContainer(id).inspect();
    t.notOk(State.Health);
    const anonymous = Mounts.map(({ Name }) => Name!).filter(name => name && !name.startsWith('nexus-'));
    t.equal(anonymous.length, 2);
    await driver.stop(id, 5);
    t.ok([143, 0].includes((await find(id))?.exitCode ?? -1), 'it was asked politely');
    await driver.remove(id);
    const { Volumes } = await docker.listVolumes();
    t.notOk(Volumes.some(({ Name }) => anonymous.includes(Name)));
  });

  await t.test('a driver that closes leaves no process behind that nobody waits for any more', async t => {
    const { id } = await driver.create(spec('left'));
    await driver.start(id);
    const left = () => shell(id, 'pgrep -fxc "sleep 4242" || true');
    const none = () =>
      until(async () => (await left()) === '0', { timeoutMs: 10_000, what: () => 'it to be ended' });
    for (let turns = 0; turns < 4; turns++) {
      const closing = createDockerDriver({ socketPath, node });
      const abort = new AbortController();
      const { exit } = await closing.exec(id, ['sleep', '4242'], { signal: abort.signal });
      await until(async () => (await left()) !== '0', { timeoutMs: 10_000, what: () => 'it to run' });
      abort.abort();
      // At every moment of the calls that end it.
      for (let i = 0; i < turns; i++) await setImmediate();
      await closing.close();
      await t.rejects(exit);
      await none();
    }
    await driver.remove(id);
  });

  await t.test('what is not ours is never touched', async t => {
    const name = `nexus-foreign-${node}`;
    const foreign = await docker.createContainer({ name, Image: imageId, Cmd: ['true'] });
    const volume = await docker.createVolume({ Name: `${name}-home` });
    t.teardown(async () => {
      await foreign.remove({ force: true });
      await docker.getVolume(volume.name).remove();
    });
    await t.rejects(driver.remove(foreign.id), { code: 'Invalid' });
    await t.rejects(driver.start(foreign.id), { code: 'Invalid' });
    await t.rejects(driver.removeVolume(volume.name), { code: 'Invalid' });
    await t.rejects(driver.create(spec('foreign')), { code: 'Invalid' });
    const wanted = spec('foreign2');
    await t.rejects(driver.create({ ...wanted, volume: { ...wanted.volume, name: volume.name } }), {
      code: 'Invalid',
    });
    await t.rejects(driver.create({ ...wanted, labels: {} }), { code: 'Invalid' });
    const hidden = { path: '/run/nexus/key', content: '', mode: 0o600 };
    await t.rejects(driver.create({ ...wanted, files: [hidden] }), { code: 'Invalid' });
    await t.rejects(driver.create({ ...wanted, imageId: `sha256:${'0'.repeat(64)}` }), {
      code: 'ImageNotFound',
    });
    t.equal((await foreign.inspect()).State.Status, 'created');

    const taken = createDockerDriver({ socketPath, node: `${node}-taken` });
    const network = await docker.createNetwork({ Name: networkName(`${node}-taken`).name });
    t.teardown(async () => {
      await network.remove();
      await taken.close();
    });
    const elsewhere = specs(`${node}-taken`, imageId)('elsewhere');
    await t.rejects(taken.create(elsewhere), { code: 'Invalid', message: /network/ });
    t.same((await driver.list()).instances, []);
  });

  await t.test(
    'a half-made workspace is not listed, and gone with the next call that makes something',
    async t => {
      const wanted = spec('half');
      const half = await docker.createContainer({
        name: `${wanted.name}.unfinished`,
        Image: imageId,
        Labels: wanted.labels,
        Cmd: ['true'],
      });
      t.notOk(await find(half.id));
      const restarted = createDockerDriver({ socketPath, node });
      t.teardown(() => restarted.close());
      const { id } = await restarted.create(wanted);
      t.ok(await find(id));
      await t.rejects(half.inspect(), /404/);
      await restarted.remove(id);

      const broken = { path: '/etc/hostname/x', content: '', mode: 0o600 };
      await t.rejects(driver.create({ ...wanted, files: [broken] }));
      const left = await docker.listContainers({ all: true, filters: { label: [`nexus.dev/node=${node}`] } });
      t.same(left, []);
    },
  );

  await t.test('an aborted process is ended with its children, and what it left to init is not', async t => {
    const { id } = await driver.create(spec('abort'));
    await driver.start(id);
    const abort = new AbortController();
    const daemon = '(setsid sleep 3333 < /dev/null > /dev/null 2>&1 &)';
    const script = `${daemon}; sleep 1111 & echo ready; sleep 2222`;
    const { stdout, stderr, exit } = await driver.exec(id, ['sh', '-c', script], { signal: abort.signal });
    stderr.resume();
    for await (const chunk of stdout) {
      if (String(chunk).includes('ready')) break;
    }
    abort.abort(new Error('enough'));
    await t.rejects(exit, { message: 'enough' });
    const sleeping = async () => (await shell(id, 'ps -eo args')).match(/sleep \d+/g) ?? [];
    await until(async () => (await sleeping()).length <= 1, {
      timeoutMs: 10_000,
      what: () => 'what was ended to go',
    });
    t.same(await sleeping(), ['sleep 3333']);
    await driver.remove(id);
  });

  await t.test('memory is not taken away that is in use', async t => {
    const { id } = await driver.create(
      spec('memory', { tmpfs: { '/big': { sizeBytes: 100 * MEBI, mode: 0o755 } } }),
    );
    await driver.start(id);
    await shell(id, 'head -c 60000000 /dev/zero > /big/data');
    await t.rejects(driver.update(id, { memoryBytes: 32 * MEBI, pids: 100 }), {
      code: 'Invalid',
      message: /uses \d+ MiB/,
    });
    t.equal((await find(id))?.limits.memoryBytes, 256 * MEBI);
    await shell(id, 'rm /big/data');
    await driver.update(id, { memoryBytes: 32 * MEBI, pids: 100 });
    t.match((await find(id))?.limits, { memoryBytes: 32 * MEBI, pids: 100 });
    await driver.remove(id);
  });

  await t.test(
    'one that is frozen, or that the engine restarts again and again, does not run; start is honest',
    async t => {
      const [frozen, looping] = await Promise.all([
        driver.create(spec('frozen')),
        driver.create(spec('looping', { command: ['false'] })),
      ]);
      await Promise.all([driver.start(frozen.id), driver.start(looping.id)]);
      await docker.getContainer(frozen.id).pause();
      t.equal((await find(frozen.id))?.state, 'Stopped');
      await driver.start(frozen.id);
      t.equal((await find(frozen.id))?.state, 'Running');
      // It runs for a moment again and again.
      let seen = await find(looping.id);
      for (let i = 0; i < 200 && seen?.state === 'Running'; i++) seen = await find(looping.id);
      t.match(seen, { state: 'Stopped', exitCode: 1 });
      await driver.start(looping.id);
      await Promise.all([driver.remove(frozen.id), driver.remove(looping.id)]);
    },
  );

  await t.test('a network that somebody pruned is made again by the next start', async t => {
    const { id } = await driver.create(spec('pruned'));
    await driver.start(id);
    await driver.stop(id, 0);
    await docker.getNetwork(networkName(node).name).remove();
    await driver.start(id);
    t.match(await find(id), { state: 'Running', address: /^\d+\./ });
    t.match((await driver.info()).isolation, { enforced: process.getuid?.() === 0 });
    await driver.remove(id);
  });

  await t.test('removing one that is being removed waits for it', async t => {
    const { id } = await driver.create(spec('twice'));
    await driver.start(id);
    await Promise.all([driver.remove(id), driver.remove(id), driver.remove(id)]);
    t.notOk(await find(id));
  });
});
