import t from 'tap';
import { CM, configMap, refused, startLab, WS, workspace } from './lab.ts';

const YAML = { type: 'application/yaml' };
const MERGE = { type: 'application/merge-patch+json' };

t.test('bodies that are too large, too deep or of another kind are refused', async t => {
  const { call } = await startLab(t);
  refused(
    t,
    await call('POST', CM, JSON.stringify(configMap('c', { a: 'x'.repeat(5_000_000) }))),
    413,
    'RequestEntityTooLarge',
  );
  const deep = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  refused(t, await call('POST', CM, deep), 400, 'BadRequest');
  refused(t, await call('POST', CM, `{"a":${'{"a":'.repeat(5000)}`), 400, 'BadRequest');
  refused(t, await call('POST', CM, '{"apiVersion":'), 400, 'BadRequest');
  refused(
    t,
    await call('POST', CM, 'a=b', { type: 'application/x-www-form-urlencoded' }),
    415,
    'UnsupportedMediaType',
  );
  refused(
    t,
    await call('POST', WS, 'k8s', { type: 'application/vnd.kubernetes.protobuf' }),
    415,
    'UnsupportedMediaType',
  );
  refused(
    t,
    await call('POST', CM, 'nope', { type: 'application/vnd.kubernetes.protobuf' }),
    400,
    'BadRequest',
  );
  refused(t, await call('POST', CM, '{}', { type: 'not a type' }), 415, 'UnsupportedMediaType');
  const plain = await call('POST', CM, JSON.stringify(configMap('c')), {
    type: 'application/json; charset=utf-8',
  });
  t.equal(plain.code, 201);
});

t.test('YAML bombs, broken YAML and endless nesting end in a refusal, soon', async t => {
  const { call } = await startLab(t);
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let i = 0; i < 12; i++) {
    const [from, to] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)];
    bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]`);
  }
  const before = process.cpuUsage();
  refused(
    t,
    await call('POST', CM, `apiVersion: v1\nkind: ConfigMap\n${bomb.join('\n')}\n`, YAML),
    400,
    'BadRequest',
  );
  refused(t, await call('POST', CM, `x: ${'['.repeat(20_000)}`, YAML), 400, 'BadRequest');
  refused(t, await call('POST', CM, `${'- '.repeat(20_000)}x`, YAML), 400, 'BadRequest');
  refused(t, await call('POST', CM, 'a: [', YAML), 400, 'BadRequest');
  refused(t, await call('POST', CM, 'a: b: c', YAML), 400, 'BadRequest');
  refused(
    t,
    await call('POST', CM, `a: &a x\nb: *a\n#${'x'.repeat(300_000)}`, YAML),
    400,
    'BadRequest',
    'no aliases in large YAML',
  );
  t.ok(process.cpuUsage(before).user < 10_000_000, 'in little time of the processor');
  const good = await call(
    'POST',
    CM,
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: &l {a: b}, annotations: *l}\ndata:\n  x: "1"\n  x: "2"\n',
    YAML,
  );
  t.match(good, {
    code: 201,
    body: { data: { x: '2' }, metadata: { labels: { a: 'b' }, annotations: { a: 'b' } } },
  });
  t.equal((good.headers.warning as string[]).length, 1, 'a key given twice is warned of');
  const json = await call('POST', CM, JSON.stringify(configMap('d')), YAML);
  t.equal(json.code, 201, 'JSON is YAML');
});

t.test('names of JavaScript’s own do nothing but be names', async t => {
  const { call } = await startLab(t);
  for (const body of [
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"__proto__":{"x":1}}',
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","labels":{"\\u005f_proto__":"x"}}}',
  ])
    refused(t, await call('POST', CM, body), 400, 'BadRequest');
  refused(
    t,
    await call(
      'POST',
      CM,
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {__proto__: x}\n',
      YAML,
    ),
    400,
    'BadRequest',
  );
  const made = await call(
    'POST',
    CM,
    configMap('c', { constructor: 'a', toString: 'b', hasOwnProperty: 'c' }),
  );
  t.same(made.body.data, { constructor: 'a', toString: 'b', hasOwnProperty: 'c' });
  const patched = await call('PATCH', `${CM}/c`, '{"data":{"constructor":null,"valueOf":"d"}}', MERGE);
  t.same(patched.body.data, { toString: 'b', hasOwnProperty: 'c', valueOf: 'd' });
  refused(t, await call('PATCH', `${CM}/c`, '{"__proto__":{"polluted":1}}', MERGE), 400, 'BadRequest');
  const pointer = await call('PATCH', `${CM}/c`, [{ op: 'add', path: '/__proto__/polluted', value: 1 }], {
    type: 'application/json-patch+json',
  });
  t.ok(pointer.code >= 400);
  t.equal(({} as { polluted?: number }).polluted, undefined);
  const odd = await call('POST', WS, workspace('w', { constructor: { name: 'x' } } as object));
  t.match(odd.headers.warning, [/unknown field .*spec.constructor/]);
});

t.test('paths that lead nowhere, and methods that nobody serves', async t => {
  const { call } = await startLab(t);
  for (const path of [
    '/nowhere',
    '/api/v2',
    '/apis/none',
    '/apis/nexus.dev/v9',
    '/api/v1/pods',
    '/apis/nexus.dev/v1alpha1/namespaces/default/nodes',
    '/apis/nexus.dev/v1alpha1/workspaces/shop',
    '/api/v1/namespaces/default/configmaps/a/b/c',
    '/openapi/v3/apis/none/v1',
    '/openapi/v4',
  ])
    refused(t, await call('GET', path), 404, 'NotFound', path);
  for (const [method, path] of [
    ['POST', '/version'],
    ['DELETE', '/apis'],
    ['POST', '/livez'],
  ] as const)
    refused(t, await call(method, path), 405, 'MethodNotAllowed', `${method} ${path}`);
  refused(t, await call('OPTIONS', CM), 405, 'MethodNotAllowed');
  refused(t, await call('GET', '/api/v1/namespaces/%ZZ/configmaps'), 400, 'BadRequest');
  t.equal((await call('HEAD', CM)).code, 200);
  t.equal((await call('HEAD', `${CM}/none`)).code, 404);
});

t.test('more requests than are handled at once are turned away', async t => {
  const { call } = await startLab(t, { limits: { requestsInFlight: 2, queuedPerUser: 0 } });
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, i) => call('POST', CM, configMap(`c${i}`))),
  );
  const codes = answers.map(answer => answer.code).sort();
  t.same([codes[0], codes[1], codes[5]], [201, 201, 429]);
  const turned = answers.find(answer => answer.code === 429)!;
  refused(t, turned, 429, 'TooManyRequests');
  t.equal(turned.headers['retry-after'], '1');
  t.equal((await call('GET', CM)).code, 200, 'and there is room again');
});

t.test('what goes wrong inside is told without its details', async t => {
  const { call, logged, store } = await startLab(t, {
    admission: [
      {
        name: 'Broken',
        admit: ({ name }) => {
          if (name === 'boom') throw new Error('secret detail');
          return name === 'no'
            ? [{ reason: 'FieldValueForbidden', message: 'Forbidden: no', field: 'metadata.name' }]
            : undefined;
        },
      },
    ],
  });
  const answer = refused(t, await call('POST', CM, configMap('boom')), 500, 'InternalError');
  t.notMatch(JSON.stringify(answer), /secret detail/);
  t.match(JSON.stringify(logged), /secret detail/);
  refused(t, await call('POST', CM, configMap('no')), 422, 'Invalid', 'rules of one’s own');
  await store.close();
  refused(t, await call('POST', CM, configMap('late')), 503, 'ServiceUnavailable');
});
