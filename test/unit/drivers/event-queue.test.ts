import t from 'tap';
import type { EngineEvent } from '../../../agent/driver.ts';
import { EventQueue } from '../../../agent/drivers/event-queue.ts';

async function rest(queue: EventQueue): Promise<EngineEvent[]> {
  const events: EngineEvent[] = [];
  for await (const event of queue) events.push(event);
  return events;
}

t.test('what waits is read in order, also after the end', async t => {
  const queue = new EventQueue();
  queue.push({ type: 'started', placement: 'a' });
  queue.push({ type: 'died', placement: 'b' });
  queue.close();
  queue.push({ type: 'removed' });
  t.same(await rest(queue), [
    { type: 'started', placement: 'a' },
    { type: 'died', placement: 'b' },
  ]);
});

t.test('a reader that waits is woken, and told why when it ends badly', async t => {
  const queue = new EventQueue();
  const reader = queue[Symbol.asyncIterator]();
  const next = reader.next();
  queue.push({ type: 'changed' });
  t.same((await next).value, { type: 'changed' });
  const last = reader.next();
  queue.fail(new Error('gone'));
  queue.close();
  await t.rejects(last, { message: 'gone' });
});

t.test('a reader that falls behind is told to look at everything', async t => {
  const queue = new EventQueue();
  for (let i = 0; i < 1001; i++) queue.push({ type: 'died', placement: `p${i}` });
  queue.push({ type: 'started', placement: 'last' });
  queue.close();
  t.same(await rest(queue), [{ type: 'changed' }, { type: 'started', placement: 'last' }]);
});
