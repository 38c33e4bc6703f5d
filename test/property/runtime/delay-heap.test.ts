import fc from 'fast-check';
import t from 'tap';
import { DelayHeap } from '../../../controller/runtime/delay-heap.ts';

t.test('keys come in the order of their earliest time, ties in the order of their first add', async () => {
  const add = fc.record({ key: fc.nat({ max: 120 }).map(String), at: fc.nat({ max: 40 }) });
  const take = fc.record({ now: fc.nat({ max: 40 }) });
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: add }, take), { maxLength: 500 }), steps => {
      const heap = new DelayHeap();
      let model: { key: string; at: number; order: number }[] = [];
      let order = 0;
      const first = () => model.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
      for (const step of steps) {
        if ('key' in step) {
          heap.add(step.key, step.at);
          const present = model.find(entry => entry.key === step.key);
          if (present) present.at = Math.min(present.at, step.at);
          else model.push({ ...step, order: order++ });
        } else {
          const next = first();
          const expected = next && next.at <= step.now ? next.key : undefined;
          if (heap.takeDue(step.now) !== expected) throw new Error('another key was due');
          model = model.filter(entry => entry.key !== expected);
        }
        if (heap.nextAt() !== first()?.at) throw new Error('another time is next');
      }
    }),
    { numRuns: 60 },
  );
});

t.test('waits that were shortened again and again take no more room than their keys', async t => {
  const heap = new DelayHeap();
  for (let at = 100_000; at > 0; at--) heap.add('a', at);
  t.equal(heap.takeDue(1), 'a');
  t.equal(heap.takeDue(1_000_000), undefined);
  heap.add('b', 5);
  heap.clear();
  t.equal(heap.nextAt(), undefined);
});
