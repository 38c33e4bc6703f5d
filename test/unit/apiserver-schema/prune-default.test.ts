import t from 'tap';
import { compileSchema } from '../../../controller/apiserver/schema/compile.ts';
import type { JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';

const schemaOf = (spec: JsonSchema) => compileSchema({ type: 'object', properties: { spec } });
const object = (spec: unknown) => ({ apiVersion: 'a/v1', kind: 'A', metadata: { name: 'a' }, spec });

const prunings: [what: string, schema: JsonSchema, spec: unknown, left: unknown, dropped: string[]][] = [
  ['unknown fields go', { type: 'object', properties: { a: {} } }, { a: 1, b: 2 }, { a: 1 }, ['spec.b']],
  [
    'in lists too',
    { type: 'array', items: { type: 'object', properties: { a: {} } } },
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, {}],
    ['spec[1].b'],
  ],
  [
    'and in maps',
    { type: 'object', additionalProperties: { type: 'object', properties: { a: {} } } },
    { x: { b: 1 } },
    { x: {} },
    ['spec.x.b'],
  ],
  [
    'additionalProperties: true keeps all',
    { type: 'object', additionalProperties: true },
    { x: { b: 1 } },
    { x: { b: 1 } },
    [],
  ],
  [
    'preserved fields stay, but known ones are pruned',
    {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { a: { type: 'object', properties: { b: {} } } },
    },
    { x: { y: 1 }, a: { b: 1, c: 1 } },
    { x: { y: 1 }, a: { b: 1 } },
    ['spec.a.c'],
  ],
  [
    'an embedded resource keeps what makes it one',
    { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
    { apiVersion: 'v1', kind: 'B', metadata: { x: 1 }, spec: { y: 1 }, z: 1 },
    { apiVersion: 'v1', kind: 'B', metadata: { x: 1 }, spec: {} },
    ['spec.spec.y', 'spec.z'],
  ],
  [
    'names of Object.prototype are no known fields',
    { type: 'object', properties: { a: {} } },
    JSON.parse('{"toString":1,"__proto__":{"x":1}}'),
    {},
    ['spec.toString', 'spec.__proto__'],
  ],
  [
    'values of another type are left to validation',
    { type: 'object', properties: { a: {} } },
    'text',
    'text',
    [],
  ],
];
t.test('pruning', async t => {
  for (const [what, schema, spec, left, dropped] of prunings) {
    const value = object(spec);
    t.strictSame(schemaOf(schema).prune(value), dropped, what);
    t.strictSame(value, object(left), what);
  }
});

t.test('the root keeps apiVersion, kind and the fields of metadata, and nothing else', async t => {
  const value = { ...object({}), extra: 1, metadata: { name: 'a', labels: { a: 'b' }, extra: 1 } };
  t.strictSame(schemaOf({ type: 'object' }).prune(value), ['metadata.extra', 'extra']);
  t.strictSame(value, {
    apiVersion: 'a/v1',
    kind: 'A',
    metadata: { name: 'a', labels: { a: 'b' } },
    spec: {},
  });
});

const defaults: [what: string, schema: JsonSchema, spec: unknown, filled: unknown][] = [
  [
    'absent fields are filled',
    { type: 'object', properties: { a: { default: 1 }, b: { default: false } } },
    { b: true },
    { b: true, a: 1 },
  ],
  [
    'defaults nest',
    { type: 'object', properties: { a: { type: 'object', default: {}, properties: { b: { default: 2 } } } } },
    {},
    { a: { b: 2 } },
  ],
  [
    'what is absent without a default stays so',
    { type: 'object', properties: { a: { type: 'object', properties: { b: { default: 2 } } } } },
    {},
    {},
  ],
  [
    'items are completed',
    { type: 'array', items: { type: 'object', properties: { a: { default: 1 } } } },
    [{}, { a: 2 }],
    [{ a: 1 }, { a: 2 }],
  ],
  ['null takes the default', { type: 'object', properties: { a: { default: 1 } } }, { a: null }, { a: 1 }],
  [
    'null may mean itself',
    { type: 'object', properties: { a: { default: 1, nullable: true } } },
    { a: null },
    { a: null },
  ],
  [
    'null of a field without a default goes',
    { type: 'object', properties: { a: { type: 'string' } } },
    { a: null },
    {},
  ],
  [
    'values of maps are completed',
    { type: 'object', additionalProperties: { type: 'object', properties: { a: { default: 1 } } } },
    { x: {} },
    { x: { a: 1 } },
  ],
  [
    'null items take the default',
    { type: 'array', items: { type: 'integer', default: 3 } },
    [null, 1],
    [3, 1],
  ],
];
t.test('defaults', async t => {
  for (const [what, schema, spec, filled] of defaults) {
    const value = object(spec);
    schemaOf(schema).default(value);
    t.strictSame(value, object(filled), what);
  }
});

t.test('each object gets its own copy of a default', async t => {
  const schema = schemaOf({ type: 'object', properties: { list: { default: [] } } });
  const [a, b] = [object({}), object({})];
  schema.default(a);
  schema.default(b);
  (a.spec as { list: unknown[] }).list.push(1);
  t.strictSame(b.spec, { list: [] });
});
