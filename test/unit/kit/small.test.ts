import t from 'tap';
import { aborted, childAbort, slept, untilAborted, withTimeout } from '../../../controller/kit/abort.ts';
import { Backoff, exponentialMs, fullJitterMs } from '../../../controller/kit/backoff.ts';
import { BoundedMap } from '../../../controller/kit/bounded-map.ts';
import { microTimestamp, systemClock, timestamp } from '../../../controller/kit/clock.ts';
import { ApiError, isApiError } from '../../../controller/kit/errors.ts';
import {
  collectionPath,
  formatKey,
  keyOf,
  objectPath,
  parseKey,
  queryString,
} from '../../../controller/kit/paths.ts';
import { TokenBucket } from '../../../controller/kit/token-bucket.ts';
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
