import t from 'tap';
import { compileSchema } from '../../../controller/apiserver/schema/compile.ts';
import type { JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';

/** Validates `value` as `spec` of an object. */
function check(spec: JsonSchema, value: unknown, old?: unknown) {
  const schema = compileSchema({ type: 'object', properties: { spec } });
  const object = (spec: unknown) => ({ apiVersion: 'a/v1', kind: 'A', metadata: { name: 'a' }, spec });
  return schema.validate(object(value), old === undefined ? undefined : object(old));
}
const codes = (spec: JsonSchema, value: unknown) =>
  check(spec, value).map(cause => `${cause.field} ${cause.reason}`);

const INVALID = ['spec FieldValueInvalid'];
const TYPE = ['spec FieldValueTypeInvalid'];
const table: [what: string, schema: JsonSchema, good: unknown[], bad: unknown[], causes: string[]][] = [
  ['string', { type: 'string' }, ['', 'a'], [1, null, {}, [], true], TYPE],
  ['integer', { type: 'integer' }, [0, -3, 1e15], [1.5, '1', null], TYPE],
  ['number', { type: 'number' }, [0, 1.5], ['1', null], TYPE],
  ['boolean', { type: 'boolean' }, [true, false], ['true', 0], TYPE],
  ['object', { type: 'object' }, [{}], [[], 'a', null], TYPE],
  ['array', { type: 'array', items: { type: 'string' } }, [[], ['a']], [{}, 'a'], TYPE],
  ['nullable', { type: 'string', nullable: true }, [null, 'a'], [1], TYPE],
  ['int or string', { 'x-kubernetes-int-or-string': true }, [1, '50%'], [1.5, true, {}], TYPE],
  [
    'int or string with its anyOf',
    { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    [1, 'a'],
    [true],
    TYPE,
  ],
  ['minimum', { type: 'integer', minimum: 2 }, [2, 3], [1], INVALID],
  ['exclusive minimum', { type: 'integer', minimum: 2, exclusiveMinimum: true }, [3], [2], INVALID],
  ['maximum', { type: 'number', maximum: 2 }, [2, 1], [2.1], INVALID],
  ['exclusive maximum', { type: 'number', maximum: 2, exclusiveMaximum: true }, [1.9], [2], INVALID],
  ['multiple of', { type: 'number', multipleOf: 0.1 }, [0.3, 1, 0], [0.35], INVALID],
  ['minLength counts characters', { type: 'string', minLength: 2 }, ['ab', '😀😀'], ['a', '😀'], INVALID],
  [
    'maxLength counts characters',
    { type: 'string', maxLength: 2 },
    ['ab', '😀😀'],
    ['abc'],
    ['spec FieldValueTooLong'],
  ],
  ['pattern', { type: 'string', pattern: 'b+' }, ['abc', 'b'], ['ac'], INVALID],
  ['enum', { type: 'string', enum: ['a', 'b'] }, ['a'], ['c'], ['spec FieldValueNotSupported']],
  [
    'enum of objects',
    { type: 'object', enum: [{ a: 1 }] },
    [{ a: 1 }],
    [{}],
    ['spec FieldValueNotSupported'],
  ],
  ['minItems', { type: 'array', items: { type: 'integer' }, minItems: 1 }, [[1]], [[]], INVALID],
  [
    'maxItems',
    { type: 'array', items: { type: 'integer' }, maxItems: 1 },
    [[1]],
    [[1, 2]],
    ['spec FieldValueTooMany'],
  ],
  ['minProperties', { type: 'object', minProperties: 1 }, [{ a: 1 }], [{}], INVALID],
  [
    'maxProperties',
    { type: 'object', maxProperties: 1 },
    [{ a: 1 }],
    [{ a: 1, b: 1 }],
    ['spec FieldValueTooMany'],
  ],
  [
    'required',
    { type: 'object', required: ['a'] },
    [{ a: null }, { a: 1 }],
    [{}],
    ['spec.a FieldValueRequired'],
  ],
  [
    'required is not fooled by inherited names',
    { type: 'object', required: ['toString'] },
    [{ toString: 1 }],
    [{}],
    ['spec.toString FieldValueRequired'],
  ],
  [
    'additionalProperties',
    { type: 'object', additionalProperties: { type: 'integer' } },
    [{ a: 1 }],
    [{ a: 'x' }],
    ['spec.a FieldValueTypeInvalid'],
  ],
  [
    'anyOf',
    { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] },
    [{ a: 1 }, { a: 1, b: 1 }],
    [{}],
    ['spec FieldValueInvalid', 'spec.a FieldValueRequired'],
  ],
  [
    'oneOf',
    { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    [{ a: 1 }],
    [{ a: 1, b: 1 }],
    INVALID,
  ],
  ['allOf', { type: 'integer', allOf: [{ minimum: 1 }, { maximum: 3 }] }, [2], [4], INVALID],
  ['not', { type: 'string', not: { enum: ['root'] } }, ['dev'], ['root'], INVALID],
  [
    'a set',
    { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    [['a', 'b']],
    [['a', 'a']],
    ['spec[1] FieldValueDuplicate'],
  ],
  [
    'a set of objects',
    { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' },
    [[{ a: 1 }, { a: 2 }]],
    [
      [
        { a: 1, b: 1 },
        { b: 1, a: 1 },
      ],
    ],
    ['spec[1] FieldValueDuplicate'],
  ],
  [
    'a list map of two keys',
    {
      type: 'array',
      items: { type: 'object' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a', 'b'],
    },
    [
      [
        { a: 1, b: 1 },
        { a: 1, b: '1' },
      ],
    ],
    [
      [
        { a: 1, b: 1 },
        { b: 1, a: 1 },
      ],
    ],
    ['spec[1] FieldValueDuplicate'],
  ],
  [
    'date-time',
    { type: 'string', format: 'date-time' },
    ['2026-02-28T23:59:60Z', '2026-01-01T00:00:00.123456+02:00'],
    ['2026-02-30T00:00:00Z', '2026-01-01', '', '2026-01-01T25:00:00Z'],
    TYPE,
  ],
  ['date', { type: 'string', format: 'date' }, ['2024-02-29'], ['2023-02-29', '2024-2-1'], TYPE],
  [
    'duration',
    { type: 'string', format: 'duration' },
    ['1h30m', '-1.5s', '0', '3 days'],
    ['1x', 'soon', ''],
    TYPE,
  ],
  ['int32', { type: 'integer', format: 'int32' }, [2147483647, -2147483648], [2147483648], TYPE],
  ['int64', { type: 'integer', format: 'int64' }, [2 ** 53], [2 ** 64], TYPE],
  ['float', { type: 'number', format: 'float' }, [1e38], [1e39], TYPE],
  ['byte', { type: 'string', format: 'byte' }, ['', 'AAAA', 'AA=='], ['A', '***'], TYPE],
  ['uri', { type: 'string', format: 'uri' }, ['https://a/b?c', '/relative'], ['a b', 'nope'], TYPE],
  ['email', { type: 'string', format: 'email' }, ['a@b.c'], ['a@', '@b', 'a'], TYPE],
  ['hostname', { type: 'string', format: 'hostname' }, ['a.example', 'a'], ['-a', 'a..b', ''], TYPE],
  ['ipv4', { type: 'string', format: 'ipv4' }, ['10.0.0.1'], ['10.0.0.256', '::1'], TYPE],
  ['ipv6', { type: 'string', format: 'ipv6' }, ['::1'], ['10.0.0.1', ':::'], TYPE],
  [
    'cidr',
    { type: 'string', format: 'cidr' },
    ['10.0.0.0/8', 'fe80::/10'],
    ['10.0.0.0', '10.0.0.0/33', 'x/8'],
    TYPE,
  ],
  ['mac', { type: 'string', format: 'mac' }, ['00:11:22:33:44:55'], ['00:11'], TYPE],
  ['uuid', { type: 'string', format: 'uuid' }, ['123e4567-e89b-12d3-a456-426614174000'], ['123'], TYPE],
  [
    'uuid4',
    { type: 'string', format: 'uuid4' },
    ['123e4567-e89b-42d3-a456-426614174000'],
    ['123e4567-e89b-12d3-a456-426614174000'],
    TYPE,
  ],
  ['hexcolor', { type: 'string', format: 'hexcolor' }, ['#fff', 'a1b2c3'], ['#ggg'], TYPE],
  ['rgbcolor', { type: 'string', format: 'rgbcolor' }, ['rgb(1, 2,255)'], ['rgb(1,2,256)'], TYPE],
  [
    'creditcard',
    { type: 'string', format: 'creditcard' },
    ['4111 1111 1111 1111'],
    ['4111 1111 1111 1112'],
    TYPE,
  ],
  ['an unknown format says nothing', { type: 'string', format: 'password' }, ['x'], [], []],
];

t.test('each keyword accepts and refuses what it says', async t => {
  for (const [what, schema, good, bad, causes] of table) {
    for (const value of good) t.strictSame(codes(schema, value), [], `${what}: ${JSON.stringify(value)}`);
    for (const value of bad)
      t.strictSame(codes(schema, value), causes, `${what}: not ${JSON.stringify(value)}`);
  }
});

t.test('a value in base64 is not repeated: it may be secret', async t => {
  const [cause] = check({ type: 'string', format: 'byte' }, 'hunter2!');
  t.notMatch(cause?.message, /hunter2/);
});

t.test('long values are cut in messages', async t => {
  const [cause] = check({ type: 'string', pattern: '^b' }, 'a'.repeat(100_000));
  t.ok((cause?.message?.length ?? 0) < 1000);
});

t.test('metadata is checked with the types that every object has', async t => {
  const schema = compileSchema({ type: 'object', properties: { metadata: { type: 'object' } } });
  const wrong = {
    apiVersion: 'v1',
    kind: 1,
    metadata: { name: 'a', labels: { a: 1 }, ownerReferences: [{ name: 'x' }] },
  };
  t.match(schema.validate(wrong), [
    { field: 'kind' },
    { field: 'metadata.labels.a' },
    { field: 'metadata.ownerReferences[0].apiVersion' },
    { field: 'metadata.ownerReferences[0].kind' },
    { field: 'metadata.ownerReferences[0].uid' },
  ]);
});

t.test('names of Object.prototype are ordinary names', async t => {
  const spec: JsonSchema = { type: 'object', properties: { constructor: { type: 'string' } } };
  t.strictSame(codes(spec, {}), []);
  t.strictSame(codes(spec, JSON.parse('{"constructor":1,"__proto__":2}')), [
    'spec.constructor FieldValueTypeInvalid',
  ]);
});
