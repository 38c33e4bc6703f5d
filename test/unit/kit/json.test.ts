import fc from 'fast-check';
import t from 'tap';
import { digest, sha256 } from '../../../controller/kit/hash.ts';
import { jsonEqual, mergePatch, stableJson } from '../../../controller/kit/json.ts';
import { compileJsonPath, renderJsonPath } from '../../../controller/kit/jsonpath.ts';

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

const value = {
  kind: 'List',
  items: [
    { metadata: { name: 'a', labels: { 'kubernetes.io/host': 'h1' } }, n: 1, ok: true },
    { metadata: { name: 'b' }, n: 2.5, ok: false, conditions: [{ type: 'Ready', status: 'True' }] },
    { metadata: { name: 'c' }, n: 10, none: null },
  ],
};

t.test('templates are rendered as kubectl does', async t => {
  for (const [template, text] of [
    ['{.kind}', 'List'],
    ['kind is {.kind}!', 'kind is List!'],
    ['.kind', 'List'],
    ['{ $.kind }', 'List'],
    ['{@.kind}', 'List'],
    ['plain', 'plain'],
    ['', ''],
    ['{.items[*].metadata.name}', 'a b c'],
    ['{.items[0].metadata.name}', 'a'],
    ['{.items[-1].metadata.name}', 'c'],
    ['{.items[1:].metadata.name}', 'b c'],
    ['{.items[:1].metadata.name}', 'a'],
    ['{.items[0:3:2].metadata.name}', 'a c'],
    ['{.items[0,2].metadata.name}', 'a c'],
    ["{.items[*]['metadata.name','n']}", 'a b c 1 2.5 10'],
    ['{.items[0].metadata.labels.kubernetes\\.io/host}', 'h1'],
    ["{.items[0].metadata.labels['kubernetes\\.io/host']}", 'h1'],
    ['{..name}', 'a b c'],
    ['{.items[?(@.n>1)].metadata.name}', 'b c'],
    ['{.items[?(@.n>=10)].metadata.name}', 'c'],
    ['{.items[?(@.n<2.5)].metadata.name}', 'a'],
    ['{.items[?(@.n<=1)].metadata.name}', 'a'],
    ['{.items[?(@.ok==true)].metadata.name}', 'a'],
    ['{.items[?(@.ok!=true)].metadata.name}', 'b'],
    ['{.items[?(@.ok)].metadata.name}', 'a b'],
    ['{.items[?(@.metadata.name=="b")].n}', '2.5'],
    ["{.items[?(@.metadata.name=='b')].conditions[?(@.type=='Ready')].status}", 'True'],
    ['{.items[?(@.metadata.name>"a")].n}', '2.5 10'],
    ['{.items[?(@.n>"a")].n}', ''],
    ['{.items[?(@.none==null)].metadata.name}', 'c'],
    ['{.items[2].none}', 'null'],
    ['{range .items[*]}{.metadata.name}={.n}{"\\n"}{end}', 'a=1\nb=2.5\nc=10\n'],
    ['{range .items[*]}{range .conditions[*]}{.type}{end};{end}', ';Ready;;'],
    ['{.items[1].conditions}', '[{"status":"True","type":"Ready"}]'],
    ['{.items[0].metadata.*}', 'a {"kubernetes.io/host":"h1"}'],
    ['{"a}b\\u00e9\\t"}', 'a}bé\t'],
    ['{.missing.deep[0].x}', ''],
    ['{.kind.x}', ''],
    ['{.kind[?(@.x)]}', ''],
    ['{.kind[1:]}', ''],
  ] as const)
    t.equal(renderJsonPath(template, value), text, template);
  t.equal(renderJsonPath('{}', { a: 1 }), '{"a":1}');
  t.equal(renderJsonPath('{.}', { a: 1 }), '{"a":1}');
  t.equal(renderJsonPath('{..}', { a: [1] }), '{"a":[1]} [1] 1');
});

t.test('what is not understood is an error that names it', async t => {
  const error = { name: 'JsonPathError' };
  for (const template of [
    '{.a',
    '{end}',
    '{range .a[*]}x',
    '{.a[}',
    '{.a[]}',
    '{.a[x]}',
    '{.a[0,]}',
    '{.a[1:2:0]}',
    '{.a[?(@.b=~"x")]}',
    '{.a[?(@.b==)]}',
    '{.a[?(@.b=="x" && @.c)]}',
    '{.a.}',
    '{=}',
    "{.a['']}",
    'x'.repeat(10_001),
  ])
    t.throws(() => renderJsonPath(template, value), error, template.slice(0, 40));
  t.throws(() => renderJsonPath('{.items[3].n}', value), error, 'an index out of bounds');
  t.throws(() => compileJsonPath('.a b'), error);
});

t.test('a compiled path finds values, with or without braces', async t => {
  t.same(compileJsonPath('.items[*].n')(value), [1, 2.5, 10]);
  t.same(compileJsonPath('{.kind}')(value), ['List']);
  t.same(compileJsonPath('.items[9].n')(value), []);
  t.same(compileJsonPath('.constructor')(value), [], 'only own fields');
});
