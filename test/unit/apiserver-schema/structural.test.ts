import t from 'tap';
import { checkStructural } from '../../../controller/apiserver/schema/compile.ts';

const SCHEMA = 'spec.versions[0].schema.openAPIV3Schema';

/** A definition whose spec is `spec`; `version` is laid over its version. */
const crd = (spec: unknown, version: object = {}) => ({
  spec: {
    versions: [
      {
        name: 'v1',
        schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        subresources: { status: {} },
        ...version,
      },
    ],
  },
});
const root = (schema: unknown) => crd({}, { schema: { openAPIV3Schema: schema } });
/** What is wrong, as `field reason`, fields of the spec's schema without their prefix. */
const faults = (definition: object) =>
  checkStructural(definition).map(
    ({ field, reason }) =>
      `${field?.replace(`${SCHEMA}.properties[spec]`, '~').replace(SCHEMA, '^')} ${reason?.replace('FieldValue', '')}`,
  );

const text = { type: 'string' };
const wrong: [what: string, definition: object, ...faults: string[]][] = [
  ['no schema', crd({}, { schema: undefined }), '^ Required'],
  ['no type', crd({ description: 'x' }), '~.type Required'],
  ['an unknown type', crd({ type: 'text' }), '~.type NotSupported'],
  ['a list without items', crd({ type: 'array' }), '~.items Required'],
  ['the root is no object', root({ type: 'string' }), '^.type Invalid'],
  [
    'the root may be null',
    root({ type: 'object', nullable: true }),
    '^.nullable Forbidden',
    '^.nullable Forbidden',
  ],
  [
    'the root allows anything',
    crd(
      {},
      { schema: { openAPIV3Schema: { type: 'object', additionalProperties: true } }, subresources: {} },
    ),
    '^.additionalProperties Forbidden',
  ],
  [
    'metadata is specified',
    root({ type: 'object', properties: { metadata: { type: 'object', description: 'x' } } }),
    '^.properties[metadata] Forbidden',
  ],
  [
    'metadata of another type',
    root({ type: 'object', properties: { metadata: text } }),
    '^.properties[metadata].type Invalid',
  ],
  [
    'kind is no text',
    root({ type: 'object', properties: { kind: { type: 'integer' } } }),
    '^.properties[kind].type Invalid',
  ],
  [
    'a default for kind',
    root({ type: 'object', properties: { kind: { type: 'string', default: 'A' } } }),
    '^.properties[kind].default Forbidden',
  ],
  [
    'logic at the root beside a status subresource',
    root({ type: 'object', anyOf: [{ required: ['spec'] }] }),
    '^.anyOf Forbidden',
  ],
  ['a type in logic', crd({ type: 'object', anyOf: [{ type: 'object' }] }), '~.anyOf[0].type Forbidden'],
  [
    'a default in logic',
    crd({ type: 'object', properties: { a: text }, not: { properties: { a: { default: 'x' } } } }),
    '~.not.properties[a].default Forbidden',
  ],
  [
    'metadata in logic',
    crd({ type: 'object', oneOf: [{ properties: { metadata: {} } }] }),
    '~.oneOf[0].properties[metadata] Forbidden',
  ],
  ['uniqueItems', crd({ type: 'array', items: text, uniqueItems: true }), '~.uniqueItems Forbidden'],
  [
    'properties and additionalProperties',
    crd({ type: 'object', properties: { a: text }, additionalProperties: text }),
    '~.additionalProperties Forbidden',
  ],
  [
    'preserve: false',
    crd({ type: 'object', 'x-kubernetes-preserve-unknown-fields': false }),
    '~.x-kubernetes-preserve-unknown-fields Invalid',
  ],
  [
    'int-or-string that keeps unknown fields',
    crd({ 'x-kubernetes-int-or-string': true, 'x-kubernetes-preserve-unknown-fields': true }),
    '~.x-kubernetes-preserve-unknown-fields Invalid',
  ],
  [
    'an embedded resource without a type',
    crd({ 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true }),
    '~.type Required',
  ],
  [
    'an empty embedded resource',
    crd({ type: 'object', 'x-kubernetes-embedded-resource': true }),
    '~.properties Required',
  ],
  [
    'a map type of a list',
    crd({ type: 'array', items: text, 'x-kubernetes-map-type': 'atomic' }),
    '~.type Invalid',
  ],
  [
    'an unknown map type',
    crd({ type: 'object', 'x-kubernetes-map-type': 'x' }),
    '~.x-kubernetes-map-type NotSupported',
  ],
  ['a list type of an object', crd({ type: 'object', 'x-kubernetes-list-type': 'set' }), '~.type Invalid'],
  [
    'an unknown list type',
    crd({ type: 'array', items: text, 'x-kubernetes-list-type': 'bag' }),
    '~.x-kubernetes-list-type NotSupported',
  ],
  [
    'a set of objects',
    crd({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' }),
    '~.items.x-kubernetes-map-type Invalid',
  ],
  [
    'a set of sets',
    crd({
      type: 'array',
      items: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
      'x-kubernetes-list-type': 'set',
    }),
    '~.items.x-kubernetes-list-type Invalid',
  ],
  [
    'a set of nulls',
    crd({ type: 'array', items: { ...text, nullable: true }, 'x-kubernetes-list-type': 'set' }),
    '~.items.nullable Forbidden',
  ],
  [
    'keys of no list map',
    crd({ type: 'array', items: text, 'x-kubernetes-list-map-keys': ['a'] }),
    '~.x-kubernetes-list-type Required',
  ],
  [
    'a list map without keys',
    crd({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' }),
    '~.x-kubernetes-list-map-keys Required',
  ],
  [
    'a list map of texts',
    crd({ type: 'array', items: text, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['a'] }),
    '~.items.type Invalid',
    '~.x-kubernetes-list-map-keys Invalid',
  ],
  [
    'a key that is optional',
    crd({
      type: 'array',
      items: { type: 'object', properties: { a: text } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
    }),
    '~.items.properties[a].default Required',
  ],
  [
    'a key that is an object, null and twice',
    crd({
      type: 'array',
      items: { type: 'object', required: ['a'], properties: { a: { type: 'object', nullable: true } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a', 'a'],
    }),
    '~.x-kubernetes-list-map-keys Invalid',
    '~.items.properties[a].type Invalid',
    '~.items.properties[a].nullable Forbidden',
  ],
  ['a pattern that is none', crd({ type: 'string', pattern: '(' }), '~.pattern Invalid'],
  ['a pattern that Go has not', crd({ type: 'string', pattern: '(?=a)' }), '~.pattern Invalid'],
  ['a default of another type', crd({ type: 'integer', default: 'x' }), '~.default TypeInvalid'],
  ['a default that is refused', crd({ type: 'integer', default: 0, minimum: 1 }), '~.default Invalid'],
  [
    'a default that a rule refuses',
    crd({ type: 'integer', default: 0, 'x-kubernetes-validations': [{ rule: 'self > 0', message: 'm' }] }),
    '~.default Invalid',
  ],
  [
    'a default with unknown fields',
    crd({ type: 'object', default: { b: 1 }, properties: { a: text } }),
    '~.default Invalid',
  ],
  [
    'a rule that does not compile',
    crd({
      type: 'object',
      'x-kubernetes-validations': [{ rule: 'self.a', message: 'm' }],
      properties: { a: text },
    }),
    '~.x-kubernetes-validations[0].rule Invalid',
  ],
  [
    'no rule',
    crd({ type: 'object', 'x-kubernetes-validations': [{ message: 'm' }] }),
    '~.x-kubernetes-validations[0].rule Required',
  ],
  [
    'messages and reasons',
    crd({
      type: 'string',
      'x-kubernetes-validations': [
        { rule: 'true', message: 'a\nb', reason: 'x' },
        { rule: 'true\n&& true' },
        { rule: 'true', message: ' ' },
        { rule: 'true', messageExpression: '1' },
      ],
    }),
    '~.x-kubernetes-validations[0].message Invalid',
    '~.x-kubernetes-validations[0].reason NotSupported',
    '~.x-kubernetes-validations[1].message Required',
    '~.x-kubernetes-validations[2].message Invalid',
    '~.x-kubernetes-validations[3].messageExpression Invalid',
  ],
  [
    'oldSelf where items cannot be found again',
    crd({
      type: 'array',
      items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'm' }] },
    }),
    '~.items.x-kubernetes-validations[0].rule Invalid',
  ],
  [
    'optionalOldSelf without oldSelf',
    crd({
      type: 'string',
      'x-kubernetes-validations': [{ rule: 'true', message: 'm', optionalOldSelf: true }],
    }),
    '~.x-kubernetes-validations[0].rule Invalid',
  ],
  [
    'a fieldPath to nowhere',
    crd({ type: 'object', 'x-kubernetes-validations': [{ rule: 'true', message: 'm', fieldPath: '.a' }] }),
    '~.x-kubernetes-validations[0].fieldPath Invalid',
  ],
  ['references', crd({ $ref: '#/x' }), '~.$ref Forbidden'],
  [
    'keywords of the wrong form',
    crd({
      type: 1,
      properties: [],
      required: 'a',
      items: [],
      pattern: 5,
      anyOf: {},
      enum: 1,
      'x-kubernetes-validations': [{ rule: 1 }, 2],
      maxLength: null,
    }),
    '~.type TypeInvalid',
    '~.properties TypeInvalid',
    '~.required TypeInvalid',
    '~.items TypeInvalid',
    '~.pattern TypeInvalid',
    '~.anyOf TypeInvalid',
    '~.enum TypeInvalid',
    '~.x-kubernetes-validations[0].rule TypeInvalid',
    '~.x-kubernetes-validations[1] TypeInvalid',
    '~.maxLength TypeInvalid',
  ],
  [
    'columns',
    crd(text, { additionalPrinterColumns: [{ name: 'a', type: 'x', format: 'y' }] }),
    'spec.versions[0].additionalPrinterColumns[0].type Invalid',
    'spec.versions[0].additionalPrinterColumns[0].format Invalid',
    'spec.versions[0].additionalPrinterColumns[0].jsonPath Required',
  ],
  [
    'scale paths',
    crd(text, {
      subresources: {
        scale: { specReplicasPath: '.status.a', statusReplicasPath: '.status.b', labelSelectorPath: 'x' },
      },
    }),
    'spec.versions[0].subresources.scale.specReplicasPath Invalid',
    'spec.versions[0].subresources.scale.labelSelectorPath Invalid',
  ],
  [
    'selectable fields',
    crd(
      { type: 'object', properties: { a: text, l: { type: 'array', items: text } } },
      {
        selectableFields: ['.spec.a', '.spec.a', '.spec.l', '.spec.x', '.metadata.name', 'a[0]'].map(
          jsonPath => ({ jsonPath }),
        ),
      },
    ),
    'spec.versions[0].selectableFields[1].jsonPath Duplicate',
    'spec.versions[0].selectableFields[2].jsonPath Invalid',
    'spec.versions[0].selectableFields[3].jsonPath Invalid',
    'spec.versions[0].selectableFields[4].jsonPath Invalid',
    'spec.versions[0].selectableFields[5].jsonPath Invalid',
  ],
];
t.test('what a kube-apiserver refuses is refused, with its field', async t => {
  for (const [what, definition, ...expected] of wrong) t.strictSame(faults(definition), expected, what);
});

const right: [what: string, spec: unknown][] = [
  [
    'int-or-string with its anyOf',
    { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
  ],
  [
    'a list map whose key has a default',
    {
      type: 'array',
      items: { type: 'object', properties: { a: { ...text, default: 'x' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
    },
  ],
  [
    'a set of atomic objects',
    {
      type: 'array',
      items: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
      'x-kubernetes-list-type': 'set',
    },
  ],
  ['anything', { 'x-kubernetes-preserve-unknown-fields': true }],
  [
    'a whole resource',
    { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
  ],
  [
    'logic about what the structure has',
    {
      type: 'object',
      properties: { a: text, b: text },
      oneOf: [{ required: ['a'], properties: { a: { minLength: 1 } } }, { required: ['b'] }],
      not: { required: ['c'] },
    },
  ],
  [
    'transition rules of a list map',
    {
      type: 'array',
      items: {
        type: 'object',
        required: ['a'],
        properties: { a: text },
        'x-kubernetes-validations': [{ rule: 'self.a == oldSelf.a', message: 'm' }],
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
    },
  ],
  ['null for no default', { type: 'string', default: null }],
];
t.test('what a kube-apiserver accepts is accepted', async t => {
  for (const [what, spec] of right) t.strictSame(checkStructural(crd(spec)), [], what);
});

t.test('no definition makes it throw', async t => {
  for (const spec of [
    undefined,
    {},
    { versions: 1 },
    { versions: [null, 1] },
    { versions: [{ schema: 1 }] },
    {
      versions: [{ schema: { openAPIV3Schema: [] }, selectableFields: [{}], additionalPrinterColumns: [{}] }],
    },
  ])
    t.doesNotThrow(() => checkStructural({ spec }), JSON.stringify(spec));
  const wide = {
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`p${i}`, text])),
  };
  t.match(checkStructural(root(wide)), [{ message: /more than 50000 nodes/ }]);
});
