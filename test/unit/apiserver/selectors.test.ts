import t from 'tap';
import type { FieldReader } from '../../../controller/apiserver/selectors/field-selector.ts';
import {
  METADATA_FIELDS,
  parseFieldSelector,
} from '../../../controller/apiserver/selectors/field-selector.ts';
import {
  isQualifiedName,
  parseLabelSelector,
} from '../../../controller/apiserver/selectors/label-selector.ts';

t.test('label selectors match as Kubernetes says', async t => {
  const labels = { app: 'web', tier: 'front', n: '5', 'example.com/x': '', toString: 'own' };
  for (const [selector, wanted] of [
    ['', true],
    ['app', true],
    ['none', false],
    ['!none', true],
    ['!app', false],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier = front', true],
    ['app=db', false],
    ['app!=db', true],
    ['app!=web', false],
    ['none!=x', true],
    ['app in (web,db)', true],
    ['app in (db)', false],
    ['none in (a)', false],
    ['app notin (db)', true],
    ['app notin (web)', false],
    ['none notin (web)', true],
    ['n>4', true],
    ['n>5', false],
    ['n<6', true],
    ['app>1', false],
    ['example.com/x=', true],
    ['example.com/x in (,a)', true],
    ['example.com/x in (a,)', true],
    ['constructor', false],
    ['toString=own', true],
  ] as const)
    t.equal(parseLabelSelector(selector)(labels), wanted, JSON.stringify(selector));
  t.equal(parseLabelSelector('a=b')(undefined), false);
  t.equal(parseLabelSelector('!a')(undefined), true);
  t.equal(parseLabelSelector(null)(undefined), true);
});

t.test('label selectors that mean nothing are refused', async t => {
  for (const selector of [
    '=',
    'a=b,',
    ',',
    'a in',
    'a in (',
    'a in b',
    'a in (b c)',
    'a b',
    'a!',
    'a>x',
    'a=b=c',
    '!',
    'a b!',
    '-a=b',
    'a=-b',
    `${'x'.repeat(70)}`,
    '(',
    'a)',
  ])
    t.throws(() => parseLabelSelector(selector), { name: 'ApiError', reason: 'BadRequest' }, selector);
});

t.test('qualified names', async t => {
  for (const good of ['a', 'a.b_c-d', 'example.com/a', 'A1']) t.ok(isQualifiedName(good), good);
  for (const bad of ['', '/a', 'a/', 'a/b/c', '-a', 'Example.com/a', 'x'.repeat(64), '__proto__'])
    t.notOk(isQualifiedName(bad), bad);
});

t.test('field selectors', async t => {
  const object = { apiVersion: 'v1', kind: 'X', metadata: { name: 'a,b', namespace: 'n' }, phase: 'Up' };
  const fields = new Map<string, FieldReader>([
    ...METADATA_FIELDS,
    ['phase', o => (o as typeof object).phase],
  ]);
  const matches = (text: string | null) => parseFieldSelector(text, fields).matches(object);
  t.ok(matches(null));
  t.ok(matches('metadata.name=a\\,b'));
  t.ok(matches('metadata.namespace==n,phase!=Down'));
  t.notOk(matches('phase=Down'));
  t.match(parseFieldSelector('metadata.name=x,metadata.namespace=y', fields), {
    name: 'x',
    namespace: 'y',
    empty: false,
  });
  t.equal(parseFieldSelector('metadata.name!=x', fields).name, undefined);
  t.throws(() => matches('other=1'), { message: 'field label not supported: other', reason: 'BadRequest' });
  t.throws(() => matches('phase'), { name: 'ApiError', reason: 'BadRequest' });
});
