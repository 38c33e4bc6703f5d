import t from 'tap';
import { ageOf } from '../../../controller/apiserver/tables/age.ts';
import { printerColumns } from '../../../controller/apiserver/tables/column.ts';

t.test('ages are shown as kubectl shows them', async t => {
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
