import t from 'tap';
import { DriverError } from '../../../agent/driver.ts';
import { createDockerDriver } from '../../../agent/drivers/docker/docker-driver.ts';
import { engineMessage, toDriverError } from '../../../agent/drivers/docker/errors.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { fakeEngine } from '../../support/fake-engine.ts';

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
