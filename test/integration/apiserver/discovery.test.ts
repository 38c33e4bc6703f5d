import t from 'tap';
import { type Any, startLab } from './lab.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

t.test('plain discovery names every resource, with what can be done to it', async t => {
  const { call } = await startLab(t);
  t.same((await call('GET', '/api')).body.versions, ['v1']);
  const groups = (await call('GET', '/apis')).body.groups.map((group: Any) => group.name);
  t.same(groups, [
    'apiextensions.k8s.io',
    'authentication.k8s.io',
    'authorization.k8s.io',
    'certificates.k8s.io',
    'coordination.k8s.io',
    'events.k8s.io',
    'nexus.dev',
    'rbac.authorization.k8s.io',
  ]);
  t.match((await call('GET', '/apis/nexus.dev')).body, {
    kind: 'APIGroup',
    name: 'nexus.dev',
    preferredVersion: { version: 'v1alpha1' },
  });
  const core = (await call('GET', '/api/v1')).body;
  t.same(
    core.resources.map((r: Any) => r.name),
    [
      'configmaps',
      'events',
      'namespaces',
      'namespaces/finalize',
      'namespaces/status',
      'resourcequotas',
      'resourcequotas/status',
      'secrets',
      'serviceaccounts',
      'serviceaccounts/token',
    ],
  );
  const ours = (await call('GET', '/apis/nexus.dev/v1alpha1/')).body.resources;
  t.match(
    ours.find((r: Any) => r.name === 'workspaces'),
    {
      singularName: 'workspace',
      namespaced: true,
      kind: 'Workspace',
      shortNames: ['ws'],
      categories: ['all', 'nexus'],
      verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
    },
  );
  t.match(
    ours.find((r: Any) => r.name === 'workspaces/status'),
    { verbs: ['get', 'patch', 'update'] },
  );
});

t.test('aggregated discovery says the same in one answer, with a tag that saves the next', async t => {
  const { call } = await startLab(t);
  const answer = await call('GET', '/apis', undefined, { headers: { accept: AGGREGATED } });
  t.equal(
    answer.headers['content-type'],
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  );
  const group = answer.body.items.find((item: Any) => item.metadata.name === 'nexus.dev');
  t.match(
    group.versions[0].resources.find((r: Any) => r.resource === 'workspaces'),
    {
      responseKind: { group: 'nexus.dev', version: 'v1alpha1', kind: 'Workspace' },
      scope: 'Namespaced',
      subresources: [{ subresource: 'status' }],
    },
  );
  const etag = String(answer.headers.etag);
  const again = await call('GET', '/apis', undefined, {
    headers: { accept: AGGREGATED, 'if-none-match': etag },
  });
  t.same([again.code, again.text], [304, '']);
  t.equal(
    (await call('GET', '/api', undefined, { headers: { accept: AGGREGATED } })).body.kind,
    'APIGroupDiscoveryList',
  );
  const plain = await call('GET', '/apis/nexus.dev/v1alpha1', undefined, { headers: { accept: AGGREGATED } });
  t.equal(plain.body.kind, 'APIResourceList', 'below the root there is only the plain form');
});

t.test('OpenAPI v3: an index by content, and a document a group version', async t => {
  const { call } = await startLab(t);
  const { paths } = (await call('GET', '/openapi/v3')).body;
  t.same(Object.keys(paths).sort(), [
    'api/v1',
    'apis/apiextensions.k8s.io/v1',
    'apis/certificates.k8s.io/v1',
    'apis/coordination.k8s.io/v1',
    'apis/events.k8s.io/v1',
    'apis/nexus.dev/v1alpha1',
    'apis/rbac.authorization.k8s.io/v1',
  ]);
  const url = paths['apis/nexus.dev/v1alpha1'].serverRelativeURL;
  const answer = await call('GET', url);
  t.match(answer.headers['cache-control'], /immutable/);
  const document = answer.body;
  const path = '/apis/nexus.dev/v1alpha1/namespaces/{namespace}/workspaces/{name}';
  const { patch } = document.paths[path];
  const gvk = { group: 'nexus.dev', kind: 'Workspace', version: 'v1alpha1' };
  t.same(patch['x-kubernetes-group-version-kind'], gvk);
  t.ok(patch.parameters.some((p: Any) => p.name === 'fieldValidation'));
  t.same(Object.keys(patch.requestBody.content), [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/apply-patch+yaml',
  ]);
  t.ok(document.paths[`${path}/status`]);
  const schema = document.components.schemas['dev.nexus.v1alpha1.Workspace'];
  t.same(schema['x-kubernetes-group-version-kind'], [gvk]);
  t.match(schema.properties.spec.properties.image.description, /Container image/);
  const refs = new Set(
    [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(match => match[1]),
  );
  for (const ref of refs) t.ok(document.components.schemas[ref as string], String(ref));
  const core = (await call('GET', '/openapi/v3/api/v1')).body;
  t.ok(
    core.paths['/api/v1/namespaces/{namespace}/secrets/{name}'].patch.requestBody.content[
      'application/strategic-merge-patch+json'
    ],
  );
});

t.test('OpenAPI v2 in one piece, without what v2 cannot say; also as protobuf', async t => {
  const { call } = await startLab(t);
  const { body: document } = await call('GET', '/openapi/v2');
  t.equal(document.swagger, '2.0');
  const refs = new Set(
    [...JSON.stringify(document).matchAll(/"#\/definitions\/([^"]+)"/g)].map(match => match[1]),
  );
  for (const ref of refs) t.ok(document.definitions[ref as string], String(ref));
  t.notMatch(
    JSON.stringify(document.definitions['dev.nexus.v1alpha1.Workspace']),
    /x-kubernetes-validations|"not":/,
  );
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const encoded = await call('GET', '/openapi/v2', undefined, { headers: { accept } });
  t.match(encoded, { code: 200, headers: { 'content-type': /spec\.v2\.v1\.0\+protobuf/ } });
  t.match(encoded.text, /dev\.nexus\.v1alpha1\.Workspace/, 'an old kubectl reads it: see its journey');
  const again = { accept, 'if-none-match': String(encoded.headers.etag) };
  t.equal((await call('GET', '/openapi/v2', undefined, { headers: again })).code, 304);
});

t.test('a document is sent once to who names its tag, and caches are told what it depends on', async t => {
  const { call } = await startLab(t, { limits: { gzipAboveBytes: 2000 } });
  for (const [path, accept] of [
    ['/apis', AGGREGATED],
    ['/openapi/v2', 'application/json'],
    ['/openapi/v3/api/v1', 'application/json'],
  ] as const) {
    const { headers } = await call('GET', path, undefined, {
      headers: { accept, 'accept-encoding': 'gzip' },
    });
    t.match(headers, { 'content-encoding': 'gzip', vary: 'accept, accept-encoding' }, path);
    const etag = String(headers.etag);
    for (const known of [etag, `"x", ${etag}`, `W/${etag}`, '*'])
      t.match(
        await call('GET', path, undefined, { headers: { accept, 'if-none-match': known } }),
        { code: 304, text: '' },
        known,
      );
    t.equal((await call('GET', path, undefined, { headers: { accept, 'if-none-match': '"x"' } })).code, 200);
  }
  const { headers } = await call('GET', '/apis', undefined, { headers: { accept: AGGREGATED } });
  t.equal(headers['cache-control'], 'public');
});

t.test('version, health and the root', async t => {
  const { call, server } = await startLab(t, { version: '1.2.3' });
  t.match((await call('GET', '/version')).body, {
    major: '1',
    minor: '32',
    gitVersion: 'v1.32.0+nexus-1.2.3',
    platform: /^(?!.*x64)\w+\/\w+$/,
  });
  t.equal((await call('GET', '/readyz')).text, 'ok');
  t.ok((await call('GET', '/')).body.paths.includes('/openapi/v3'));
  t.match(await call('GET', '/version', undefined, { headers: { accept: 'application/yaml' } }), {
    code: 200,
  });
  t.ok(server.app);
});
