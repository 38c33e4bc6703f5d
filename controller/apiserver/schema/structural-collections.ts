import type { Cause } from '../../kit/errors.ts';
import type { Segment } from './causes.ts';
import * as causes from './causes.ts';
import type { JsonSchema } from './json-schema.ts';

type At = (...segments: Segment[]) => string;

/** Checks what a node says of lists and maps: how their items are told apart, and whether they can be. */
export function checkCollections(schema: JsonSchema, at: At, found: Cause[]): void {
  checkAdditional(schema, at, found);
  checkMapType(schema, at, found);
  checkListType(schema, at, found);
}

function checkAdditional({ additionalProperties, properties }: JsonSchema, at: At, found: Cause[]): void {
  if (additionalProperties === undefined || additionalProperties === true) return;
  if (Object.keys(properties ?? {}).length > 0)
    found.push(
      causes.forbidden(
        at('additionalProperties'),
        'additionalProperties and properties are mutual exclusive',
      ),
    );
}

function mustBe(type: string, schema: JsonSchema, { at, keyword }: { at: At; keyword: string }): Cause[] {
  if (schema.type === type) return [];
  const must = `must be ${type} if ${keyword} is specified`;
  return [schema.type ? causes.invalid(at('type'), schema.type, must) : causes.required(at('type'), must)];
}

function checkMapType(schema: JsonSchema, at: At, found: Cause[]): void {
  const keyword = 'x-kubernetes-map-type';
  const type = schema[keyword];
  if (type === undefined) return;
  found.push(...mustBe('object', schema, { at, keyword }));
  if (type !== 'atomic' && type !== 'granular')
    found.push(causes.notSupported(at(keyword), type, ['atomic', 'granular']));
}

function checkListType(schema: JsonSchema, at: At, found: Cause[]): void {
  const keyword = 'x-kubernetes-list-type';
  const type = schema[keyword];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (type !== undefined) {
    found.push(...mustBe('array', schema, { at, keyword }));
    if (!['atomic', 'set', 'map'].includes(type))
      found.push(causes.notSupported(at(keyword), type, ['atomic', 'set', 'map']));
  }
  if (keys.length > 0 && type !== 'map') {
    const must = 'must be map if x-kubernetes-list-map-keys is non-empty';
    found.push(type ? causes.invalid(at(keyword), type, must) : causes.required(at(keyword), must));
  }
  const { items } = schema;
  if ((type === 'set' || type === 'map') && items?.nullable)
    found.push(
      causes.forbidden(at('items', 'nullable'), `cannot be nullable when x-kubernetes-list-type is ${type}`),
    );
  if (type === 'set' && items) checkSetItems(items, at, found);
  if (type === 'map') checkMapItems(schema, keys, at, found);
}

/** Items of sets are compared as a whole. */
function checkSetItems(items: JsonSchema, at: At, found: Cause[]): void {
  const must = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  if (items.type === 'array' && (items['x-kubernetes-list-type'] ?? 'atomic') !== 'atomic')
    found.push(causes.invalid(at('items', 'x-kubernetes-list-type'), items['x-kubernetes-list-type'], must));
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
    found.push(
      causes.invalid(at('items', 'x-kubernetes-map-type'), items['x-kubernetes-map-type'] ?? '', must),
    );
}

function checkMapItems({ items }: JsonSchema, keys: readonly string[], at: At, found: Cause[]): void {
  const field = at('x-kubernetes-list-map-keys');
  if (keys.length === 0)
    found.push(causes.required(field, 'must not be empty if x-kubernetes-list-type is map'));
  if (!items) {
    found.push(causes.required(at('items'), 'must have a schema if x-kubernetes-list-type is map'));
    return;
  }
  if (items.type !== 'object')
    found.push(
      causes.invalid(
        at('items', 'type'),
        items.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  if (new Set(keys).size < keys.length)
    found.push(causes.invalid(field, keys, 'must not contain duplicate entries'));
  for (const key of new Set(keys)) {
    const child = items.properties?.[key];
    const name: Segment = { key };
    if (!child) {
      found.push(causes.invalid(field, keys, 'entries must all be names of item properties'));
      continue;
    }
    if (child.type === 'array' || child.type === 'object')
      found.push(
        causes.invalid(
          at('items', 'properties', name, 'type'),
          child.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    if (!items.required?.includes(key) && child.default === undefined)
      found.push(
        causes.required(
          at('items', 'properties', name, 'default'),
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
    if (child.nullable)
      found.push(
        causes.forbidden(
          at('items', 'properties', name, 'nullable'),
          'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
        ),
      );
  }
}
