import fc from 'fast-check';
import t from 'tap';
import { jsonPatch } from '../../../controller/apiserver/patch/json-patch.ts';
import { mergePatch } from '../../../controller/apiserver/patch/merge-patch.ts';
import { strategicMergePatch } from '../../../controller/apiserver/patch/strategic-merge-patch.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { mergePatch as diff, jsonEqual } from '../../../controller/kit/json.ts';

const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'a/b', 'm~n', '0');
const json = fc.letrec<{ value: unknown; object: Record<string, unknown> }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.constantFrom('x', 'y', true),
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
}));
const object = json.object;
/** Patches hold nulls as well. */
const patch = fc.letrec<{ value: unknown; object: Record<string, unknown> }>(tie => ({
  value: fc.oneof({ depthSize: 'small' }, fc.constant(null), json.value, tie('object')),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
})).object;
const RUNS = { numRuns: 300 };

t.test('a merge patch applied twice is applied once, and changes neither argument', async t => {
  fc.assert(
    fc.property(object, patch, (target, change) => {
      const [before, same] = [structuredClone(target), structuredClone(change)];
      const once = mergePatch(target, change);
      return (
        jsonEqual(mergePatch(once, change), once) && jsonEqual(target, before) && jsonEqual(change, same)
      );
    }),
    RUNS,
  );
  t.pass();
});

t.test('the merge patch between two objects leads from one to the other', async t => {
  const plain = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.oneof(fc.integer(), fc.dictionary(fc.constantFrom('a', 'b'), fc.integer())),
  );
  fc.assert(
    fc.property(plain, plain, (from, to) => jsonEqual(mergePatch(from, diff(from, to) ?? {}), to)),
    RUNS,
  );
  t.pass();
});

t.test('without a schema a strategic merge patch is a merge patch', async t => {
  fc.assert(
    fc.property(object, patch, (target, change) =>
      jsonEqual(strategicMergePatch(target, change, { type: 'object' }), mergePatch(target, change)),
    ),
    RUNS,
  );
  t.pass();
});

const pointer = (path: string[]) =>
  path.map(token => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
/** Operations that make `from` into `to`. */
function operations(from: Record<string, unknown>, to: Record<string, unknown>): object[] {
  return [
    ...Object.keys(from)
      .filter(name => !Object.hasOwn(to, name))
      .map(name => ({ op: 'remove', path: pointer([name]) })),
    ...Object.keys(to).flatMap(name => [
      { op: 'add', path: pointer([name]), value: to[name] },
      { op: 'test', path: pointer([name]), value: to[name] },
    ]),
  ];
}
t.test('JSON patches there and back again', async t => {
  fc.assert(
    fc.property(object, object, (from, to) => {
      const there = jsonPatch(from, operations(from, to));
      return jsonEqual(there, to) && jsonEqual(jsonPatch(there, operations(to, from)), from);
    }),
    RUNS,
  );
  t.pass();
});

t.test('random operations give an object or an ApiError, and never touch a prototype', async t => {
  const path = fc
    .array(fc.oneof(key, fc.constantFrom('-', '1', '01', 'constructor', 'prototype', 'toString', 'length')), {
      maxLength: 3,
    })
    .map(pointer);
  const operation = fc.record(
    {
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
      path,
      from: path,
      value: json.value,
    },
    { requiredKeys: ['op', 'path'] },
  );
  const names = () =>
    [Object.prototype, Array.prototype, Function.prototype].map(p => Object.getOwnPropertyNames(p).length);
  const before = names();
  fc.assert(
    fc.property(object, fc.array(operation, { maxLength: 6 }), (target, ops) => {
      const copy = structuredClone(target);
      try {
        jsonPatch(target, ops);
      } catch (error) {
        if (!(error instanceof ApiError) || ![400, 413, 422].includes(error.code)) throw error;
      }
      return jsonEqual(target, copy);
    }),
    { numRuns: 1000 },
  );
  t.strictSame(names(), before);
});
