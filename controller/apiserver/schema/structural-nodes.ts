import type { Cause } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import * as causes from './causes.ts';
import { renderPath, type Segment } from './causes.ts';
import type { JsonSchema } from './json-schema.ts';
import { checkCollections } from './structural-collections.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const INT_OR_STRING: readonly JsonSchema[] = [{ type: 'integer' }, { type: 'string' }];
const TYPE_META = new Set(['apiVersion', 'kind', 'metadata']);

type Level = 'root' | 'item' | 'field';

const NO_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

/** What may not be said inside allOf, anyOf, oneOf and not, and how it would have to be. */
const NOT_IN_LOGIC: readonly [keyword: keyof JsonSchema, how: string][] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

/** Checks that a schema is structural: every value has one type, said outside of logic. */
export function checkNodes(schema: JsonSchema, path: Segment[]): Cause[] {
  const found: Cause[] = [];
  checkNode(schema, path, 'root', found);
  if (schema.nullable)
    found.push(causes.forbidden(renderPath([...path, 'nullable']), 'nullable cannot be true at the root'));
  return found;
}

function checkNode(schema: JsonSchema, path: Segment[], level: Level, found: Cause[]): void {
  const at = (...segments: Segment[]) => renderPath([...path, ...segments]);
  checkType(schema, level, at, found);
  checkExtensions(schema, at, found);
  checkCollections(schema, at, found);
  checkResource(schema, level, at, found);
  if (schema.uniqueItems)
    found.push(
      causes.forbidden(
        at('uniqueItems'),
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  checkLogic(schema, schema, { path, structure: path, complete: level === 'root', found });
  if (schema.items) checkNode(schema.items, [...path, 'items'], 'item', found);
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    checkNode(child, [...path, 'properties', { key: name }], 'field', found);
  if (typeof schema.additionalProperties === 'object')
    checkNode(schema.additionalProperties, [...path, 'additionalProperties'], 'field', found);
}

type At = (...segments: Segment[]) => string;

function checkType(schema: JsonSchema, level: Level, at: At, found: Cause[]): void {
  const { type } = schema;
  const free = schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'];
  if (schema['x-kubernetes-embedded-resource'] && type !== 'object') {
    const must = 'must be object if x-kubernetes-embedded-resource is true';
    found.push(type ? causes.invalid(at('type'), type, must) : causes.required(at('type'), must));
  } else if (!type) {
    if (!free) found.push(causes.required(at('type'), NO_TYPE[level]));
  } else if (!TYPES.includes(type)) found.push(causes.notSupported(at('type'), type, TYPES));
  else if (level === 'root' && type !== 'object')
    found.push(causes.invalid(at('type'), type, 'must be object at the root'));
  if (type === 'array' && !schema.items) found.push(causes.required(at('items'), 'must be specified'));
}

function checkExtensions(schema: JsonSchema, at: At, found: Cause[]): void {
  const preserve = schema['x-kubernetes-preserve-unknown-fields'];
  if (preserve === false)
    found.push(
      causes.invalid(at('x-kubernetes-preserve-unknown-fields'), preserve, 'must be true or undefined'),
    );
  if (!schema['x-kubernetes-int-or-string']) return;
  for (const name of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    if (schema[name])
      found.push(causes.invalid(at(name), true, 'must be false if x-kubernetes-int-or-string is true'));
}

/** What a whole resource, at the root or embedded, may say of its apiVersion, kind and metadata. */
function checkResource(schema: JsonSchema, level: Level, at: At, found: Cause[]): void {
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const { properties = {}, additionalProperties } = schema;
  if (additionalProperties !== undefined && level === 'root')
    found.push(causes.forbidden(at('additionalProperties'), 'must not be used at the root'));
  if (additionalProperties !== undefined && embedded)
    found.push(
      causes.forbidden(
        at('additionalProperties'),
        'must not be used if x-kubernetes-embedded-resource is set',
      ),
    );
  if (embedded && !schema['x-kubernetes-preserve-unknown-fields'] && Object.keys(properties).length === 0)
    found.push(
      causes.required(
        at('properties'),
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
  if (level !== 'root' && !embedded) return;
  for (const name of ['apiVersion', 'kind'] as const) {
    const child = properties[name];
    if (child && child.type !== 'string')
      found.push(causes.invalid(at('properties', { key: name }, 'type'), child.type ?? '', 'must be string'));
  }
  const { metadata } = properties;
  if (metadata && metadata.type !== 'object')
    found.push(
      causes.invalid(at('properties', { key: 'metadata' }, 'type'), metadata.type ?? '', 'must be object'),
    );
  if (level !== 'root') return;
  for (const name of TYPE_META)
    if ((properties[name]?.default ?? null) !== null)
      found.push(
        causes.forbidden(at('properties', { key: name }, 'default'), `must not be set in top-level ${name}`),
      );
  if (metadata && !onlyNames(metadata))
    found.push(
      causes.forbidden(
        at('properties', { key: 'metadata' }),
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
}

function onlyNames({ type: _, default: __, properties = {}, ...rest }: JsonSchema): boolean {
  return (
    Object.keys(rest).length === 0 &&
    Object.keys(properties).every(name => name === 'name' || name === 'generateName')
  );
}

interface Logic {
  /** Where the logic is. */
  path: Segment[];
  /** Where the same value is in the structure. */
  structure: Segment[];
  /** Whether what logic speaks of must be in the structure; Kubernetes asks that of the root's logic alone. */
  complete: boolean;
  found: Cause[];
}

/** Checks the branches of `schema`, which speak of the value that `structure` gives a type. */
function checkLogic(schema: JsonSchema, structure: JsonSchema | undefined, logic: Logic): void {
  const intOrString = structure?.['x-kubernetes-int-or-string'] === true;
  for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
    const branches = schema[keyword] ?? [];
    if (intOrString && keyword === 'anyOf' && jsonEqual(branches, INT_OR_STRING)) continue;
    branches.forEach((branch, i) => {
      checkBranch(branch, structure, { ...logic, path: [...logic.path, keyword, i] });
    });
  }
  if (schema.not) checkBranch(schema.not, structure, { ...logic, path: [...logic.path, 'not'] });
}

function checkBranch(branch: JsonSchema, structure: JsonSchema | undefined, logic: Logic): void {
  const { path, structure: base, complete, found } = logic;
  const at = (...segments: Segment[]) => renderPath([...path, ...segments]);
  for (const [keyword, how] of NOT_IN_LOGIC) {
    const value = branch[keyword];
    const nothing =
      value === undefined || value === false || value === '' || (Array.isArray(value) && value.length === 0);
    if (!nothing) found.push(causes.forbidden(at(keyword), how));
  }
  if (branch.properties?.metadata)
    found.push(
      causes.forbidden(at('properties', { key: 'metadata' }), 'must not be specified in a nested context'),
    );
  if (complete && !structure) {
    found.push(causes.required(renderPath(base), `because it is defined in ${renderPath(path)}`));
    return;
  }
  checkLogic(branch, structure, logic);
  const below = (child: JsonSchema, part: JsonSchema | undefined, segments: Segment[]) =>
    checkBranch(child, part, { ...logic, path: [...path, ...segments], structure: [...base, ...segments] });
  if (branch.items) below(branch.items, structure?.items, ['items']);
  for (const [name, child] of Object.entries(branch.properties ?? {}))
    below(child, structure?.properties?.[name], ['properties', { key: name }]);
}
