import t from 'tap';
import { createApiServer } from '../../../controller/apiserver/api-server.ts';
import { loadCrds } from '../../../controller/defaults.ts';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import { settle } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';
import { type Answer, type Any, type Lab, refused, startLab } from './lab.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const MERGE = { type: 'application/merge-patch+json' };

function definition(plural = 'widgets', kind = 'Widget', more: Any = {}): Any {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, kind, shortNames: [plural.slice(0, 2)] },
      versions: [version('v1', { storage: true })],
      ...more,
    },
  };
}

function version(name: string, more: Any = {}): Any {
  return {
    name,
    served: true,
    storage: false,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1, default: 3 } } },
          status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    },
    ...more,
  };
}

const widget = (name: string, spec: object = {}, apiVersion = 'example.com/v1') => ({
  apiVersion,
  kind: 'Widget',
  metadata: { name },
  spec,
});
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';

const served = (lab: Lab, path = WIDGETS): Promise<Answer> =>
  until(
    async () => {
      const answer = await lab.call('GET', path);
      return answer.code === 200 && answer;
    },
    { timeoutMs: 10_000, everyMs: 5, what: () => `${path} served` },
  );
const unserved = (lab: Lab, path = WIDGETS): Promise<unknown> =>
  until(async () => (await lab.call('GET', path)).code === 404, {
    timeoutMs: 10_000,
    everyMs: 5,
    what: () => `${path} gone`,
  });

t.test('a definition is established and served at once, changed and removed while running', async t => {
  const lab = await startLab(t);
  const { call } = lab;
  refused(t, await call('GET', WIDGETS), 404, 'NotFound');
  t.equal((await call('POST', CRDS, definition())).code, 201);
  await served(lab);
  const { body: crd } = await call('GET', `${CRDS}/widgets.example.com`);
  t.match(crd, {
    spec: { names: { singular: 'widget', listKind: 'WidgetList' }, conversion: { strategy: 'None' } },
    status: {
      acceptedNames: { plural: 'widgets' },
      storedVersions: ['v1'],
      conditions: [
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ],
    },
  });
  t.match((await call('POST', WIDGETS, widget('w'))).body, { spec: { size: 3 } });
  refused(t, await call('POST', WIDGETS, widget('x', { size: 0 })), 422, 'Invalid');
  const discovery = await call('GET', '/apis/example.com/v1');
  t.match(discovery.body.resources, [{ name: 'widgets', singularName: 'widget', shortNames: ['wi'] }]);
  const before = (await call('GET', '/openapi/v3')).body.paths['apis/example.com/v1'].serverRelativeURL;
  const versions = structuredClone(crd.spec.versions);
  versions[0].schema.openAPIV3Schema.properties.spec.properties.colour = { type: 'string' };
  versions[0].additionalPrinterColumns = [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }];
  t.equal((await call('PATCH', `${CRDS}/widgets.example.com`, { spec: { versions } }, MERGE)).code, 200);
  await settle();
  const changed = await call('PATCH', `${WIDGETS}/w`, { spec: { colour: 'red' } }, MERGE);
  t.match(changed.body, { spec: { colour: 'red' } });
  t.not((await call('GET', '/openapi/v3')).body.paths['apis/example.com/v1'].serverRelativeURL, before);
  t.match(await call('DELETE', `${CRDS}/widgets.example.com`), {
    code: 200,
    body: { metadata: { deletionTimestamp: String } },
  });
  await unserved(lab);
  refused(t, await call('GET', `${CRDS}/widgets.example.com`), 404, 'NotFound');
  t.equal(lab.store.count('/example.com/widgets/'), 0, 'its objects went with it');
});

t.test('a definition waits for finalizers of its objects, and takes no new ones meanwhile', async t => {
  const lab = await startLab(t);
  const { call } = lab;
  await call('POST', CRDS, definition());
  await served(lab);
  await call('POST', WIDGETS, { ...widget('held'), metadata: { name: 'held', finalizers: ['x/y'] } });
  await call('POST', WIDGETS, widget('free'));
  await call('DELETE', `${CRDS}/widgets.example.com`);
  await until(async () => (await call('GET', `${WIDGETS}/free`)).code === 404, {
    timeoutMs: 10_000,
    everyMs: 5,
    what: () => 'free gone',
  });
  await until(async () => (await call('GET', `${WIDGETS}/held`)).body.metadata?.deletionTimestamp, {
    timeoutMs: 15_000,
    what: () => 'the held one to be told to go',
  });
  refused(t, await call('POST', WIDGETS, widget('new')), 405, 'MethodNotAllowed');
  await call('PATCH', `${WIDGETS}/held`, { metadata: { finalizers: null } }, MERGE);
  await unserved(lab);
  refused(t, await call('GET', `${CRDS}/widgets.example.com`), 404, 'NotFound');
});

t.test('names that are taken are not accepted until they are free', async t => {
  const lab = await startLab(t);
  const { call } = lab;
  await call('POST', CRDS, definition());
  await served(lab);
  await call('POST', CRDS, definition('gadgets', 'Widget'));
  await call('POST', CRDS, definition('wisps', 'Wisp'));
  await settle();
  for (const [name, reason] of [
    ['gadgets', 'ListKindConflict'],
    ['wisps', 'ShortNamesConflict'],
  ]) {
    t.match((await call('GET', `${CRDS}/${name}.example.com`)).body.status.conditions, [
      { type: 'NamesAccepted', status: 'False', reason },
      { type: 'Established', status: 'False' },
    ]);
    refused(t, await call('GET', `/apis/example.com/v1/${name}`), 404, 'NotFound');
  }
  await call('DELETE', `${CRDS}/widgets.example.com`);
  await served(lab, '/apis/example.com/v1/gadgets');
  await served(lab, '/apis/example.com/v1/wisps');
});

t.test('definitions that cannot work are refused with every cause', async t => {
  const { call } = await startLab(t);
  const fields = async (crd: object) =>
    refused(t, await call('POST', CRDS, crd), 422, 'Invalid').details?.causes?.map(cause => cause.field);
  t.same(await fields({ ...definition(), metadata: { name: 'other.example.com' } }), ['metadata.name']);
  t.ok(
    (await fields(definition('widgets', 'Widget', { versions: [version('v1')] })))?.includes('spec.versions'),
  );
  t.ok(
    (
      await fields(
        definition('widgets', 'Widget', { versions: [version('v1', { storage: true }), version('v1')] }),
      )
    )?.includes('spec.versions[1].name'),
  );
  t.ok(
    (
      await fields(
        definition('widgets', 'Widget', { versions: [version('v1', { storage: true, schema: undefined })] }),
      )
    )?.includes('spec.versions[0].schema.openAPIV3Schema'),
  );
  t.ok(
    (await fields(definition('widgets', 'Widget', { conversion: { strategy: 'Webhook' } })))?.includes(
      'spec.conversion.strategy',
    ),
  );
  const column = { name: 'X', type: 'string', jsonPath: '!' };
  t.ok(
    (
      await fields(
        definition('widgets', 'Widget', {
          versions: [version('v1', { storage: true, additionalPrinterColumns: [column] })],
        }),
      )
    )?.some(f => f?.includes('additionalPrinterColumns[0].jsonPath')),
  );
  await call('POST', CRDS, definition());
  const patch = (spec: object) => call('PATCH', `${CRDS}/widgets.example.com`, { spec }, MERGE);
  refused(t, await patch({ scope: 'Cluster' }), 422, 'Invalid');
  refused(t, await patch({ names: { kind: 'Other' } }), 422, 'Invalid');
});

t.test('versions differ in their name alone, and an old one may warn', async t => {
  const lab = await startLab(t);
  const { call } = lab;
  const versions = [
    version('v1', { storage: true, subresources: { status: {} } }),
    version('v1beta1', { deprecated: true, deprecationWarning: 'use v1' }),
  ];
  await call('POST', CRDS, definition('widgets', 'Widget', { versions }));
  await served(lab);
  const old = '/apis/example.com/v1beta1/namespaces/default/widgets';
  const made = await call('POST', old, widget('w', {}, 'example.com/v1beta1'));
  t.match(made, {
    code: 201,
    body: { apiVersion: 'example.com/v1beta1' },
    headers: { warning: ['299 - "use v1"'] },
  });
  t.equal((await call('GET', `${WIDGETS}/w`)).body.apiVersion, 'example.com/v1');
  t.equal((await call('GET', old)).body.items[0].apiVersion, 'example.com/v1beta1');
  const watching = await lab.watch(`${old}?watch=true`);
  t.equal((await watching.next()).object.apiVersion, 'example.com/v1beta1');
  await call('PATCH', `${WIDGETS}/w`, { spec: { size: 9 } }, MERGE);
  t.match((await watching.next()).object, { apiVersion: 'example.com/v1beta1', spec: { size: 9 } });
  t.equal((await call('PATCH', `${WIDGETS}/w/status`, { status: { ok: true } }, MERGE)).body.status.ok, true);
  refused(t, await call('GET', `${old}/w/status`), 404, 'NotFound');
  const groups = (await call('GET', '/apis/example.com')).body;
  t.same(
    groups.versions.map((v: Any) => v.version),
    ['v1', 'v1beta1'],
  );
});

t.test(
  'after a restart everything is served as before, and given definitions replace older ones',
  async t => {
    const store = createMemoryStore();
    t.teardown(() => store.close());
    const crds = loadCrds();
    const old = structuredClone(crds);
    const workspaces = old.find(crd => crd.spec.names.kind === 'Workspace');
    workspaces!.spec.versions[0]!.additionalPrinterColumns = [];
    const one = await createApiServer({ store, crds: old });
    const { token } = await one.tokens.create({ user: 'a', groups: ['system:masters'] });
    const headers = { authorization: `Bearer ${token}` };
    await one.app.inject({ method: 'POST', url: CRDS, headers, payload: definition() });
    await one.close();
    const two = await createApiServer({ store, crds });
    const at = store.revision;
    t.equal((await two.app.inject({ url: '/apis/example.com/v1/widgets', headers })).statusCode, 200);
    const crd = (await two.app.inject({ url: `${CRDS}/workspaces.nexus.dev`, headers })).json();
    t.ok(crd.spec.versions[0].additionalPrinterColumns.length > 0);
    await two.close();
    const three = await createApiServer({ store, crds });
    t.equal(store.revision, at, 'a start that changes nothing writes nothing');
    await three.close();
  },
);

t.test(
  'a stored definition that cannot be served is told in the log, and keeps no other from it',
  async t => {
    const store = createMemoryStore();
    t.teardown(() => store.close());
    const bad = definition('widgets', 'Widget', {
      versions: [
        version('v1', {
          storage: true,
          additionalPrinterColumns: [{ name: 'X', type: 'string', jsonPath: '!' }],
        }),
      ],
    });
    bad.status = { conditions: [{ type: 'Established', status: 'True' }] };
    await store.create('/apiextensions.k8s.io/customresourcedefinitions//widgets.example.com', bad);
    const lines: string[] = [];
    const log = {
      debug() {},
      info() {},
      warn() {},
      error: (_: object, text: string) => lines.push(text),
      child: () => log,
    };
    const server = await createApiServer({ store, crds: loadCrds(), log });
    const { token } = await server.tokens.create({ user: 'a', groups: ['system:masters'] });
    const get = async (url: string) =>
      (await server.app.inject({ url, headers: { authorization: `Bearer ${token}` } })).statusCode;
    t.same(
      [await get('/apis/example.com/v1/widgets'), await get('/apis/nexus.dev/v1alpha1/workspaces')],
      [404, 200],
    );
    t.match(lines, [/cannot be served/]);
    await server.close();
  },
);

t.test('a definition that is replaced as a whole still takes its objects along', async t => {
  const lab = await startLab(t);
  const { body: made } = await lab.call('POST', CRDS, definition());
  await served(lab);
  await lab.call('POST', WIDGETS, widget('a'));
  const path = `${CRDS}/widgets.example.com`;
  const { metadata } = (await lab.call('GET', path)).body;
  const replaced = {
    ...definition(),
    metadata: { name: metadata.name, resourceVersion: metadata.resourceVersion },
  };
  t.equal((await lab.call('PUT', path, replaced)).code, 200);
  t.match(await lab.call('DELETE', path), {
    body: { metadata: { uid: made.metadata.uid }, status: { conditions: [{}, {}, { type: 'Terminating' }] } },
  });
  await until(async () => (await lab.call('GET', path)).code === 404, {
    timeoutMs: 10_000,
    everyMs: 5,
    what: () => 'the definition to be gone',
  });
  await lab.call('POST', CRDS, definition());
  t.same((await served(lab)).body.items, [], 'nothing is left of them');
});

t.test('each name is accepted for itself, and is served once it is free', async t => {
  const lab = await startLab(t);
  const names = (crd: Any) => crd.status?.acceptedNames;
  const path = (plural: string) => `${CRDS}/${plural}.example.com`;
  const settled = (plural: string, holds: (crd: Any) => boolean) =>
    until(
      async () => {
        const { body } = await lab.call('GET', path(plural));
        return holds(body) && body;
      },
      { timeoutMs: 10_000, everyMs: 5, what: () => `${plural} settled` },
    );
  await lab.call('POST', CRDS, definition());
  await served(lab);
  const other = definition('gadgets', 'Gadget');
  other.spec.names.shortNames = ['ga', 'wi'];
  await lab.call('POST', CRDS, other);
  const crd = await settled('gadgets', body => body.status?.conditions?.length > 0);
  t.match(crd.status.conditions, [
    {
      type: 'NamesAccepted',
      status: 'False',
      reason: 'ShortNamesConflict',
      message: '"wi" is already in use',
    },
    { type: 'Established', status: 'False' },
  ]);
  t.same(names(crd), { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' });
  await lab.call('PATCH', path('gadgets'), { spec: { names: { shortNames: ['ga'] } } }, MERGE);
  await settled('gadgets', body => names(body)?.shortNames?.[0] === 'ga');
  await served(lab, WIDGETS.replace('widgets', 'gadgets'));
  await lab.call('PATCH', path('gadgets'), { spec: { names: { shortNames: ['wi'] } } }, MERGE);
  await settled('gadgets', body => body.status.conditions[0].status === 'False');
  const shortOf = async () =>
    (await lab.call('GET', '/apis/example.com/v1')).body.resources.find((r: Any) => r.name === 'gadgets')
      .shortNames;
  t.same(await shortOf(), ['ga'], 'it goes on under the names that it has');
  await lab.call('DELETE', path('widgets'));
  await settled('gadgets', body => body.status.conditions[0].status === 'True');
  t.same(await shortOf(), ['wi']);
});

t.test('every version in which objects may be stored is remembered at once', async t => {
  const lab = await startLab(t);
  await lab.call('POST', CRDS, definition());
  await served(lab);
  const versions = [version('v1'), version('v2', { storage: true })];
  const path = `${CRDS}/widgets.example.com`;
  t.same((await lab.call('PATCH', path, { spec: { versions } }, MERGE)).body.status.storedVersions, [
    'v1',
    'v2',
  ]);
  const only = { spec: { versions: versions.slice(1) } };
  t.match(refused(t, await lab.call('PATCH', path, only, MERGE), 422, 'Invalid'), {
    details: { causes: [{ field: 'status.storedVersions[0]' }] },
  });
  await lab.call('PATCH', `${path}/status`, { status: { storedVersions: ['v2'] } }, MERGE);
  t.equal((await lab.call('PATCH', path, only, MERGE)).code, 200, 'once it is said that none is left');
});
