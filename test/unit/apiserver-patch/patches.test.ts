import t from 'tap';
import { jsonPatch, MAX_OPERATIONS } from '../../../controller/apiserver/patch/json-patch.ts';
import { mergePatch } from '../../../controller/apiserver/patch/merge-patch.ts';
import { isApiError } from '../../../controller/kit/errors.ts';

const table: [what: string, before: object, ops: unknown[], after: object][] = [
  ['add a field', {}, [{ op: 'add', path: '/a', value: 1 }], { a: 1 }],
  ['add replaces a field', { a: 1 }, [{ op: 'add', path: '/a', value: 2 }], { a: 2 }],
  ['add an item', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
  ['add at the end', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
  ['add null', {}, [{ op: 'add', path: '/a', value: null }], { a: null }],
  [
    'replace a field that is not there, as in Kubernetes',
    {},
    [{ op: 'replace', path: '/a', value: 1 }],
    { a: 1 },
  ],
  ['replace everything', { a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
  ['add everything', { a: 1 }, [{ op: 'add', path: '', value: { b: 1 } }], { b: 1 }],
  ['remove a field', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
  ['remove an item', { a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
  ['replace an item', { a: [1, 2] }, [{ op: 'replace', path: '/a/1', value: 3 }], { a: [1, 3] }],
  [
    'move a field',
    { a: { b: 1 }, c: {} },
    [{ op: 'move', from: '/a/b', path: '/c/d' }],
    { a: {}, c: { d: 1 } },
  ],
  ['move an item', { a: [1, 2, 3] }, [{ op: 'move', from: '/a/0', path: '/a/2' }], { a: [2, 3, 1] }],
  [
    'copy',
    { a: { b: 1 } },
    [
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'add', path: '/c/d', value: 2 },
    ],
    { a: { b: 1 }, c: { b: 1, d: 2 } },
  ],
  [
    'test',
    { a: { b: [1, 'x', null] } },
    [{ op: 'test', path: '/a', value: { b: [1, 'x', null] } }],
    { a: { b: [1, 'x', null] } },
  ],
  ['test that nothing is there', {}, [{ op: 'test', path: '/a', value: null }], {}],
  [
    'escapes',
    { 'a/b': { 'c~d': 1, '': 2 } },
    [
      { op: 'remove', path: '/a~1b/c~0d' },
      { op: 'replace', path: '/a~1b/', value: 3 },
    ],
    { 'a/b': { '': 3 } },
  ],
];
t.test('each operation does what RFC 6902 says, and leaves its arguments alone', async t => {
  for (const [what, before, ops, after] of table) {
    const [object, patch] = [structuredClone(before), structuredClone(ops)];
    t.strictSame(jsonPatch(object, patch), after, what);
    t.strictSame(object, before, `${what}: object`);
    t.strictSame(patch, ops, `${what}: patch`);
  }
});

const refused: [what: string, code: number, object: object, ops: unknown][] = [
  ['no list', 400, {}, {}],
  ['no operation', 400, {}, [null]],
  ['an unknown op', 400, {}, [{ op: 'merge', path: '/a' }]],
  ['no path', 400, {}, [{ op: 'remove' }]],
  ['no pointer', 400, {}, [{ op: 'remove', path: 'a' }]],
  ['a bad escape', 400, {}, [{ op: 'remove', path: '/~2' }]],
  ['no value', 400, {}, [{ op: 'add', path: '/a' }]],
  ['no from', 400, {}, [{ op: 'move', path: '/a' }]],
  ['a move into itself', 400, { a: {} }, [{ op: 'move', from: '/a', path: '/a/b' }]],
  ['a failing test', 422, { a: 1 }, [{ op: 'test', path: '/a', value: 2 }]],
  ['a parent that is not there', 422, {}, [{ op: 'add', path: '/a/b', value: 1 }]],
  ['an item that is not there', 422, { a: [] }, [{ op: 'replace', path: '/a/0', value: 1 }]],
  ['an index out of range', 422, { a: [] }, [{ op: 'add', path: '/a/1', value: 1 }]],
  ['an index with a leading zero', 422, { a: [1, 2] }, [{ op: 'add', path: '/a/01', value: 1 }]],
  ['an item that is not there', 422, { a: [] }, [{ op: 'remove', path: '/a/-' }]],
  ['a field of a text', 422, { a: 'x' }, [{ op: 'add', path: '/a/b', value: 1 }]],
  ['inherited names', 422, {}, [{ op: 'add', path: '/toString/x', value: 1 }]],
  ['the prototype', 422, {}, [{ op: 'add', path: '/__proto__/x', value: 1 }]],
  ['nothing left', 422, {}, [{ op: 'remove', path: '' }]],
  ['too many operations', 413, {}, Array(MAX_OPERATIONS + 1).fill({ op: 'add', path: '/a', value: 1 })],
  [
    'copies of copies',
    413,
    { a: ['x'.repeat(1000)] },
    Array(60).fill({ op: 'copy', from: '/a', path: '/a/-' }),
  ],
];
t.test('what cannot be done is refused with the right code', async t => {
  for (const [what, code, object, ops] of refused)
    try {
      jsonPatch(object, ops);
      t.fail(what);
    } catch (error) {
      t.ok(isApiError(error) && error.code === code, `${what}: ${error}`);
    }
});

t.test('a field may be called __proto__', async t => {
  const patched = jsonPatch({}, [{ op: 'add', path: '/__proto__', value: { x: 1 } }]);
  t.strictSame(Object.keys(patched), ['__proto__']);
  t.equal(({} as { x?: number }).x, undefined);
  t.equal(Object.getPrototypeOf(patched), Object.prototype);
});

const rfc7386: [before: object, patch: object, after: object][] = [
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
const kubernetes: typeof rfc7386 = [
  [{}, { a: [{ b: null, c: [{ d: null }] }, null] }, { a: [{ c: [{}] }, null] }],
  [{ a: [] }, { a: [{ b: null }] }, { a: [{}] }],
  [{ a: 'x' }, { a: [{ b: null }] }, { a: [{}] }],
  [{ a: {} }, { a: [{ b: null }] }, { a: [{ b: null }] }],
];
t.test('RFC 7386, by its own examples, and what Kubernetes does beyond it', async t => {
  for (const [before, patch, after] of [...rfc7386, ...kubernetes]) {
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
