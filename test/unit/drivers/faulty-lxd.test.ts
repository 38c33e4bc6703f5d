import type { ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import { DriverError } from '../../../agent/driver.ts';
import { LxdError, toDriverError } from '../../../agent/drivers/lxc/api/lxd-error.ts';
import { createLxcDriver } from '../../../agent/drivers/lxc/lxc-driver.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { fakeEngine } from '../../support/fake-engine.ts';

const SERVER = {
  auth: 'trusted',
  api_extensions: ['instances', 'event_lifecycle', 'container_exec_user_group_cwd', 'image_create_aliases'],
  environment: { server: 'lxd', server_version: '5.0.2' },
};

/** Something that speaks like LXD, with answers by path. */
async function fakeLxd(t: Test, answers: Record<string, unknown>) {
  const json = (response: ServerResponse, status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const engine = await fakeEngine(t, (request, response) => {
    const metadata = answers[request.url ?? ''];
    if (metadata !== undefined) json(response, 200, { type: 'sync', metadata });
    else json(response, 404, { type: 'error', error_code: 404, error: 'not found' });
  });
  const driver = createLxcDriver({ socketPath: engine.socketPath, node: 'n' });
  t.teardown(() => driver.close());
  return { ...engine, driver };
}

t.test('an LXD that is not there does not answer', async t => {
  const driver = createLxcDriver({ socketPath: '/nonexistent/unix.socket', node: 'n' });
  t.teardown(() => driver.close());
  const id = 'nexus-x.00';
  await t.rejects(driver.info(), { code: 'EngineUnavailable', retryable: true });
  await t.rejects(driver.list(), { code: 'EngineUnavailable' });
  await t.rejects(driver.ensureImage('debian'), { code: 'EngineUnavailable' });
  await t.rejects(driver.start(id), { code: 'EngineUnavailable' });
  await t.rejects(driver.exec(id, ['true']), { code: 'EngineUnavailable' });
  const events = driver.watch(new AbortController().signal)[Symbol.asyncIterator]();
  await t.rejects(events.next(), { code: 'EngineUnavailable' });
});

t.test('nor does one that takes a call and gives no answer', async t => {
  const { socketPath } = await fakeEngine(t);
  const clock = new FakeClock();
  const driver = createLxcDriver({ socketPath, node: 'n', clock });
  t.teardown(() => driver.close());
  const [list, stop] = [driver.list(), driver.stop('nexus-x.00', 5)];
  const outcomes = Promise.allSettled([list, stop]);
  await settle();
  await clock.advance(60_000);
  await t.rejects(list, { code: 'EngineUnavailable' });
  await clock.advance(245_000);
  await t.rejects(stop, { code: 'EngineUnavailable' });
  await outcomes;
});

t.test('one that is too old, or does not trust this user, is told', async t => {
  const resources = { cpu: { total: 2 }, memory: { total: 4096 } };
  const old = await fakeLxd(t, {
    '/1.0': { ...SERVER, api_extensions: ['instances'] },
    '/1.0/resources': resources,
  });
  await t.rejects(old.driver.info(), { code: 'EngineUnavailable', message: /LXD 5\.0\.2 is too old/ });
  const closed = await fakeLxd(t, { '/1.0': { ...SERVER, auth: 'untrusted' }, '/1.0/resources': resources });
  await t.rejects(closed.driver.info(), { code: 'EngineUnavailable', message: /does not trust/ });
});

t.test('an answer that is none is no success', async t => {
  const { socketPath } = await fakeEngine(t, (_request, response) => void response.end('<html>'));
  const driver = createLxcDriver({ socketPath, node: 'n' });
  t.teardown(() => driver.close());
  await t.rejects(driver.list(), DriverError);
});

t.test('refusals are told apart by status, and failures of operations by their words', async t => {
  const code = (status: number, message: string) =>
    (toDriverError(new LxdError(status, message), 'do it') as DriverError).code;
  t.equal(code(404, 'x'), 'NotFound');
  t.equal(code(400, 'x'), 'Invalid');
  t.equal(code(500, 'x'), 'Internal');
  t.equal(code(503, 'x'), 'EngineUnavailable');
  t.equal(code(0, 'Instance not found'), 'NotFound');
  t.equal(code(0, 'The storage volume is still in use'), 'InUse');
  t.equal(code(400, 'Instance is not running'), 'NotRunning');
  t.equal(code(0, 'Failed preparing container for start'), 'Internal');
  const own = new DriverError('PortInUse', 'taken', { ports: [1] });
  t.equal(toDriverError(own, 'do it'), own);
  const aborted = new DOMException('stop', 'AbortError');
  t.equal(toDriverError(aborted, 'do it'), aborted);
});
