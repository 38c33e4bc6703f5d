import t from 'tap';
import { type History, type Operation, violations } from '../../support/linear-history.ts';

type Outcome = number | 'refused' | 'unknown';
const put = (
  start: number,
  end: number,
  expected: number,
  outcome: Outcome,
  value = `v${outcome}`,
): Operation => ({
  kind: 'put',
  key: 'a',
  start,
  end,
  expected,
  value,
  outcome,
});
const read = (start: number, end: number, version: number): Operation => ({
  kind: 'read',
  key: 'a',
  start,
  end,
  found: version ? { version, value: `v${version}` } : { version },
});
const remove = (
  start: number,
  end: number,
  expected: number,
  outcome: 'done' | 'refused' | 'unknown',
): Operation => ({
  kind: 'delete',
  key: 'a',
  start,
  end,
  expected,
  outcome,
});
const event = (version: number, value: string | undefined = `v${version}`) => ({
  key: 'a',
  version,
  ...(value !== 'gone' && { value }),
});
const list = (start: number, end: number, version: number, item: number) => ({
  start,
  end,
  version,
  items: new Map(item ? [['a', { version: item, value: `v${item}` }]] : []),
});
const faults = (operations: Operation[], log: History['watches'][number], more: Partial<History> = {}) =>
  violations({ operations, snapshots: [], watches: [log], ...more });

t.test('what could have happened on one copy is no violation', async t => {
  const operations = [
    read(0, 1, 0),
    put(1, 5, 0, 1),
    read(2, 3, 0),
    read(2, 4, 1),
    put(6, 7, 0, 'refused', 'x'),
    put(6, 9, 1, 4),
    put(6, 9, 1, 'refused', 'y'),
    put(10, Number.POSITIVE_INFINITY, 4, 'unknown', 'v6'),
    read(11, 12, 4),
    read(13, 14, 6),
    put(15, Number.POSITIVE_INFINITY, 6, 'unknown', 'never'),
    remove(20, 21, 6, 'done'),
    read(22, 23, 0),
    remove(24, 25, 6, 'refused'),
    put(26, 27, 0, 12),
  ];
  const log = [event(1), event(4), event(6), event(9, 'gone'), event(12)];
  const snapshots = [list(0, 1, 0, 0), list(8, 10, 5, 4), list(22, 23, 11, 0)];
  t.strictSame(violations({ operations, snapshots, watches: [log, log] }), []);
});

for (const [what, found] of Object.entries({
  'an answered write that is lost': faults([put(0, 1, 0, 1), put(2, 3, 1, 2)], [event(1)]),
  'a read of what was before an answered write': faults(
    [put(0, 1, 0, 1), put(2, 3, 1, 2), read(4, 5, 1)],
    [event(1), event(2)],
  ),
  'a read that finds nothing after an answered create': faults([put(0, 1, 0, 1), read(2, 3, 0)], [event(1)]),
  'a read that is older than another that had ended': faults(
    [put(0, 1, 0, 1), put(2, 9, 1, 2), read(3, 4, 2), read(5, 6, 1)],
    [event(1), event(2)],
  ),
  'a read of what nobody had sent yet': faults([read(0, 1, 1), put(2, 3, 0, 1)], [event(1)]),
  'two writes that both found the same version': faults(
    [put(0, 1, 0, 1), put(2, 5, 1, 2), put(2, 5, 1, 3)],
    [event(1), event(2), event(3)],
  ),
  'a refusal though the version was right': faults(
    [put(0, 1, 0, 1), put(2, 3, 1, 'refused', 'x')],
    [event(1)],
  ),
  'a refused write that is stored': faults(
    [put(0, 1, 0, 1), put(2, 3, 7, 'refused', 'x')],
    [event(1), event(2, 'x')],
  ),
  'a write that is stored twice': faults([put(0, 1, 0, 1)], [event(1), event(2, 'v1')]),
  'a value that nobody wrote': faults([put(0, 1, 0, 1)], [event(1), event(2, 'x')]),
  'a deleted object that is back': faults(
    [put(0, 1, 0, 1), remove(2, 3, 1, 'done'), read(4, 5, 1)],
    [event(1), event(2, 'gone')],
  ),
  'an answered delete that is lost': faults([put(0, 1, 0, 1), remove(2, 3, 1, 'done')], [event(1)]),
  'an event told twice': faults([put(0, 1, 0, 1)], [event(1), event(1)]),
  'a watch with a gap': violations({
    operations: [put(0, 1, 0, 1), put(2, 3, 1, 2)],
    snapshots: [],
    watches: [[event(1), event(2)], [event(2)]],
  }),
  'a list that is older than what was known': faults(
    [put(0, 1, 0, 1), put(2, 3, 1, 2)],
    [event(1), event(2)],
    {
      snapshots: [list(4, 5, 1, 1)],
    },
  ),
  'a list of two states at once': faults([put(0, 1, 0, 1), put(2, 9, 1, 2)], [event(1), event(2)], {
    snapshots: [list(3, 4, 1, 2)],
  }),
}))
  t.test(`${what} is found`, async t => {
    t.not(found.length, 0);
    t.comment(found.join('; '));
  });
