import fc from 'fast-check';
import type { Kind } from './hostile-kinds.ts';

/** What is put where something else is expected. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1e308,
    2 ** 53,
    0.5,
    '',
    'x',
    '0',
    'true',
    '\ud800',
    '\0',
    '🙂'.repeat(40),
    'x'.repeat(300),
    '../..',
    'a/b',
    '%2e%2e',
    '2020-01-01T00:00:00Z',
    '9999999999999999999999',
    {},
    [],
    [null],
    [[]],
    [{}],
    [1, 1],
    { '': '' },
    { constructor: null, toString: {}, hasOwnProperty: 1, length: -1 },
    { $patch: 'delete' },
    [{ $patch: 'replace' }, { name: 'x', $patch: 'delete' }],
    { '$setElementOrder/x': ['a'], '$deleteFromPrimitiveList/finalizers': ['x'], $retainKeys: ['a'] },
    { 'f:spec': { 'k:{"name":1}': {}, '.': {}, 'v:"': {}, 'i:x': {} } },
    '(a+)+$',
    'self.x.map(i, self.x.map(j, j))',
    'self == oldSelf',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.jsonValue({ maxDepth: 3 }),
);

export const name = fc.constantFrom(
  'a',
  'b',
  'w',
  'default',
  'kube-system',
  'admin',
  'things.example.com',
  'system:x',
);
/** A part of a path. */
export const word = fc.oneof(
  { weight: 4, arbitrary: name },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '.',
      '..',
      '%00',
      '%ZZ',
      '%2F',
      '%ED%A0%80',
      'a%20b',
      '*',
      '__proto__',
      'status',
    ),
  },
);

const metadata = {
  name: 'a',
  namespace: 'default',
  generateName: 'a-',
  labels: { a: 'b' },
  annotations: { c: 'd' },
  finalizers: ['example.com/x'],
  ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u' }],
  managedFields: [
    {
      manager: 'm',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:a': {} } },
    },
  ],
  resourceVersion: '1',
  uid: 'u',
  deletionTimestamp: '2026-01-01T00:00:00Z',
};
const OPTIONAL = Object.keys(metadata).filter(key => key !== 'name');

/** An object of the kind with some members of its metadata, and junk in a few places or none. */
function objectOf(kind: Kind): fc.Arbitrary<unknown> {
  return fc
    .record({
      name: fc.oneof({ weight: 5, arbitrary: name }, { weight: 1, arbitrary: junk }),
      keep: fc.subarray(OPTIONAL, { maxLength: 3 }),
      spoil: fc.array(fc.tuple(fc.nat(), junk), { maxLength: 2 }),
    })
    .map(({ name, keep, spoil }) => {
      const meta = Object.fromEntries(Object.entries(metadata).filter(([key]) => keep.includes(key)));
      const object = structuredClone({
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        metadata: { ...meta, name } as object,
        ...kind.body,
      }) as Record<string, unknown>;
      for (const [where, what] of spoil) put(object, where, structuredClone(what));
      return object;
    });
}

/** Replaces one of the values in `root`, at any depth, or adds a member beside it. */
function put(root: object, where: number, what: unknown): void {
  const places: [holder: Record<string, unknown>, key: string][] = [];
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push([value as Record<string, unknown>, key]);
      visit(inner);
    }
  };
  visit(root);
  const place = places[(where >> 2) % Math.max(1, places.length)];
  if (!place) return;
  const [holder, key] = place;
  if (where % 4 !== 0) holder[key] = what;
  else if (Array.isArray(holder)) holder.push(what);
  else holder[`${key}x`] = what;
}

const pointer = fc.oneof(
  fc.constantFrom(
    '',
    '/',
    '/metadata',
    '/metadata/name',
    '/metadata/labels/a',
    '/metadata/finalizers/-',
    '/metadata/managedFields',
    '/spec',
    '/spec/n',
    '/spec/l/0',
    '/spec/l/99999999999',
    '/data/a',
    '/data/~1~0',
    '/__proto__/x',
    '/constructor/prototype/x',
    'no-slash',
    '/~2',
  ),
  fc.array(word, { maxLength: 4 }).map(parts => parts.map(part => `/${part}`).join('')),
);
const jsonPatches = fc.oneof(
  fc.array(
    fc.record(
      {
        op: fc.oneof(fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'), junk),
        path: fc.oneof(pointer, junk),
        from: pointer,
        value: junk,
      },
      { requiredKeys: ['op', 'path'] },
    ),
    { maxLength: 4 },
  ),
  junk,
);

/** An object with junk in it and most of it left out. */
const partOf = (kind: Kind): fc.Arbitrary<unknown> =>
  fc
    .tuple(objectOf(kind), fc.nat(30))
    .map(([object, mask]) =>
      Object.fromEntries(Object.entries(object as object).filter((_, i) => (mask >> i) & 1)),
    );

type Body = { type: string; body: string | Buffer | undefined };
/** As JSON, of whatever it is. */
export const asText = (value: unknown): string => JSON.stringify(value) ?? 'undefined';

/** YAML of sorts: JSON is YAML, and so are a few things that only look like it. */
const YAML_ODDITIES = [
  'a: &a [*a]',
  'a: &a {b: 1}\nc: *a\n<<: *a',
  '- - - -',
  '? {a: b}\n: c',
  '!!js/function "x"',
  '!!binary eA==',
  '---\na: 1\n---\nb: 2',
  '%YAML 9.9\n---\na',
  'a: !!float .nan',
  '\t- x',
  'a: "\\ud800"',
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: 012, b: yes, c: ~}',
];

/** A body for a request of this kind and method: mostly one that is nearly right. */
export function bodyOf(kind: Kind, method: string): fc.Arbitrary<Body> {
  const typed = (type: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<Body> =>
    value.map(of => ({ type, body: asText(of) }));
  const object = objectOf(kind);
  const raw = fc.oneof(
    fc.constantFrom(
      '',
      '{',
      '[',
      'null',
      '"x"',
      '{"a":',
      '\ufeff{}',
      '{"a":1}{"b":2}',
      '['.repeat(5000),
      '{"a":'.repeat(300),
    ),
    fc.string({ unit: 'binary' }),
  );
  const bytes = fc.uint8Array({ maxLength: 60 }).map(data => Buffer.from(data));
  const common: fc.Arbitrary<Body>[] = [
    typed('application/json', object),
    typed('application/yaml', object),
    fc.constantFrom(...YAML_ODDITIES).map(body => ({ type: 'application/yaml', body })),
    fc.record({ type: fc.constantFrom('application/json', 'application/yaml'), body: fc.oneof(raw, bytes) }),
    bytes.map(tail => ({
      type: 'application/vnd.kubernetes.protobuf',
      body: Buffer.concat([Buffer.from('k8s\0'), tail]),
    })),
    fc.record({ type: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }), body: raw }),
    fc.constant({ type: 'application/json', body: undefined }),
  ];
  if (method === 'DELETE')
    return fc.oneof(
      typed(
        'application/json',
        fc.record(
          {
            kind: fc.oneof(fc.constant('DeleteOptions'), junk),
            propagationPolicy: fc.oneof(fc.constantFrom('Foreground', 'Orphan', 'Background'), junk),
            preconditions: fc.oneof(fc.constant({ uid: 'u' }), junk),
            gracePeriodSeconds: junk,
            dryRun: fc.oneof(fc.constant(['All']), junk),
          },
          { requiredKeys: [] },
        ),
      ),
      ...common,
    );
  if (method !== 'PATCH') return fc.oneof({ weight: 6, arbitrary: common[0]! }, ...common.slice(1));
  return fc.oneof(
    typed('application/json-patch+json', jsonPatches),
    typed('application/merge-patch+json', fc.oneof(partOf(kind), junk)),
    typed('application/strategic-merge-patch+json', fc.oneof(partOf(kind), junk)),
    typed('application/apply-patch+yaml', fc.oneof(object, partOf(kind), junk)),
    ...common.slice(3),
  );
}
