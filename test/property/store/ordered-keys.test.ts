import fc from 'fast-check';
import t from 'tap';
import { OrderedKeys } from '../../../controller/store/ordered-keys.ts';

/** Few characters, so that prefixes and duplicates are frequent; one beyond the basic plane for the order. */
const key = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '\uffff', '\u{1f600}'), maxLength: 4 });

t.test('it answers like a sorted array, whatever is added and removed', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), key), { maxLength: 300 }),
      fc.array(fc.tuple(key, fc.option(key, { nil: undefined }), fc.nat(20)), {
        minLength: 1,
        maxLength: 20,
      }),
      (changes, queries) => {
        const ordered = new OrderedKeys();
        const set = new Set<string>();
        for (const [isAdd, k] of changes) {
          if (isAdd) ordered.add(k);
          else ordered.delete(k);
          if (isAdd) set.add(k);
          else set.delete(k);
        }
        if (ordered.size !== set.size) return false;
        const sorted = [...set].sort();
        return queries.every(([prefix, after, limit]) => {
          const expected = sorted.filter(k => k.startsWith(prefix) && (after === undefined || k > after));
          const { keys, total } = ordered.range(prefix, after, limit);
          return total === expected.length && keys.join() === expected.slice(0, limit).join();
        });
      },
    ),
    { numRuns: 300 },
  );
});

t.test('a hundred thousand keys, added at random and removed again, stay in order', async t => {
  const ordered = new OrderedKeys();
  const names = Array.from({ length: 100_000 }, (_, i) => `/g/p/ns${i % 50}/n${(i * 7919) % 100_000}`);
  for (const name of names) ordered.add(name);
  t.equal(ordered.size, 100_000);
  t.equal(ordered.count('/g/p/ns7/'), 2_000);
  const { keys, total } = ordered.range('/g/p/', '/g/p/ns3/', 5_000);
  const expected = names.filter(name => name > '/g/p/ns3/').sort();
  t.equal(total, expected.length);
  t.strictSame(keys, expected.slice(0, 5_000));
  for (const name of names) if (!name.startsWith('/g/p/ns9/')) ordered.delete(name);
  t.equal(ordered.size, 2_000);
  t.equal(ordered.count(''), 2_000);
});
