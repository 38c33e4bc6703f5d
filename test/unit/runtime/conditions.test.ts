import t from 'tap';
import {
  getCondition,
  isTrue,
  removeCondition,
  setCondition,
} from '../../../controller/runtime/conditions.ts';
import type { Condition } from '../../../crds/object.ts';

const at = (seconds: number) => Date.UTC(2026, 0, 1, 0, 0, seconds);
const ready = { type: 'Ready', status: 'True', reason: 'Ok', message: 'All is well.' } as const;

t.test('a new condition is added with the time', async t => {
  const list = setCondition(undefined, ready, at(1));
  t.same(list, [{ ...ready, lastTransitionTime: '2026-01-01T00:00:01Z' }]);
});

t.test('the same condition leaves the very same array', async t => {
  const list = setCondition([], ready, at(1));
  t.equal(setCondition(list, { ...ready }, at(9)), list);
});

t.test('lastTransitionTime moves with the status only', async t => {
  const list = setCondition([], ready, at(1));
  const said = setCondition(list, { ...ready, message: 'Still well.', observedGeneration: 2 }, at(5));
  t.not(said, list);
  t.equal(said[0]?.lastTransitionTime, '2026-01-01T00:00:01Z');
  const turned = setCondition(said, { ...ready, status: 'False', reason: 'Broken' }, at(7));
  t.equal(turned[0]?.lastTransitionTime, '2026-01-01T00:00:07Z');
  t.equal(list[0]?.status, 'True', 'the given array is not altered');
});

t.test('other conditions keep their place', async t => {
  const list = [
    ...setCondition([], { ...ready, type: 'A' }, at(1)),
    ...setCondition([], { ...ready, type: 'B' }, at(1)),
  ];
  const next = setCondition(list, { ...ready, type: 'A', status: 'False' }, at(2));
  t.same(
    next.map(c => c.type),
    ['A', 'B'],
  );
  t.equal(next[1], list[1]);
});

t.test('a condition is found, asked and removed', async t => {
  const list = setCondition([], { ...ready, observedGeneration: 3 }, at(1));
  t.equal(getCondition(list, 'Ready')?.reason, 'Ok');
  t.equal(getCondition(undefined, 'Ready'), undefined);
  t.ok(isTrue(list, 'Ready'));
  t.ok(isTrue(list, 'Ready', 3));
  t.notOk(isTrue(list, 'Ready', 4), 'what was said of an older generation does not count');
  t.notOk(isTrue(setCondition([], ready, at(1)), 'Ready', 1), 'nor what names no generation');
  t.notOk(isTrue(list, 'Other'));
  t.same(removeCondition(list, 'Ready'), []);
  t.equal(removeCondition(list, 'Other'), list);
  t.same(removeCondition(undefined, 'Other'), [] as Condition[]);
});
