import t from 'tap';
import type { KubeObject } from '../../../crds/object.ts';
import { until } from '../../support/until.ts';
import { startKubectlLab } from './kubectl-lab.ts';
import { type CallOptions, refused } from './lab.ts';

const { call, kubectl } = await startKubectlLab(t);
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const FLEETS = '/apis/example.com/v1/namespaces/default/fleets';
const MERGE: CallOptions = { type: 'application/merge-patch+json' };

const integer = { type: 'integer' };
const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'fleets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'fleets', kind: 'Fleet' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: { replicas: { ...integer, maximum: 9 }, colour: { type: 'string' } },
              },
              status: { type: 'object', properties: { replicas: integer, selector: { type: 'string' } } },
            },
          },
        },
      },
    ],
  },
};
const fleet = (name: string, spec: object = { replicas: 1, colour: 'red' }) =>
  ({ apiVersion: 'example.com/v1', kind: 'Fleet', metadata: { name }, spec }) as unknown as KubeObject;

await call('POST', CRDS, crd);
await until(async () => (await call('GET', FLEETS)).code === 200, {
  timeoutMs: 15_000,
  what: () => 'fleets to be served',
});

t.test('shows replicas and selector, and writes the replicas alone', async t => {
  const made = await call('POST', FLEETS, fleet('a'));
  await call('PATCH', `${FLEETS}/a/status`, { status: { replicas: 4, selector: 'app=a' } }, MERGE);
  const { body: scale } = await call('GET', `${FLEETS}/a/scale`);
  t.match(scale, {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'a', namespace: 'default', uid: made.body.metadata.uid },
    spec: { replicas: 1 },
    status: { replicas: 4, selector: 'app=a' },
  });
  t.match(await call('PUT', `${FLEETS}/a/scale`, { ...scale, spec: { replicas: 3 } }), {
    code: 200,
    body: { kind: 'Scale', spec: { replicas: 3 } },
  });
  refused(t, await call('PUT', `${FLEETS}/a/scale`, { ...scale, spec: { replicas: 4 } }), 409, 'Conflict');
  t.match(await call('PATCH', `${FLEETS}/a/scale?fieldManager=scaler`, { spec: { replicas: 5 } }, MERGE), {
    code: 200,
    body: { spec: { replicas: 5 } },
  });
  const { body: live } = await call('GET', `${FLEETS}/a`);
  t.match(live, {
    metadata: { generation: 3 },
    spec: { replicas: 5, colour: 'red' },
    status: { replicas: 4 },
  });
  const owner = live.metadata.managedFields.find((entry: { manager: string }) => entry.manager === 'scaler');
  t.match(owner, { operation: 'Update', apiVersion: 'example.com/v1', subresource: 'scale' });
  t.same(owner.fieldsV1, { 'f:spec': { 'f:replicas': {} } }, 'whoever scales owns the number');
});

t.test('refuses what cannot be', async t => {
  await call('POST', FLEETS, fleet('b'));
  await call('POST', FLEETS, fleet('none', {}));
  const put = (replicas: unknown, more = {}) =>
    call('PUT', `${FLEETS}/b/scale`, {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      spec: { replicas },
      ...more,
    });
  refused(t, await put(-1), 422, 'Invalid');
  refused(t, await put(10), 422, 'Invalid', 'the schema of the kind holds');
  const status = await call('PATCH', `${FLEETS}/b/status`, { status: { replicas: -1 } }, MERGE);
  t.match(refused(t, status, 422, 'Invalid').details?.causes, [
    { field: '.status.replicas', message: 'Invalid value: -1: should be a non-negative integer' },
  ]);
  refused(t, await put('two'), 400, 'BadRequest');
  refused(t, await put(2, { kind: 'Fleet' }), 400, 'BadRequest');
  refused(t, await put(2, { metadata: { name: 'c' } }), 400, 'BadRequest');
  refused(t, await call('PUT', `${FLEETS}/b/scale`, []), 400, 'BadRequest');
  refused(t, await call('GET', `${FLEETS}/gone/scale`), 404, 'NotFound');
  refused(
    t,
    await call('GET', `${FLEETS}/none/scale`),
    422,
    'Invalid',
    'the field that it reads is not there',
  );
  refused(t, await call('DELETE', `${FLEETS}/b/scale`), 405, 'MethodNotAllowed');
  const apply = { type: 'application/apply-patch+yaml' };
  refused(t, await call('PATCH', `${FLEETS}/b/scale?fieldManager=x`, {}, apply), 415, 'UnsupportedMediaType');
  refused(t, await call('GET', '/api/v1/namespaces/default/configmaps/x/scale'), 404, 'NotFound');
});

t.test('kubectl scale, by discovery', async t => {
  await call('POST', FLEETS, fleet('k'));
  t.match(await kubectl('scale fleet k --replicas=2'), { code: 0, out: 'fleet.example.com/k scaled\n' });
  t.match(await kubectl('scale fleet k --current-replicas=1 --replicas=3'), {
    code: 1,
    err: /Expected replicas to be 1, was 2/,
  });
  t.equal((await kubectl('get fleet k --subresource=scale -o jsonpath={.spec.replicas}')).out, '2');
  t.match((await call('GET', '/apis/example.com/v1')).body.resources[1], {
    name: 'fleets/scale',
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
  });
});
