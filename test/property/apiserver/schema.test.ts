import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { parse } from 'yaml';
import { checkStructural, compileSchema } from '../../../controller/apiserver/schema/compile.ts';
import type { JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';
import { compilePattern } from '../../../controller/apiserver/schema/pattern.ts';
import { jsonEqual } from '../../../controller/kit/json.ts';

const WORKSPACE: JsonSchema = parse(
  readFileSync(new URL('../../../crds/workspace.yaml', import.meta.url), 'utf8'),
).spec.versions[0].schema.openAPIV3Schema;
const schema = compileSchema(WORKSPACE);

/** Values that are nearly right: of the schema's shape, with anything at all here and there. */
function near(node: JsonSchema): fc.Arbitrary<unknown> {
  const wild = fc.jsonValue({ maxDepth: 2 });
  const shaped = (): fc.Arbitrary<unknown> => {
    if (node.enum) return fc.constantFrom(...node.enum);
    if (node.type === 'integer') return fc.integer({ min: -1, max: 70_000 });
    if (node.type === 'boolean') return fc.boolean();
    if (node.type === 'array') return fc.array(near(node.items ?? {}), { maxLength: 3 });
    if (node.type !== 'object') return fc.constantFrom('a', 'web', 'Node', '4Gi', 'https://a/b', '');
    if (typeof node.additionalProperties === 'object')
      return fc.dictionary(fc.string(), near(node.additionalProperties), { maxKeys: 3 });
    const fields = Object.entries(node.properties ?? {}).map(([name, child]) => [
      name,
      fc.option(near(child), { nil: undefined, freq: 2 }),
    ]);
    return fc
      .record({ ...Object.fromEntries(fields), unknown: fc.option(wild, { nil: undefined, freq: 1 }) })
      .map(value => JSON.parse(JSON.stringify(value)));
  };
  return fc.oneof({ weight: 30, arbitrary: shaped() }, { weight: 1, arbitrary: wild });
}
const workspace = near(WORKSPACE.properties?.spec as JsonSchema).map(spec => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name: 'a' },
  spec,
}));

t.test('pruning and defaulting once is enough', async t => {
  fc.assert(
    fc.property(workspace, object => {
      schema.prune(object);
      schema.default(object);
      const once = structuredClone(object);
      const again = schema.prune(object);
      schema.default(object);
      return again.length === 0 && jsonEqual(object, once);
    }),
    { numRuns: 200 },
  );
  t.pass();
});

t.test('validation never throws, changes nothing, and accepts what did not change', async t => {
  fc.assert(
    fc.property(workspace, workspace, (object, other) => {
      const before = structuredClone(object);
      const causes = schema.validate(object, other);
      return (
        jsonEqual(object, before) &&
        causes.every(cause => cause.field && cause.message && cause.reason) &&
        schema.validate(object, before).length === 0
      );
    }),
    { numRuns: 200 },
  );
  t.pass();
});

t.test('what is valid after pruning and defaulting stays valid when it is sent again', async t => {
  fc.assert(
    fc.property(workspace, object => {
      schema.prune(object);
      schema.default(object);
      const valid = schema.validate(object).length === 0;
      const again = JSON.parse(JSON.stringify(object));
      schema.default(again);
      return (schema.validate(again).length === 0) === valid;
    }),
    { numRuns: 100 },
  );
  t.pass();
});

t.test('no schema, however wrong, makes the checks throw; what they accept compiles', async t => {
  const keyword = fc.constantFrom(
    'type',
    'properties',
    'items',
    'default',
    'pattern',
    'required',
    'enum',
    'anyOf',
    'not',
    'nullable',
    'additionalProperties',
    'x-kubernetes-list-type',
    'x-kubernetes-list-map-keys',
    'x-kubernetes-validations',
    'x-kubernetes-preserve-unknown-fields',
    'minimum',
    'format',
  );
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      'object',
      'array',
      'string',
      'integer',
      'set',
      'map',
      'atomic',
      true,
      {},
      [],
      ['a'],
      [{}],
      { a: { type: 'string' } },
      [{ rule: 'true' }],
      [{ required: ['a'] }],
      '^a',
      '(',
    ),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const node = fc.dictionary(keyword, value, { maxKeys: 5 });
  fc.assert(
    fc.property(node, node, (spec, more) => {
      const openAPIV3Schema = {
        type: 'object',
        properties: { spec: { type: 'object', ...spec, properties: { a: more } } },
      };
      const causes = checkStructural({ spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema } }] } });
      if (causes.length === 0) compileSchema(openAPIV3Schema as JsonSchema);
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

t.test('patterns mean the same in both engines', async t => {
  const piece = fc.constantFrom(
    'a',
    'b',
    '.',
    '\\d',
    '\\s',
    '[a-c]',
    '[^a]',
    '(a|b)',
    '(?:ab)',
    '^',
    '$',
    '-',
    '\\.',
    '[\\w.-]',
  );
  const repeat = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}');
  const pattern = fc
    .array(fc.tuple(piece, repeat), { minLength: 1, maxLength: 5 })
    .map(parts => parts.map(([p, r]) => (/[$^]/.test(p) && p.length === 1 ? p : p + r)).join(''));
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', '1', ' ', '.', '-', '\n', 'é', '😀'), { maxLength: 8 })
    .map(chars => chars.join(''));
  fc.assert(
    fc.property(pattern, text, (source, value) => {
      const group = compilePattern(`(?s:)${source}`);
      return compilePattern(source)(value) === group(value);
    }),
    { numRuns: 1000 },
  );
  t.pass();
});
