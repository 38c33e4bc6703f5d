import t from 'tap';
import {
  type LevelLimits,
  PriorityLevel,
  type Release,
} from '../../../controller/apiserver/flow-control/priority-level.ts';
import { tooManyRequests } from '../../../controller/apiserver/refusals.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Code and time to wait are those of the error. */
const REFUSED = tooManyRequests();

function level(limits: Partial<LevelLimits> = {}) {
  const clock = new FakeClock();
  const rejections: string[] = [];
  const one = new PriorityLevel('users', {
    limits: {
      seats: 4,
      seatsPerUser: 2,
      queuedPerUser: 2,
      waitMs: 1000,
      watches: 3,
      watchesPerUser: 2,
      ...limits,
    },
    clock,
    observer: { rejected: (_level, reason) => rejections.push(reason), waited() {} },
  });
  const order: string[] = [];
  const leaves: (() => void)[] = [];
  /** Enters, and keeps the seat until it is released. */
  const enter = (user: string, seats = 1): { release?: Release; refused?: unknown } => {
    const held: { release?: Release; refused?: unknown } = {};
    const entered = one.enter(user, seats, leave => leaves.push(leave));
    if (typeof entered === 'function') held.release = entered;
    else
      entered.then(
        release => {
          order.push(user);
          held.release = release;
        },
        error => {
          held.refused = error.reason;
        },
      );
    return held;
  };
  const settle = () => clock.advance(0);
  return { level: one, clock, enter, settle, order, leaves, rejections };
}

t.test('a user has some seats, some more wait, and the rest is refused', async t => {
  const { level: users, enter, settle, rejections } = level();
  const [a, b, c, d] = [enter('ann'), enter('ann'), enter('ann'), enter('ann')];
  t.ok(a.release && b.release && !c.release && !d.release);
  t.throws(() => enter('ann'), REFUSED);
  t.strictSame(rejections, ['queue-full']);
  t.strictSame([users.seats, users.queued], [2, 2]);
  t.ok(enter('bob').release, 'another user has a seat at once');
  a.release?.();
  await settle();
  t.ok(c.release && !d.release, 'who came first');
});

t.test('users take turns, however many requests one of them has waiting', async t => {
  const { enter, settle, order } = level({ seats: 1, seatsPerUser: 1, queuedPerUser: 10 });
  const held = [enter('ann')];
  for (const user of ['ann', 'ann', 'ann', 'bob', 'cid']) held.push(enter(user));
  for (const next of [0, 1, 4, 5, 2]) {
    held[next]?.release?.();
    await settle();
  }
  t.strictSame(order, ['ann', 'bob', 'cid', 'ann', 'ann']);
});

t.test('a request that needs many seats is not passed by small ones for ever', async t => {
  const { enter, settle, order } = level({ seatsPerUser: 4, queuedPerUser: 10 });
  const held = [enter('ann'), enter('bob'), enter('cid')];
  const big = enter('big', 3);
  const small = enter('dan');
  await settle();
  t.notOk(small.release, 'it waits behind, though there is a seat');
  held[0]?.release?.();
  await settle();
  t.notOk(small.release);
  held[1]?.release?.();
  await settle();
  t.ok(big.release && !small.release);
  held[2]?.release?.();
  await settle();
  t.strictSame(order, ['big', 'dan']);
});

t.test('more seats than there are is all of them', async t => {
  const { level: users, enter } = level();
  t.ok(enter('ann', 10).release);
  t.equal(users.seats, 2);
});

t.test('who waits too long is refused, and who is gone leaves the queue', async t => {
  const { level: users, clock, enter, leaves, settle, rejections } = level({ seatsPerUser: 1 });
  const first = enter('ann');
  const [gone, late] = [enter('ann'), enter('ann')];
  leaves[0]?.();
  await settle();
  t.equal(gone.refused, 'TooManyRequests');
  await clock.advance(1000);
  t.equal(late.refused, 'TooManyRequests');
  t.strictSame(rejections, ['cancelled', 'time-out']);
  t.strictSame([users.queued, clock.pending], [0, 0]);
  leaves[1]?.();
  first.release?.();
  t.equal(users.seats, 0);
});

t.test('watches are counted apart', async t => {
  const { level: users, enter } = level();
  const closes = [users.openWatch('ann'), users.openWatch('ann')];
  t.throws(() => users.openWatch('ann'), REFUSED);
  users.openWatch('bob');
  t.throws(() => users.openWatch('cid'), REFUSED, 'of all');
  t.ok(enter('ann').release);
  closes[0]?.();
  users.openWatch('cid');
  t.equal(users.watches, 3);
});
