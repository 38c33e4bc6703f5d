import t from 'tap';
import { DriverError } from '../../../agent/driver.ts';
import type { Action } from '../../../agent/plan/actions.ts';
import { Attempts } from '../../../agent/reconcile/attempts.ts';
import { failureOf } from '../../../agent/reconcile/image-jobs.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const start: Action = { type: 'start', reason: 'Created' };
const clone = (n: number, base = 'a'): Action => ({ type: 'clone', token: `${base}.${n}` });
const failed = { code: 'Internal' as const, message: 'm' };
/** The upper bound of every delay. */
const make = () => {
  const clock = new FakeClock();
  return { clock, attempts: new Attempts(clock, () => 1) };
};

t.test('what was never tried may be tried', async t => {
  t.equal(make().attempts.heldMs(start), 0);
});

t.test('each further attempt waits twice as long, up to five minutes', async t => {
  const { clock, attempts } = make();
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    attempts.record(start, failed);
    const ms = attempts.heldMs(start);
    waits.push(ms / 1000);
    await clock.advance(ms);
    t.equal(attempts.heldMs(start), 0);
  }
  t.same(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
});

t.test('what succeeds and is asked for again is held back as well: it had no effect', async t => {
  const { attempts } = make();
  attempts.record(start);
  t.ok(attempts.heldMs(start) > 0);
  t.same(attempts.failures(), {}, 'but it is no failure to tell');
});

t.test('something else of the same kind is tried at once', async t => {
  const { attempts } = make();
  const up = (digest: string): Action => ({ type: 'serviceUp', service: 'web', digest, change: 'Start' });
  attempts.record(up('a'), failed);
  t.ok(attempts.heldMs(up('a')) > 0);
  t.equal(attempts.heldMs(up('b')), 0);
  attempts.record(clone(1));
  t.ok(attempts.heldMs(clone(2)) > 0, 'the next try of a clone is the same clone');
  t.equal(attempts.heldMs(clone(1, 'b')), 0, 'one of an edited spec is not');
  const hook = (token: string): Action => ({ type: 'runHook', hook: 'preStart', token });
  attempts.record(hook('a.1'));
  t.ok(attempts.heldMs(hook('a.2')) > 0, 'as is that of a hook');
  t.equal(attempts.heldMs(hook('b.1')), 0);
});

t.test(
  'what is not planned any more is forgotten, but for what goes on or has not proved itself',
  async t => {
    const { attempts } = make();
    const image: Action = { type: 'ensureImage', image: 'a' };
    const hook: Action = { type: 'runHook', hook: 'preStart', token: 'a' };
    for (const action of [start, image, clone(1), hook]) attempts.record(action, failed);
    attempts.settle([], ['ensureImage', 'clone'], false);
    t.same(
      Object.keys(attempts.failures()).sort(),
      ['clone', 'ensureImage', 'start'],
      'a container that dies at once',
    );
    attempts.settle([], ['ensureImage'], true);
    t.same(Object.keys(attempts.failures()), ['ensureImage']);
    attempts.settle([], [], true);
    t.same(attempts.failures(), {});
  },
);

t.test('what was begun in the background fails later', async t => {
  const { attempts } = make();
  const image = (name: string): Action => ({ type: 'ensureImage', image: name });
  attempts.record(image('a'));
  attempts.fail(image('b'), failed);
  t.same(attempts.failures(), {}, 'of an image that nobody asks for any more');
  attempts.fail(image('a'), failed);
  t.same(attempts.failures(), { ensureImage: { ...failed, attempts: 1 } });
});

t.test('failures carry the code of the driver and the ports', async t => {
  t.same(failureOf(new DriverError('PortInUse', 'm', { ports: [1] })), {
    code: 'PortInUse',
    message: 'm',
    ports: [1],
  });
  t.same(failureOf(new Error('m')), { code: 'Internal', message: 'm' });
  t.same(failureOf('m'), { code: 'Internal', message: 'm' });
});
