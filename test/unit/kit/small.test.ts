import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import t from 'tap';
import { aborted, childAbort, slept, untilAborted, withTimeout } from '../../../controller/kit/abort.ts';
import { Backoff, exponentialMs, fullJitterMs } from '../../../controller/kit/backoff.ts';
import { BoundedMap } from '../../../controller/kit/bounded-map.ts';
import { microTimestamp, systemClock, timestamp } from '../../../controller/kit/clock.ts';
import { ApiError, isApiError } from '../../../controller/kit/errors.ts';
import { findCycle } from '../../../controller/kit/find-cycle.ts';
import { familiarName } from '../../../controller/kit/image-name.ts';
import {
  collectionPath,
  formatKey,
  keyOf,
  objectPath,
  parseKey,
  queryString,
} from '../../../controller/kit/paths.ts';
import { TokenBucket } from '../../../controller/kit/token-bucket.ts';
import { CONFIG_SCHEMA } from '../../../controller/repo-config/config-schema.ts';
import { COMMAND_ROUTES } from '../../../controller/rest/routes/commands.ts';
import { LOGIN_ROUTES } from '../../../controller/rest/routes/login.ts';
import { NODE_ROUTES } from '../../../controller/rest/routes/nodes.ts';
import { SERVER_ROUTES } from '../../../controller/rest/routes/server.ts';
import { USER_ROUTES } from '../../../controller/rest/routes/users.ts';
import { WORKSPACE_ROUTES } from '../../../controller/rest/routes/workspaces.ts';
import { NODE, SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

t.test('backoff grows to its cap and no further, with full jitter', async t => {
  const options = { baseMs: 100, maxMs: 1000 };
  t.same(
    [0, 1, 2, 3, 4, 5000].map(n => exponentialMs(n, options)),
    [100, 200, 400, 800, 1000, 1000],
  );
  t.equal(exponentialMs(2, { ...options, factor: 3 }), 900);
  t.equal(
    fullJitterMs(1, options, () => 0),
    0,
  );
  t.equal(
    fullJitterMs(1, options, () => 0.999),
    199,
  );
  const backoff = new Backoff(options, () => 0.5);
  t.same([backoff.next(), backoff.next(), backoff.attempt], [50, 100, 2]);
  backoff.reset();
  t.same([backoff.next(), backoff.attempt], [50, 1]);
});

t.test('paths name kinds, namespaces and objects, escaped', async t => {
  t.equal(collectionPath(NODE), '/apis/nexus.dev/v1alpha1/nodes');
  t.equal(collectionPath(SECRET), '/api/v1/secrets');
  t.equal(collectionPath(SECRET, 'a/b'), '/api/v1/namespaces/a%2Fb/secrets');
  t.equal(collectionPath(NODE, 'ignored'), '/apis/nexus.dev/v1alpha1/nodes');
  t.equal(objectPath(NODE, { name: '../x' }), '/apis/nexus.dev/v1alpha1/nodes/..%2Fx');
  t.match(
    objectPath(WORKSPACE, { name: 'a', namespace: 'b' }, 'status'),
    /\/namespaces\/b\/workspaces\/a\/status$/,
  );
  t.throws(() => objectPath(WORKSPACE, { name: 'a' }), TypeError);
  t.throws(() => objectPath(NODE, { name: '' }), TypeError);
  t.equal(queryString({ a: 'x y', b: undefined, c: true, d: 0 }), '?a=x%20y&c=true&d=0');
  t.equal(queryString({}), '');
});

t.test('keys are texts and back', async t => {
  for (const key of [{ name: 'a' }, { name: 'a.b', namespace: 'c' }]) t.same(parseKey(formatKey(key)), key);
  t.same(keyOf({ metadata: { name: 'a', namespace: 'b' } }), { name: 'a', namespace: 'b' });
  t.same(keyOf({ metadata: { name: 'a' } }), { name: 'a' });
});

t.test('a child is aborted with its parent and alone, and leaves no listener when unlinked', async t => {
  const parent = new AbortController();
  const a = childAbort(parent.signal);
  const b = childAbort(parent.signal);
  b.unlink();
  a.controller.abort('alone');
  t.notOk(parent.signal.aborted);
  const c = childAbort(parent.signal);
  parent.abort('all');
  t.equal(c.controller.signal.reason, 'all');
  t.notOk(b.controller.signal.aborted);
  t.equal(childAbort(parent.signal).controller.signal.reason, 'all');
  t.notOk(childAbort().controller.signal.aborted);
  childAbort().unlink();
});

t.test('waiting ends by the result, the signal or the time, whichever is first', async t => {
  const stop = new AbortController();
  t.equal(await untilAborted(Promise.resolve(1)), 1);
  t.equal(await untilAborted(Promise.resolve(1), stop.signal), 1);
  await t.rejects(untilAborted(Promise.reject(new Error('own')), stop.signal), { message: 'own' });
  const waiting = untilAborted(new Promise(() => {}), stop.signal);
  const told = aborted(stop.signal);
  stop.abort(new Error('stop'));
  await t.rejects(waiting, { message: 'stop' });
  await told;
  await aborted(stop.signal);
  await t.rejects(untilAborted(Promise.resolve(1), stop.signal), { message: 'stop' });
  const clock = new FakeClock();
  const late = withTimeout(new Promise(() => {}), 100, clock, () => new Error('late'));
  const rejected = t.rejects(late, { message: 'late' });
  await clock.advance(100);
  await rejected;
  t.equal(await withTimeout(Promise.resolve(2), 100, clock, () => new Error('late')), 2);
  await settle();
  t.equal(clock.pending, 0);
});

t.test('a sleep says whether its time has passed', async t => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const full = slept(clock, 10, stop.signal);
  await clock.advance(10);
  t.equal(await full, true);
  const short = slept(clock, 10, stop.signal);
  stop.abort();
  t.equal(await short, false);
});

t.test('a bounded map forgets what was set longest ago', async t => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  map.set('a', 3);
  map.set('c', 4);
  t.equal(map.size, 2);
  t.equal(map.get('b'), undefined);
  t.equal(map.get('a'), 3);
  t.ok(map.delete('a'));
  t.notOk(map.delete('a'));
});

t.test('a bucket lets a burst through, then one at a time', async t => {
  const clock = new FakeClock();
  const bucket = new TokenBucket({ burst: 2, refillMs: 1000, clock });
  t.same([bucket.take(), bucket.take(), bucket.take()], [true, true, false]);
  await clock.advance(999);
  t.notOk(bucket.take());
  await clock.advance(1);
  t.ok(bucket.take());
  await clock.advance(1_000_000);
  t.same(
    [bucket.take(), bucket.take(), bucket.take()],
    [true, true, false],
    'it holds no more than the burst',
  );
});

t.test('the system’s clock waits, cancels and writes times', async t => {
  const before = systemClock.now();
  await systemClock.sleep(5);
  t.ok(systemClock.now() >= before + 4);
  systemClock.after(1, () => t.fail('it was cancelled'))();
  const stop = new AbortController();
  const sleeping = systemClock.sleep(60_000, stop.signal);
  stop.abort(new Error('stop'));
  await t.rejects(sleeping, { message: 'stop' });
  await t.rejects(systemClock.sleep(1, stop.signal), { message: 'stop' });
  t.equal(timestamp(1234), '1970-01-01T00:00:01Z');
  t.equal(microTimestamp(1234), '1970-01-01T00:00:01.234000Z');
});

t.test('an error of the API travels as a Status and back', async t => {
  const error = new ApiError('Conflict', 'changed', { name: 'x' });
  t.match(ApiError.fromStatus(error.toStatus()), {
    reason: 'Conflict',
    code: 409,
    message: 'changed',
    retryable: true,
  });
  t.equal(ApiError.fromStatus({ code: 410, reason: 'Unheard' }).reason, 'Gone');
  t.equal(ApiError.fromStatus({ code: 599 }).reason, 'InternalError');
  t.ok(isApiError(error));
  t.ok(isApiError(error, 'NotFound', 'Conflict'));
  t.notOk(isApiError(error, 'NotFound'));
  t.notOk(isApiError(new Error('x')));
  t.notOk(new ApiError('Invalid', 'x').retryable);
});

for (const [reference, name] of [
  ['debian', 'debian:latest'],
  ['docker.io/library/debian:12', 'debian:12'],
  ['index.docker.io/library/debian:12', 'debian:12'],
  ['docker.io/acme/tool', 'acme/tool:latest'],
  ['localhost/nexus-workspace:1', 'nexus-workspace:1'],
  ['localhost:5000/tool', 'localhost:5000/tool:latest'],
  ['ghcr.io/acme/tool:v1', 'ghcr.io/acme/tool:v1'],
  ['debian@sha256:abc', 'debian@sha256:abc'],
] as const)
  t.test(`${reference} is ${name}`, async t => t.equal(familiarName(reference), name));

t.test('a cycle is named in its order, the first name again at its end', async t => {
  const of = (graph: Record<string, string[]>) => findCycle(new Map(Object.entries(graph)));
  t.equal(of({ a: ['b'], b: ['c'], c: [] }), undefined);
  t.equal(of({ a: ['missing'] }), undefined);
  t.same(of({ a: ['a'] }), ['a', 'a']);
  t.same(of({ x: ['a'], a: ['b'], b: ['c'], c: ['a'] }), ['a', 'b', 'c', 'a']);
  t.equal(of({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }), undefined, 'a diamond is none');
});

t.test('a chain of any length is walked', async t => {
  const graph = new Map(Array.from({ length: 50_000 }, (_, i) => [`s${i}`, [`s${i + 1}`]] as const));
  t.equal(findCycle(graph), undefined);
});

t.test('what is found is a cycle, and none is missed', async () => {
  const name = fc.integer({ min: 0, max: 7 }).map(String);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.array(name, { maxLength: 3 })), { maxLength: 8 }), pairs => {
      const graph = new Map(pairs);
      const cycle = findCycle(graph);
      if (cycle)
        return (
          cycle.slice(1).every((next, i) => graph.get(cycle[i]!)?.includes(next)) && cycle[0] === cycle.at(-1)
        );
      // Without a cycle, taking away what depends on nothing leaves nothing.
      const left = new Map(graph);
      for (let size = -1; size !== left.size; ) {
        size = left.size;
        for (const [key, deps] of left) if (!deps.some(dep => left.has(dep))) left.delete(key);
      }
      return left.size === 0;
    }),
    { numRuns: 300 },
  );
});

const ROUTES = [
  COMMAND_ROUTES,
  LOGIN_ROUTES,
  NODE_ROUTES,
  SERVER_ROUTES,
  USER_ROUTES,
  WORKSPACE_ROUTES,
].flat();

t.test('schemas that are compiled unseen are valid ones', t => {
  const ajv = new Ajv2020({ strict: false });
  const check = (what: string, schema: object) =>
    t.ok(ajv.validateSchema(schema), `${what}: ${ajv.errorsText()}`);
  check('.nexus/config.yaml', CONFIG_SCHEMA);
  for (const { method, url, params, query, body } of ROUTES)
    for (const [part, schema] of Object.entries({ params, query, body }))
      if (schema) check(`${part} of ${method} ${url}`, schema);
  t.notOk(ajv.validateSchema({ type: 'nonsense' }), 'and another one is not');
  t.end();
});
