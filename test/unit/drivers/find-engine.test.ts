import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { describeAddress } from '../../../agent/drivers/docker/address.ts';
import { findEngine, parseEngineAddress, usualPlaces } from '../../../agent/drivers/docker/find-engine.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { fakeEngine } from '../../support/fake-engine.ts';

/** Paths of sockets must be short, so not in the project. */
async function temporary(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'nexus-find-'));
  t.teardown(() => rm(dir, { recursive: true }));
  return dir;
}

t.test('the first engine that answers is taken, with what is wrong with those before it', async t => {
  const dir = await temporary(t);
  await writeFile(join(dir, 'file'), 'not a socket');
  const { socketPath } = await fakeEngine(t);
  const found = await findEngine({
    env: {},
    candidates: [
      `unix://${dir}/nothing`,
      `${dir}/file`,
      'ssh://host',
      'nonsense',
      `unix://${socketPath}`,
      'unix:///later',
    ],
  });
  t.match(found.engine, {
    address: { socketPath },
    facts: {
      kind: 'docker',
      version: 'Docker 27.1.0',
      rootless: true,
      local: true,
      capacity: { cpuMillis: 2000 },
    },
  });
  t.ok(found.engine!.facts.capacity.diskBytes > 0);
  t.same(
    found.refused.map(({ address }) => address),
    [`unix://${dir}/nothing`, `${dir}/file`, 'ssh://host', 'nonsense'],
  );
  t.match(found.refused[0]?.problem, /not there/);
  t.match(found.refused[1]?.problem, /not started/);
  t.match(found.refused[2]?.problem, /ssh/);
  const long = await findEngine({ env: {}, candidates: [`/${'x'.repeat(200)}`] });
  t.match(long.refused[0]?.problem, /107/);
});

t.test('one that takes a connection and says nothing is not waited for', async t => {
  const path = join(await temporary(t), 'mute.sock');
  const mute = createServer().listen(path);
  t.teardown(() => mute.close());
  const clock = new FakeClock();
  const search = findEngine({ env: {}, candidates: [path], clock });
  while (clock.pending === 0) await settle();
  await clock.advance(10_000);
  const { engine, refused } = await search;
  t.equal(engine, undefined);
  t.match(refused[0]?.problem, /does not answer/);
});

t.test(
  'a socket that this user may not use is told apart',
  { skip: process.getuid?.() === 0 && 'root may' },
  async t => {
    const { socketPath } = await fakeEngine(t);
    await chmod(socketPath, 0);
    t.match((await findEngine({ env: {}, candidates: [socketPath] })).refused[0]?.problem, /may not/);
  },
);

t.test('engines are looked for where they listen; DOCKER_HOST overrules', async t => {
  t.same(usualPlaces({ DOCKER_HOST: 'tcp://host:1' }, 0), ['tcp://host:1']);
  t.same(usualPlaces({}, 0), ['unix:///var/run/docker.sock', 'unix:///run/podman/podman.sock']);
  t.same(usualPlaces({ HOME: '/home/dev' }, 1000), [
    'unix:///var/run/docker.sock',
    'unix:///run/podman/podman.sock',
    'unix:///run/user/1000/docker.sock',
    'unix:///run/user/1000/podman/podman.sock',
    'unix:///home/dev/.docker/run/docker.sock',
  ]);
});

t.test('addresses are read as the docker command reads them', async t => {
  t.same(await parseEngineAddress('tcp://host:1234', {}), { host: 'host', port: 1234 });
  t.same(await parseEngineAddress('tcp://host', {}), { host: 'host', port: 2375 });
  const dir = t.testdir({});
  await Promise.all(['ca', 'cert', 'key'].map(name => writeFile(join(dir, `${name}.pem`), name)));
  const secure = await parseEngineAddress('tcp://host', { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir });
  t.same(secure, { host: 'host', port: 2376, ca: 'ca', cert: 'cert', key: 'key' });
  t.equal(describeAddress(secure), 'tcp://host:2376');
  await t.rejects(parseEngineAddress('https://host', {}), /DOCKER_CERT_PATH/);
});
