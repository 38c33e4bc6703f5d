import fc from 'fast-check';
import t from 'tap';
import { decodeBody, mediaTypeOf } from '../../../controller/apiserver/http/decode-body.ts';
import { META_OFFERS, negotiate } from '../../../controller/apiserver/http/negotiate.ts';
import { parseRequest } from '../../../controller/apiserver/http/request-info.ts';
import { scanJson } from '../../../controller/apiserver/http/scan-json.ts';
import { compareVersions } from '../../../controller/apiserver/registry/version-order.ts';
import { ageOf } from '../../../controller/apiserver/tables/age.ts';
import { printerColumns } from '../../../controller/apiserver/tables/column.ts';

t.test('the best form that both sides know is taken', async t => {
  const table = { as: 'Table', group: 'meta.k8s.io', version: 'v1' };
  for (const [accept, wanted] of [
    [undefined, { format: 'json' }],
    ['', { format: 'json' }],
    ['*/*', { format: 'json' }],
    ['application/*', { format: 'json' }],
    ['application/json;stream=watch', { format: 'json' }],
    ['application/yaml', { format: 'yaml' }],
    ['text/html, application/yaml;q=0.5, application/json;q=0.1', { format: 'yaml' }],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', { format: 'json', ...table }],
    ['application/json;as=Table;v=v2;g=meta.k8s.io, application/json', { format: 'json' }],
    [
      'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io',
      { format: 'json', ...table },
    ],
  ] as const)
    t.same(negotiate(accept, META_OFFERS), wanted, String(accept));
  for (const accept of [
    'text/html',
    'application/vnd.kubernetes.protobuf',
    'application/json;q=0',
    'application/json;as=Other',
  ])
    t.throws(() => negotiate(accept, META_OFFERS), { name: 'ApiError', reason: 'NotAcceptable' }, accept);
  for (let i = 0; i < 400; i++) negotiate(`application/json;x=${i}`, META_OFFERS);
});

t.test('paths and methods say what is asked for', async t => {
  const of = (method: string, url: string) => {
    const { verb, target } = parseRequest(method, url);
    return (
      target &&
      [
        verb,
        target.group,
        target.version,
        target.namespace,
        target.plural,
        target.name,
        target.subresource,
      ].join('|')
    );
  };
  t.equal(of('GET', '/api/v1/namespaces'), 'list||v1||namespaces||');
  t.equal(of('GET', '/api/v1/namespaces/a'), 'get||v1||namespaces|a|');
  t.equal(of('PUT', '/api/v1/namespaces/a/finalize'), 'update||v1||namespaces|a|finalize');
  t.equal(of('PUT', '/api/v1/namespaces/a/status'), 'update||v1||namespaces|a|status');
  t.equal(of('GET', '/api/v1/namespaces/a/secrets/'), 'list||v1|a|secrets||');
  t.equal(of('PATCH', '/apis/g.x/v2/namespaces/a/things/b/status?x=1'), 'patch|g.x|v2|a|things|b|status');
  t.equal(of('DELETE', '/apis/g.x/v2/things'), 'deletecollection|g.x|v2||things||');
  t.equal(of('GET', '/apis/g.x/v2/things?watch=1'), 'watch|g.x|v2||things||');
  t.equal(of('GET', '/apis/g.x/v2/things/a?watch=true'), 'watch|g.x|v2||things|a|');
  t.equal(of('GET', '/apis/g.x/v2/things/a%2Fb'), 'get|g.x|v2||things|a/b|');
  t.equal(of('HEAD', '/api/v1/secrets'), 'list||v1||secrets||');
  for (const path of [
    '/',
    '/api',
    '/apis',
    '/apis/g',
    '/apis/g/v1',
    '/api/v1',
    '/version',
    '/api/v1/a/b/c/d',
    '/api/v1//a',
  ])
    t.equal(of('GET', path), undefined, path);
  t.throws(() => parseRequest('GET', '/api/v1/%E0%A4%A'), { name: 'ApiError', reason: 'BadRequest' });
});

t.test('versions are ordered as Kubernetes orders them', async t => {
  const ordered = [
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v10beta3',
    'v3beta1',
    'v12alpha1',
    'v11alpha2',
    'foo1',
    'foo10',
  ];
  t.same([...ordered].reverse().sort(compareVersions), ordered);
});

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

const limits = { maxDepth: 20, maxYamlAliases: 100 };

t.test('duplicate keys are found with their paths, and only those', async t => {
  t.same(scanJson('{"a":1,"b":{"a":1,"a":2},"c":[{"x":1},{"x":1,"x":2}],"a":3}', 9).duplicates, [
    'b.a',
    'c[1].x',
    'a',
  ]);
  t.same(scanJson('{"a\\"b":1,"a\\"b":2}', 9).duplicates, ['a"b']);
  t.same(scanJson('{"a":1,"\\u0061":2}', 9).duplicates, ['a'], 'however they are written');
  t.same(scanJson('{"a":"{\\"a\\":1,\\"a\\":2}","b":"]}"}', 9).duplicates, [], 'text is text');
  const many = `{${Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join(',')},"k39":1,"k3":1}`;
  t.same(scanJson(many, 9).duplicates, ['k39', 'k3']);
  const flood = `{${Array.from({ length: 500 }, () => '"a":0').join(',')}}`;
  t.equal(scanJson(flood, 9).duplicates.length, 100, 'bounded');
  for (const broken of ['', '"', '"abc', '{"a', ']]}}', '{,,}', '{"\\x":1,"\\x":2}', '\\'])
    t.ok(scanJson(broken, 9), broken);
});

t.test('any JSON is found to be without duplicates, and as deep as it is', async t => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), text => {
      if (text.includes('__proto__')) return;
      scanJson(text, 50).duplicates.length === 0 || t.fail(text);
    }),
    { numRuns: 200 },
  );
  t.ok(scanJson('[[[]]]', 3));
  t.throws(() => scanJson('[[[[]]]]', 3), { name: 'ApiError', reason: 'BadRequest' });
});

t.test('YAML and JSON give the same objects', async t => {
  fc.assert(
    fc.property(
      fc.object({
        maxDepth: 3,
        maxKeys: 5,
        values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
      }),
      object => {
        const text = JSON.stringify(object);
        if (text.includes('__proto__')) return;
        const json = decodeBody(Buffer.from(text), 'application/json', limits);
        const yaml = decodeBody(Buffer.from(`# not JSON alone\n${text}`), 'application/yaml', limits);
        t.same(yaml.value, json.value) || t.comment(text);
      },
    ),
    { numRuns: 50 },
  );
});

t.test('media types are told from their headers', async t => {
  t.equal(mediaTypeOf(undefined), '');
  t.equal(mediaTypeOf('Application/JSON ; charset=utf-8'), 'application/json');
  t.throws(() => decodeBody(Buffer.from('{}'), 'text/html', limits), {
    name: 'ApiError',
    reason: 'UnsupportedMediaType',
  });
});
