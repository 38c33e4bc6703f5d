import t from 'tap';
import { OBJECT_META_SCHEMA } from '../../../controller/apiserver/builtin/object-meta.ts';
import { BUILTIN_KINDS } from '../../../controller/apiserver/builtin/schemas.ts';
import { checkStructural, compileSchema } from '../../../controller/apiserver/schema/compile.ts';
import type { JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';
import type { ConfigMap, Event, Lease, Namespace, Secret } from '../../../crds/object.ts';

const schemaOf = (kind: string) => {
  const found = BUILTIN_KINDS.find(({ resource }) => resource.kind === kind);
  if (!found) throw new Error(kind);
  return compileSchema(found.schema);
};

function* undescribed(schema: JsonSchema, path: string): Generator<string> {
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    if (!child.description) yield `${path}.${name}`;
    yield* undescribed(child, `${path}.${name}`);
  }
  if (schema.items) yield* undescribed(schema.items, `${path}[]`);
}

t.test('every field of every built-in kind is described', async t => {
  for (const { resource, schema } of BUILTIN_KINDS) {
    t.ok(schema.description, resource.kind);
    t.strictSame([...undescribed(schema, resource.kind)], []);
  }
  t.strictSame([...undescribed(OBJECT_META_SCHEMA, 'metadata')], []);
});

const metadata = { name: 'a', namespace: 'default' };
const objects: (Namespace | Secret | ConfigMap | Event | Lease)[] = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a' },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  } satisfies Namespace,
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    type: 'Opaque',
    data: { a: 'YQ==', empty: '' },
    stringData: { b: 'c' },
    immutable: true,
  } satisfies Secret,
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { a: 'b' },
    binaryData: { c: 'YQ==' },
  } satisfies ConfigMap,
  {
    apiVersion: 'v1',
    kind: 'Event',
    metadata,
    involvedObject: { kind: 'Workspace', name: 'a', namespace: 'default' },
    reason: 'Created',
    type: 'Normal',
    count: 1,
    eventTime: null,
    firstTimestamp: '2026-01-01T00:00:00Z',
    source: { component: 'x' },
  } satisfies Event,
  {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata,
    spec: { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' },
  } satisfies Lease,
];
t.test('ordinary objects pass as they are', async t => {
  for (const object of objects) {
    const schema = schemaOf(object.kind);
    const copy = structuredClone(object);
    t.strictSame(schema.prune(copy), [], object.kind);
    schema.default(copy);
    t.strictSame(copy, object, object.kind);
    t.strictSame(schema.validate(copy), [], object.kind);
  }
});

t.test('wrong types and unknown fields are found', async t => {
  const wrong = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: 1 }, dta: {} };
  t.strictSame(schemaOf('ConfigMap').prune(wrong), ['dta']);
  t.match(schemaOf('ConfigMap').validate(wrong), [{ field: 'data.a', reason: 'FieldValueTypeInvalid' }]);
  const event = { apiVersion: 'v1', kind: 'Event', metadata };
  t.match(schemaOf('Event').validate(event), [{ field: 'involvedObject', reason: 'FieldValueRequired' }]);
});

t.test('a lease lasts longer than nothing', async t => {
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata,
    spec: { leaseDurationSeconds: 0, leaseTransitions: -1 },
  };
  t.match(schemaOf('Lease').validate(lease), [
    { field: 'spec.leaseDurationSeconds' },
    { field: 'spec.leaseTransitions' },
  ]);
});

t.test('a definition keeps its schema, whatever is in it', async t => {
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: { a: { type: 'string', 'x-kubernetes-validations': [{ rule: 'true' }] } },
      },
    },
  };
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'as.b.c' },
    spec: {
      group: 'b.c',
      scope: 'Namespaced',
      names: { plural: 'as', kind: 'A' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
        },
      ],
    },
  };
  const copy = structuredClone(crd);
  const compiled = schemaOf('CustomResourceDefinition');
  t.strictSame(compiled.prune(copy), []);
  compiled.default(copy);
  t.strictSame(copy, crd);
  t.strictSame(compiled.validate(copy), []);
  t.match(compiled.validate({ ...crd, spec: { ...crd.spec, scope: 'x' } }), [{ field: 'spec.scope' }]);
});

t.test("the schemas of built-in kinds would be accepted as a user's", async t => {
  for (const { resource, schema } of BUILTIN_KINDS)
    t.strictSame(
      checkStructural({
        spec: {
          versions: [
            {
              schema: {
                openAPIV3Schema: {
                  ...schema,
                  properties: { ...schema.properties, metadata: { type: 'object' } },
                },
              },
            },
          ],
        },
      }),
      [],
      resource.kind,
    );
});
