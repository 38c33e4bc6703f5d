import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { DriverError } from '../../../agent/driver.ts';
import { describeAddress } from '../../../agent/drivers/docker/address.ts';
import { createDockerDriver } from '../../../agent/drivers/docker/docker-driver.ts';
import { engineMessage, toDriverError } from '../../../agent/drivers/docker/errors.ts';
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

t.test('an engine that is not there does not answer', async t => {
  const driver = createDockerDriver({ socketPath: '/nonexistent/engine.sock', node: 'n' });
  t.teardown(() => driver.close());
  await t.rejects(driver.info(), { code: 'EngineUnavailable', retryable: true });
  await t.rejects(driver.list(), { code: 'EngineUnavailable' });
  await t.rejects(driver.ensureImage('debian'), { code: 'EngineUnavailable' });
  await t.rejects(driver.start('x'), { code: 'EngineUnavailable' });
  await t.rejects(driver.exec('x', ['true']), { code: 'EngineUnavailable' });
  const events = driver.watch(new AbortController().signal)[Symbol.asyncIterator]();
  await t.rejects(events.next(), { code: 'EngineUnavailable' });
});

t.test('nor does one that takes a call and gives no answer', async t => {
  const { socketPath } = await fakeEngine(t);
  const clock = new FakeClock();
  const driver = createDockerDriver({ socketPath, node: 'n', clock });
  t.teardown(() => driver.close());
  const [list, stop] = [driver.list(), driver.stop('x', 5)];
  const outcomes = Promise.allSettled([list, stop]);
  await settle();
  await clock.advance(60_000);
  await t.rejects(list, { code: 'EngineUnavailable' });
  await clock.advance(125_000);
  await t.rejects(stop, { code: 'EngineUnavailable' });
  await outcomes;
});

t.test('a watch tells when its engine goes away, and passes over what is no event', async t => {
  const { socketPath, die } = await fakeEngine(t, (request, response) => {
    if (!request.url?.startsWith('/events')) return;
    response.write('not json\n{"Type":"container","Action":"exec_die"}\n');
    response.write('{"Action":"die","Actor":{"Attributes":{"nexus.dev/placement":"p"}}}\n');
  });
  const driver = createDockerDriver({ socketPath, node: 'n' });
  t.teardown(() => driver.close());
  const events = driver.watch(new AbortController().signal)[Symbol.asyncIterator]();
  t.same((await events.next()).value, { type: 'changed' });
  t.same((await events.next()).value, { type: 'died', placement: 'p' });
  const next = events.next();
  await die();
  await t.rejects(next, { code: 'EngineUnavailable' });
});

t.test('refusals of an engine are told apart by their status', async t => {
  const refusal = (statusCode: number) =>
    Object.assign(new Error('(HTTP code 1) bad - why '), { statusCode });
  const codes = { 400: 'Invalid', 404: 'NotFound', 409: 'InUse', 500: 'Internal', 503: 'EngineUnavailable' };
  for (const [status, code] of Object.entries(codes))
    t.match(toDriverError(refusal(Number(status)), 'do it'), { code, message: 'do it: why' });
  const own = new DriverError('PortInUse', 'taken', { ports: [1] });
  t.equal(toDriverError(own, 'do it'), own);
  t.equal(own.retryable, true);
  t.match(toDriverError(new TypeError('a bug'), 'do it'), { code: 'Internal' });
  t.equal(engineMessage('text'), 'text');
  const aborted = new DOMException('stop', 'AbortError');
  t.equal(toDriverError(aborted, 'do it'), aborted);
});

t.test('a start that is refused for good is told apart from one that is not', async t => {
  let says = '';
  const found = {
    Id: 'x',
    Name: '/shop',
    Image: 'sha256:1',
    State: { Status: 'exited' },
    Config: { Labels: { 'nexus.dev/node': 'n' } },
    HostConfig: {},
    Mounts: [{ Type: 'volume', Name: 'shop-home', Destination: '/home/dev' }],
  };
  const { socketPath } = await fakeEngine(t, (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url?.startsWith('/containers/x/json')) response.end(JSON.stringify(found));
    else response.writeHead(500).end(JSON.stringify({ message: says }));
  });
  const driver = createDockerDriver({ socketPath, node: 'n' });
  t.teardown(() => driver.close());
  for (const [message, code] of [
    ['task 5f0c already exists', 'Stuck'],
    ['lstat /var/lib/docker/volumes/shop-home/_data: no such file or directory', 'VolumeLost'],
    ['lstat /var/lib/docker/volumes/other/_data: no such file or directory', 'Internal'],
    ['exec: "/bin/sh": no such file or directory', 'Internal'],
  ] as const) {
    says = message;
    await t.rejects(driver.start('x'), { code }, message);
  }
});
