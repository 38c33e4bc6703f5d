import t from 'tap';
import { META_OFFERS, negotiate } from '../../../controller/apiserver/http/negotiate.ts';
import { parseRequest } from '../../../controller/apiserver/http/request-info.ts';
import { compareVersions } from '../../../controller/apiserver/registry/version-order.ts';

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
