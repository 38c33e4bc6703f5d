import t from 'tap';
import { strategicMergePatch } from '../../../controller/apiserver/patch/strategic-merge-patch.ts';
import type { JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';

const item: JsonSchema = {
  type: 'object',
  properties: { name: { type: 'string' }, inner: { type: 'object' } },
};
const schema: JsonSchema = {
  type: 'object',
  properties: {
    list: {
      type: 'array',
      items: item,
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    },
    listMap: {
      type: 'array',
      items: item,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    merged: { type: 'array', items: { type: 'string' }, 'x-kubernetes-patch-strategy': 'merge' },
    atomic: { type: 'array', items: item },
    replaced: { type: 'object', 'x-kubernetes-patch-strategy': 'replace' },
    map: {
      type: 'object',
      additionalProperties: {
        type: 'array',
        items: item,
        'x-kubernetes-patch-merge-key': 'name',
        'x-kubernetes-patch-strategy': 'merge',
      },
    },
  },
};
const [a, b, c] = ['a', 'b', 'c'].map(name => ({ name, x: 1 }));
const table: [what: string, before: object, patch: object, after: object][] = [
  [
    'fields merge and null removes',
    { p: 1, q: { r: 1, s: 2 } },
    { p: null, q: { r: 2 } },
    { q: { r: 2, s: 2 } },
  ],
  [
    'items merge by key',
    { list: [a, b] },
    { list: [{ name: 'b', x: 2 }] },
    { list: [a, { name: 'b', x: 2 }] },
  ],
  ['new items go to the end', { list: [a] }, { list: [{ name: 'c', x: 1 }] }, { list: [a, c] }],
  ['a list that was not there', {}, { list: [{ name: 'a', x: 1, y: null }] }, { list: [a] }],
  [
    'keys of list maps count too',
    { listMap: [a] },
    { listMap: [{ name: 'a', y: 1 }] },
    { listMap: [{ name: 'a', x: 1, y: 1 }] },
  ],
  ['an item is deleted', { list: [a, b] }, { list: [{ name: 'a', $patch: 'delete' }] }, { list: [b] }],
  [
    'an item that is not there is deleted',
    { list: [a] },
    { list: [{ name: 'z', $patch: 'delete' }] },
    { list: [a] },
  ],
  [
    'an item is replaced',
    { list: [a, b] },
    { list: [{ name: 'a', y: 1, $patch: 'merge' }] },
    { list: [{ name: 'a', x: 1, y: 1 }, b] },
  ],
  [
    'the list is replaced',
    { list: [a, b] },
    { list: [{ name: 'c', x: 1 }, { $patch: 'replace' }] },
    { list: [c] },
  ],
  ['the list is emptied', { list: [a] }, { list: [{ $patch: 'replace' }] }, { list: [] }],
  ['a map is replaced', { q: { r: 1, s: 2 } }, { q: { $patch: 'replace', t: 3, u: null } }, { q: { t: 3 } }],
  ['a map is deleted', { q: { r: 1 } }, { q: { $patch: 'delete' } }, { q: {} }],
  [
    'a map whose strategy is to replace',
    { replaced: { a: 1 } },
    { replaced: { b: 1 } },
    { replaced: { b: 1 } },
  ],
  ['lists without a strategy are replaced', { atomic: [a] }, { atomic: [b] }, { atomic: [b] }],
  ['sets unite', { set: ['a', 'b'] }, { set: ['b', 'c'] }, { set: ['a', 'b', 'c'] }],
  ['merged scalars unite', { merged: ['a'] }, { merged: ['b'] }, { merged: ['a', 'b'] }],
  [
    'scalars are deleted',
    { set: ['a', 'b', 'c'] },
    { '$deleteFromPrimitiveList/set': ['a', 'c'] },
    { set: ['b'] },
  ],
  [
    'scalars are deleted and added',
    { set: ['a', 'b'] },
    { '$deleteFromPrimitiveList/set': ['a'], set: ['c'] },
    { set: ['b', 'c'] },
  ],
  [
    'order of items',
    { list: [a, b, c] },
    { '$setElementOrder/list': [{ name: 'c' }, { name: 'a' }, { name: 'b' }], list: [{ name: 'a', x: 2 }] },
    { list: [c, { name: 'a', x: 2 }, b] },
  ],
  [
    'order alone',
    { list: [a, b] },
    { '$setElementOrder/list': [{ name: 'b' }, { name: 'a' }] },
    { list: [b, a] },
  ],
  [
    'items that the order does not know stay where they are',
    { list: [a, b, c] },
    { '$setElementOrder/list': [{ name: 'c' }], list: [{ name: 'c', x: 3 }] },
    { list: [a, b, { name: 'c', x: 3 }] },
  ],
  [
    'order of scalars',
    { set: ['a', 'b'] },
    { '$setElementOrder/set': ['c', 'b', 'a'], set: ['c'] },
    { set: ['c', 'b', 'a'] },
  ],
  ['retained keys', { q: { r: 1, s: 2 } }, { q: { $retainKeys: ['r', 't'], t: 3 } }, { q: { r: 1, t: 3 } }],
  [
    'lists in maps of lists',
    { map: { k: [a] } },
    { map: { k: [{ name: 'a', x: 2 }] } },
    { map: { k: [{ name: 'a', x: 2 }] } },
  ],
  [
    'metadata is known',
    { metadata: { finalizers: ['a'], ownerReferences: [{ uid: '1', name: 'x' }] } },
    { metadata: { finalizers: ['b'], ownerReferences: [{ uid: '1', name: 'y' }] } },
    { metadata: { finalizers: ['a', 'b'], ownerReferences: [{ uid: '1', name: 'y' }] } },
  ],
  [
    'nested items merge',
    { list: [{ name: 'a', inner: { p: 1 } }] },
    { list: [{ name: 'a', inner: { q: 2 } }] },
    { list: [{ name: 'a', inner: { p: 1, q: 2 } }] },
  ],
];
t.test('strategic merge', async t => {
  for (const [what, before, patch, after] of table) {
    const [object, copy] = [structuredClone(before), structuredClone(patch)];
    t.strictSame(strategicMergePatch(object, copy, schema), after, what);
    t.strictSame(object, before, `${what}: object`);
    t.strictSame(copy, patch, `${what}: patch`);
  }
});

const malformed: [what: string, patch: unknown][] = [
  ['no object', []],
  ['an unknown directive', { q: { $patch: 'x' } }],
  ['an item without its key', { list: [{ x: 1 }] }],
  ['an item that is no object', { list: ['a'] }],
  ['retained keys that are no list', { q: { $retainKeys: 'a' } }],
  ['retained keys that do not name what is set', { q: { $retainKeys: ['a'], b: 1 } }],
  ['deletions that are no list', { '$deleteFromPrimitiveList/set': 'a' }],
  ['an order that is no list', { '$setElementOrder/set': 'a', set: ['b'] }],
];
t.test('malformed patches are refused', async t => {
  for (const [what, patch] of malformed)
    t.throws(() => strategicMergePatch({ q: {}, set: ['a'] }, patch, schema), { code: 400 }, what);
  let deep: object = {};
  for (let i = 0; i < 1000; i++) deep = { a: deep };
  t.throws(() => strategicMergePatch({}, deep, schema), { code: 400 });
  t.throws(() => strategicMergePatch({}, { q: { $patch: 'replace', deep } }, schema), { code: 400 });
});

t.test('prototypes are out of reach', async t => {
  const patched = strategicMergePatch(
    {},
    JSON.parse('{"__proto__":{"x":1},"replaced":{"__proto__":{"y":1}}}'),
    schema,
  );
  t.equal(({} as { x?: number }).x, undefined);
  t.strictSame(Object.keys(patched).sort(), ['__proto__', 'replaced']);
});
