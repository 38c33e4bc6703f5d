import { stableJson } from '../../kit/json.ts';
import * as causes from './causes.ts';
import type { Validate } from './findings.ts';
import { isObject, type JsonObject, type JsonSchema } from './json-schema.ts';

/** A text that is equal for items with equal values of `keys`; undefined when the item is no object. */
export function mapKeyOf(item: unknown, keys: readonly string[]): string | undefined {
  if (!isObject(item)) return undefined;
  if (keys.length === 1) return scalarKey(item[keys[0] as string]);
  let text = '';
  for (const key of keys) text += `${scalarKey(item[key])}\n`;
  return text;
}

function scalarKey(value: unknown): string {
  return typeof value === 'string' ? value : `\0${JSON.stringify(value)}`;
}

/** The values of `keys` in an item, for messages and paths; keys that the item lacks are left out. */
export function mapKeyValues(item: JsonObject, keys: readonly string[]): JsonObject {
  const values: JsonObject = {};
  for (const key of [...keys].sort()) if (item[key] !== undefined) values[key] = item[key];
  return values;
}

/** Refuses what is twice in a list of type set or map. */
export function compileListType(schema: JsonSchema): Validate | undefined {
  const type = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (type === 'set')
    return refuseTwice(
      item => (typeof item === 'object' ? stableJson(item) : scalarKey(item)),
      item => item,
    );
  if (type === 'map')
    return refuseTwice(
      item => mapKeyOf(item, keys),
      item => mapKeyValues(item as JsonObject, keys),
    );
  return undefined;
}

function refuseTwice(
  keyOf: (item: unknown) => string | undefined,
  show: (item: unknown) => unknown,
): Validate {
  return (value, found) => {
    if (!Array.isArray(value) || value.length < 2) return;
    const seen = new Set<string>();
    for (let i = 0; i < value.length && !found.full; i++) {
      const key = keyOf(value[i]);
      if (key === undefined) continue;
      if (seen.has(key)) found.add(causes.duplicate(causes.renderPath([...found.path, i]), show(value[i])));
      seen.add(key);
    }
  };
}
