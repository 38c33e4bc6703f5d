import t from 'tap';
import { ServerClock } from '../../../agent/server-clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A server whose clock is `behindMs` behind this machine's, and that takes `wayMs` to hear and `wayMs` to be heard. */
async function ask(own: FakeClock, clock: ServerClock, behindMs: number, wayMs = 20): Promise<void> {
  const sentAt = own.now();
  await own.advance(wayMs);
  const date = new Date(own.now() - behindMs).toUTCString();
  await own.advance(wayMs);
  clock.heard(date, sentAt);
}

t.test('what is stamped is in the time of the server, whichever clock is wrong', async t => {
  for (const behindMs of [600_000, -600_000, 3_600_000 * 26, 5_000]) {
    const own = new FakeClock();
    const clock = new ServerClock(own);
    await ask(own, clock, behindMs);
    t.ok(Math.abs(clock.aheadMs - behindMs) <= 2_100, `${behindMs}`, { found: clock.aheadMs });
    for (let i = 0; i < 20; i++) {
      await own.advance(370);
      await ask(own, clock, behindMs);
    }
    t.ok(Math.abs(clock.aheadMs - behindMs) <= 2_000, `${behindMs}, later`, { found: clock.aheadMs });
    t.equal(clock.now(), own.now() - clock.aheadMs);
    await ask(own, clock, 0);
    t.ok(Math.abs(clock.aheadMs) <= 2_100, 'and when it was set right', { found: clock.aheadMs });
  }
});

t.test('what no answer contradicts is left as it is, and lengths of time are its own', async t => {
  const own = new FakeClock();
  const clock = new ServerClock(own);
  for (const behindMs of [0, 300, -900]) {
    await ask(own, clock, behindMs);
    await ask(own, clock, behindMs, 15_000);
    t.equal(clock.aheadMs, 0);
  }
  for (const date of [undefined, '', 'yesterday', ['a']]) clock.heard(date, own.now());
  t.equal(clock.aheadMs, 0);
  // A clock that was set back while the answer was under way tells nothing.
  clock.heard(new Date(own.now()).toUTCString(), own.now() + 60_000);
  t.equal(clock.aheadMs, 0);
  await ask(own, clock, 600_000);
  t.equal(clock.uptime(), own.uptime());
});
