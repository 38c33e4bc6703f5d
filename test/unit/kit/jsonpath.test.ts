import t from 'tap';
import { compileJsonPath, renderJsonPath } from '../../../controller/kit/jsonpath.ts';

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
