import t from 'tap';
import { boundedCalls, knownOnce } from '../../../agent/drivers/bounded-calls.ts';
import { FakeClock } from '../../support/fake-clock.ts';

t.test('an engine that never answers is one that does not answer', async t => {
  const clock = new FakeClock();
  const { read, change } = boundedCalls({ engine: 'the engine', clock, readMs: 10, changeMs: 20 });
  const never = () => new Promise<never>(() => {});
  const failures: unknown[] = [];
  const expectFailure = (call: Promise<unknown>) => call.catch(error => failures.push(error));
  expectFailure(read('list', never));
  expectFailure(change('stop', never, 5));
  await clock.advance(10);
  t.match(failures, [
    { code: 'EngineUnavailable', message: 'the engine took a call (list) and gave no answer in time' },
  ]);
  await clock.advance(14);
  t.equal(failures.length, 1);
  await clock.advance(1);
  t.match(failures[1], { code: 'EngineUnavailable', message: /\(stop\)/ });
  t.equal(await read('list', async () => 'answer'), 'answer');
});

t.test('known once, until it fails or is forgotten', async t => {
  let asked = 0;
  let failure: Error | undefined;
  const facts = knownOnce(async () => {
    asked++;
    if (failure) throw failure;
    return asked;
  });
  t.equal(await facts.get(), 1);
  t.equal(await facts.get(), 1);
  facts.forget();
  failure = new Error('away');
  await t.rejects(facts.get(), failure);
  failure = undefined;
  t.equal(await facts.get(), 3);
});
