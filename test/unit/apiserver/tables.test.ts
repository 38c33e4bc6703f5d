import t from 'tap';
import { printerColumns } from '../../../controller/apiserver/tables/column.ts';
import { ageOf, humanDuration } from '../../../controller/apiserver/tables/human-duration.ts';

t.test('durations are shown as kubectl shows them', async t => {
  const [s, m, h, d] = [1000, 60_000, 3_600_000, 86_400_000] as const;
  for (const [ms, text] of [
    [-5 * s, '<invalid>'],
    [-s, '0s'],
    [0, '0s'],
    [119 * s, '119s'],
    [2 * m, '2m'],
    [3 * m + 20 * s, '3m20s'],
    [10 * m + 20 * s, '10m'],
    [179 * m, '179m'],
    [3 * h, '3h'],
    [7 * h + 5 * m, '7h5m'],
    [8 * h + 5 * m, '8h'],
    [47 * h, '47h'],
    [2 * d, '2d'],
    [2 * d + 3 * h, '2d3h'],
    [8 * d + 3 * h, '8d'],
    [729 * d, '729d'],
    [2 * 365 * d, '2y'],
    [3 * 365 * d + 5 * d, '3y5d'],
    [9 * 365 * d, '9y'],
  ] as const)
    t.equal(humanDuration(ms), text);
  t.equal(ageOf(undefined, 0), '<unknown>');
  t.equal(ageOf('', 0), '<unknown>');
  t.equal(ageOf('yesterday', 0), '<invalid>');
  t.equal(ageOf('1970-01-01T00:00:10Z', 20_000), '10s');
});

t.test('columns have values of their type, or none', async t => {
  const object = {
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'n', creationTimestamp: '1970-01-01T00:00:00Z' },
    v: 5.5,
    s: 'text',
    o: { a: 1 },
    b: true,
    z: null,
  };
  const cell = (type: string, jsonPath: string) =>
    printerColumns([{ name: 'C', type, jsonPath }])[1]!.cell(object, 60_000);
  t.equal(cell('integer', '.v'), 5);
  t.equal(cell('number', '.v'), 5.5);
  t.equal(cell('integer', '.s'), null);
  t.equal(cell('number', '.s'), null);
  t.equal(cell('boolean', '.b'), true);
  t.equal(cell('boolean', '.s'), null);
  t.equal(cell('string', '.o'), '{"a":1}');
  t.equal(cell('string', '.v'), '5.5');
  t.equal(cell('string', '.z'), null);
  t.equal(cell('string', '.none'), null);
  t.equal(cell('date', '.metadata.creationTimestamp'), '60s');
  t.same(
    printerColumns([]).map(column => column.definition.name),
    ['Name', 'Age'],
  );
});
