import t from 'tap';
import { createGuestWatch } from '../../../agent/engine/guest-watch.ts';
import type { Guest, GuestState } from '../../../agent/guest/guest.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const aborted = (signal?: AbortSignal) =>
  new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

t.test('who waits for an instance that ended is told at once, and may ask again', async t => {
  const answers: (GuestState | undefined)[] = [undefined, { bootId: 'again' } as unknown as GuestState];
  const guest = {
    // biome-ignore lint/correctness/useYield: a watch of an instance that is about to end tells nothing
    async *watch(_: string, signal: AbortSignal) {
      await aborted(signal);
    },
    state: (_: string, signal?: AbortSignal) => {
      const answer = answers.shift();
      return answer ? Promise.resolve(answer) : aborted(signal);
    },
  } as unknown as Guest;
  const clock = new FakeClock();
  const watch = createGuestWatch({
    guest,
    instanceId: 'one',
    clock,
    log: silentLogger,
    random: () => 0.5,
    onChange: () => {},
  });
  const early = t.rejects(watch.read(), { code: 'NotRunning' }, 'before the watch has told anything');
  await settle();
  watch.interrupt();
  await early;
  const asked = watch.read();
  const late = t.rejects(asked, { code: 'NotRunning' }, 'and while it is asked');
  await clock.advance(2_000);
  watch.interrupt();
  await late;
  const answer = watch.read();
  await clock.advance(2_000);
  t.match(await answer, { bootId: 'again' });
  await watch.stop().catch(() => {});
});

t.test('what was looked at before the last answer is no news, and what comes after it is', async t => {
  const state = (at: number, name: string, bootId = 'b') => ({ at, bootId, version: name }) as GuestState;
  const told = Promise.withResolvers<void>();
  const queue = [state(100, 'first')];
  let more = Promise.withResolvers<void>();
  const tell = (...states: GuestState[]) => {
    queue.push(...states);
    more.resolve();
  };
  const answers: GuestState[] = [];
  const guest = {
    async *watch(_: string, signal: AbortSignal) {
      const ended = aborted(signal);
      for (;;) {
        for (let next = queue.shift(); next; next = queue.shift()) yield next;
        told.resolve();
        more = Promise.withResolvers();
        await Promise.race([more.promise, ended]);
      }
    },
    state: async () => answers.shift(),
  } as unknown as Guest;
  let changes = 0;
  const watch = createGuestWatch({
    guest,
    instanceId: 'one',
    clock: new FakeClock(),
    log: silentLogger,
    random: () => 0.5,
    onChange: () => changes++,
  });
  const version = async () => (await watch.read()).version;
  await told.promise;
  t.equal(await version(), 'first');

  watch.invalidate();
  answers.push(state(300, 'asked'));
  t.equal(await version(), 'asked');
  tell(state(200, 'late'));
  await settle();
  t.equal(changes, 2, 'there may be something to see');
  answers.push(state(310, 'asked again'));
  t.equal(await version(), 'asked again', 'so it is asked once more');
  tell(state(400, 'told'));
  await settle();
  t.equal(await version(), 'told');

  watch.invalidate();
  answers.push(state(390, 'answered late'));
  t.equal(await version(), 'told', 'nor is an answer that was overtaken');
  tell(state(20, 'anew', 'c'));
  await settle();
  t.equal(await version(), 'anew', 'another start has another clock');
  tell(state(90_000, 'far', 'c'), state(30_000, 'set back', 'c'));
  await settle();
  t.equal(await version(), 'set back', 'and one that was set back by far is believed');
  await watch.stop().catch(() => {});
});
