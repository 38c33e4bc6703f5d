import fc from 'fast-check';
import t from 'tap';
import { createWorkQueue } from '../../../controller/runtime/work-queue.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** client-go's rate-limiting queue, written as plainly as it can be. */
class Model {
  queue: string[] = [];
  dirty = new Set<string>();
  processing = new Set<string>();
  waiting: { key: string; at: number; order: number }[] = [];
  failures = new Map<string, number>();
  down = false;
  now = 0;
  order = 0;

  add(key: string): void {
    if (this.down || this.dirty.has(key)) return;
    this.dirty.add(key);
    if (!this.processing.has(key)) this.queue.push(key);
  }
  get(): string | undefined {
    const key = this.queue.shift();
    if (key === undefined) return undefined;
    this.processing.add(key);
    this.dirty.delete(key);
    return key;
  }
  done(key: string): void {
    if (!this.processing.delete(key)) return;
    if (this.dirty.has(key)) this.queue.push(key);
  }
  addAfter(key: string, ms: number): void {
    if (this.down) return;
    if (ms <= 0) return void this.add(key);
    const present = this.waiting.find(w => w.key === key);
    if (!present) this.waiting.push({ key, at: this.now + ms, order: this.order++ });
    else present.at = Math.min(present.at, this.now + ms);
  }
  addRateLimited(key: string): void {
    if (this.down) return;
    const n = this.failures.get(key) ?? 0;
    this.failures.set(key, n + 1);
    this.addAfter(key, Math.min(40, 5 * 2 ** n));
  }
  advance(ms: number): void {
    this.now += ms;
    const due = this.waiting.filter(w => w.at <= this.now).sort((a, b) => a.at - b.at || a.order - b.order);
    this.waiting = this.waiting.filter(w => w.at > this.now);
    for (const { key } of due) this.add(key);
  }
  shutDown(): void {
    this.down = true;
    this.waiting = [];
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'd');
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('add' as const), key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('get' as const) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('done' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('addAfter' as const), key, ms: fc.integer({ min: -1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('addRateLimited' as const), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('forget' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('shutDown' as const) }) },
);

t.test('any order of calls has the results that client-go’s queue has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60 }), async commands => {
      const clock = new FakeClock(0);
      const queue = createWorkQueue({ clock, baseMs: 5, maxMs: 40 });
      const model = new Model();
      for (const c of commands) {
        if (c.op === 'add') {
          queue.add(c.key);
          model.add(c.key);
        } else if (c.op === 'get') {
          const expected = model.get();
          // An empty queue would wait: only ask when there is an answer.
          if (expected !== undefined || model.down) {
            const got = await queue.get();
            if (got !== expected) throw new Error(`get gave ${got}, not ${expected}`);
          }
        } else if (c.op === 'done') {
          queue.done(c.key);
          model.done(c.key);
        } else if (c.op === 'addAfter') {
          queue.addAfter(c.key, c.ms);
          model.addAfter(c.key, c.ms);
        } else if (c.op === 'addRateLimited') {
          queue.addRateLimited(c.key);
          model.addRateLimited(c.key);
        } else if (c.op === 'forget') {
          queue.forget(c.key);
          model.failures.delete(c.key);
        } else if (c.op === 'advance') {
          // Time passes timer by timer in both.
          await clock.advance(c.ms);
          model.advance(c.ms);
        } else {
          queue.shutDown();
          model.shutDown();
        }
        if (queue.length !== model.queue.length)
          throw new Error(`length ${queue.length}, not ${model.queue.length}`);
        for (const k of ['a', 'b', 'c', 'd'])
          if (queue.numRequeues(k) !== (model.failures.get(k) ?? 0)) throw new Error(`requeues of ${k}`);
      }
    }),
    { numRuns: 150 },
  );
});

t.test('with many workers no key is ever in two hands, and none is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(key, fc.integer({ min: 0, max: 5 })), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (adds, workers) => {
        const clock = new FakeClock(0);
        const queue = createWorkQueue({ clock });
        const inHand = new Set<string>();
        const last = new Map<string, number>();
        const seen = new Map<string, number>();
        let tick = 0;
        const work = async () => {
          for (let k = await queue.get(); k !== undefined; k = await queue.get()) {
            if (inHand.has(k)) throw new Error(`${k} is in two hands`);
            inHand.add(k);
            seen.set(k, tick);
            await clock.sleep(3);
            inHand.delete(k);
            queue.done(k);
          }
        };
        const running = Array.from({ length: workers }, work);
        for (const [k, wait] of adds) {
          last.set(k, ++tick);
          queue.add(k);
          await clock.advance(wait);
        }
        const drained = queue.shutDownWithDrain();
        await clock.advance(1000);
        await drained;
        await Promise.all(running);
        for (const [k, at] of last)
          if ((seen.get(k) ?? 0) < at) throw new Error(`the last add of ${k} was not looked at`);
      },
    ),
    { numRuns: 40 },
  );
});
