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
