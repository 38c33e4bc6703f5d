import { jsonEqual } from '../../kit/json.ts';
import type { Finding } from './findings.ts';
import { additionalSchema, isObject, type JsonSchema } from './json-schema.ts';
import { mapKeyOf } from './list-type.ts';

/**
 * Whether a finding is about a value that did not change, and so was accepted before the schema became stricter:
 * such a value may stay as long as nobody touches it.
 */
export function isUnchanged(finding: Finding, schema: JsonSchema, value: unknown, old: unknown): boolean {
  if (finding.transition) return false;
  let node: JsonSchema | undefined = schema;
  for (let depth = 0; ; depth++) {
    if (old === undefined) return false;
    if (jsonEqual(value, old)) return true;
    const segment = finding.at[depth];
    if (segment === undefined) return false;
    if (typeof segment === 'number') {
      const list: unknown = value;
      if (!Array.isArray(list) || !Array.isArray(old)) return false;
      const keys: readonly string[] | undefined =
        node?.['x-kubernetes-list-type'] === 'map' ? node['x-kubernetes-list-map-keys'] : undefined;
      const item: unknown = list[segment];
      const key = keys && mapKeyOf(item, keys);
      if (!keys || key === undefined) return false;
      old = old.find(other => mapKeyOf(other, keys) === key);
      value = item;
      node = node?.items;
    } else {
      const name = typeof segment === 'string' ? segment : segment.key;
      if (!isObject(value) || !isObject(old)) return false;
      value = value[name];
      old = Object.hasOwn(old, name) ? old[name] : undefined;
      node = node?.properties?.[name] ?? (node && additionalSchema(node));
    }
  }
}
