import t from 'tap';
import type { Driver } from '../../../agent/driver.ts';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { createEngineView } from '../../../agent/engine/engine-view.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

t.test('an engine that sends events and answers nothing is followed once at a time', async t => {
  const memory = createMemoryDriver({ node: 'n' });
  let answers = false;
  const followed: AbortSignal[] = [];
  const driver: Driver = {
    ...memory,
    info: signal => (answers ? memory.info(signal) : Promise.reject(new Error('no answer'))),
    watch(signal) {
      followed.push(signal);
      return memory.watch(signal);
    },
  };
  const clock = new FakeClock();
  const said: string[] = [];
  const view = createEngineView({
    driver,
    clock,
    log: silentLogger,
    random: () => 1,
    onEvent: (_, type) => said.push(type),
  });
  const stop = new AbortController();
  const running = view.run(stop.signal);
  await clock.advance(10_000);
  t.ok(followed.length > 3, `tried ${followed.length} times`);
  t.ok(
    followed.slice(0, -1).every(({ aborted }) => aborted),
    'and each was ended before the next',
  );
  answers = true;
  await clock.advance(3000);
  t.ok(said.includes('back'), said.join(' '));
  t.equal(followed.filter(({ aborted }) => !aborted).length, 1);
  stop.abort();
  await running;
  t.ok(followed.every(({ aborted }) => aborted));
});
