import fc from 'fast-check';
import t from 'tap';
import { findCycle } from '../../../controller/kit/find-cycle.ts';

t.test('a cycle is named in its order, the first name again at its end', async t => {
  const of = (graph: Record<string, string[]>) => findCycle(new Map(Object.entries(graph)));
  t.equal(of({ a: ['b'], b: ['c'], c: [] }), undefined);
  t.equal(of({ a: ['missing'] }), undefined);
  t.same(of({ a: ['a'] }), ['a', 'a']);
  t.same(of({ x: ['a'], a: ['b'], b: ['c'], c: ['a'] }), ['a', 'b', 'c', 'a']);
  t.equal(of({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }), undefined, 'a diamond is none');
});

t.test('a chain of any length is walked', async t => {
  const graph = new Map(Array.from({ length: 50_000 }, (_, i) => [`s${i}`, [`s${i + 1}`]] as const));
  t.equal(findCycle(graph), undefined);
});

t.test('what is found is a cycle, and none is missed', async () => {
  const name = fc.integer({ min: 0, max: 7 }).map(String);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.array(name, { maxLength: 3 })), { maxLength: 8 }), pairs => {
      const graph = new Map(pairs);
      const cycle = findCycle(graph);
      if (cycle)
        return (
          cycle.slice(1).every((next, i) => graph.get(cycle[i]!)?.includes(next)) && cycle[0] === cycle.at(-1)
        );
      // Without a cycle, taking away what depends on nothing leaves nothing.
      const left = new Map(graph);
      for (let size = -1; size !== left.size; ) {
        size = left.size;
        for (const [key, deps] of left) if (!deps.some(dep => left.has(dep))) left.delete(key);
      }
      return left.size === 0;
    }),
    { numRuns: 300 },
  );
});
