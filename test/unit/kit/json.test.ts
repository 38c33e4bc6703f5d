import fc from 'fast-check';
import t from 'tap';
import { digest, sha256 } from '../../../controller/kit/hash.ts';
import { jsonEqual, mergePatch, stableJson } from '../../../controller/kit/json.ts';

t.test('equality looks at values, not at the order of keys nor at what is undefined', async t => {
  t.ok(jsonEqual({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1, d: undefined }));
  t.ok(jsonEqual(undefined, undefined));
  for (const [a, b] of [
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, {}],
    [{}, { a: 1 }],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, 2]],
    [[], {}],
    [{}, []],
    [null, {}],
    [{}, null],
    ['1', 1],
    [{ toString: 1 }, {}],
    [{}, { constructor: 1 }],
  ])
    t.notOk(jsonEqual(a, b), JSON.stringify([a, b]));
});

/** RFC 7386. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out = (typeof target === 'object' && !Array.isArray(target) ? { ...target } : {}) as Record<
    string,
    unknown
  >;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = apply(out[key], value);
  }
  return out;
}

t.test('a merge patch turns one into the other, is minimal, and is nothing for equals', async () => {
  const keys = fc.constantFrom('a', 'b', 'c');
  const { object } = fc.letrec(tie => ({
    leaf: fc.oneof(
      fc.integer({ min: 0, max: 2 }),
      fc.constantFrom('x', true),
      fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 2 }),
    ),
    value: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('object')),
    object: fc.dictionary(keys, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  }));
  fc.assert(
    fc.property(object, object, (from, to) => {
      const patch = mergePatch(from, to);
      if (!jsonEqual(apply(from, patch ?? {}), to)) throw new Error('the patch does not lead there');
      if ((patch === undefined) !== jsonEqual(from, to)) throw new Error('a patch for equals, or none');
      if ((stableJson(from) === stableJson(to)) !== jsonEqual(from, to))
        throw new Error('texts and equality differ');
    }),
    { numRuns: 300 },
  );
});

t.test('a null that is wanted means that the field goes', async t => {
  t.same(mergePatch({ a: 1, b: 2 }, { a: null, b: 2 }), { a: null });
  t.equal(mergePatch({ b: 2, x: null }, { a: null, b: 2 }), undefined);
  t.same(mergePatch(undefined, { a: 1 }), { a: 1 });
});

t.test('a digest is the same for equal values', async t => {
  t.equal(digest({ a: 1, b: [undefined, 'é'] }), digest({ b: [null, 'é'], a: 1, c: undefined }));
  t.not(digest({ a: 1 }), digest({ a: '1' }));
  t.equal(digest({}, 8).length, 8);
  t.equal(sha256(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  t.equal(stableJson(undefined), 'null');
});
