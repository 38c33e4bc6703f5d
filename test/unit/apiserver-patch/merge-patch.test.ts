import t from 'tap';
import { mergePatch } from '../../../controller/apiserver/patch/merge-patch.ts';
import { isApiError } from '../../../controller/kit/errors.ts';

const table: [before: object, patch: object, after: object][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  [{ a: 1 }, {}, { a: 1 }],
];
const kubernetes: typeof table = [
  [{}, { a: [{ b: null, c: [{ d: null }] }, null] }, { a: [{ c: [{}] }, null] }],
  [{ a: [] }, { a: [{ b: null }] }, { a: [{}] }],
  [{ a: 'x' }, { a: [{ b: null }] }, { a: [{}] }],
  [{ a: {} }, { a: [{ b: null }] }, { a: [{ b: null }] }],
];
t.test('RFC 7386, by its own examples, and what Kubernetes does beyond it', async t => {
  for (const [before, patch, after] of [...table, ...kubernetes]) {
    const [object, copy] = [structuredClone(before), structuredClone(patch)];
    t.strictSame(mergePatch(object, copy), after, JSON.stringify(patch));
    t.strictSame(object, before);
    t.strictSame(copy, patch);
  }
});

t.test('what is no object, or nested without end, is refused', async t => {
  for (const patch of [null, [], 'a', 1]) t.throws(() => mergePatch({}, patch), { code: 400 });
  let deep: object = {};
  for (let i = 0; i < 100_000; i++) deep = { a: deep };
  try {
    mergePatch({}, deep);
    t.fail('it should be refused');
  } catch (error) {
    t.ok(isApiError(error, 'BadRequest'));
  }
});

t.test('prototypes are out of reach', async t => {
  const patched = mergePatch({}, JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}}}'));
  t.strictSame(Object.keys(patched).sort(), ['__proto__', 'constructor']);
  t.equal(({} as { x?: number }).x, undefined);
  t.equal(({} as { y?: number }).y, undefined);
});
