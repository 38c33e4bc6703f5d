import { ApiError } from '../../kit/errors.ts';
import { jsonEqual, stableJson } from '../../kit/json.ts';
import { OBJECT_META_SCHEMA } from '../builtin/object-meta.ts';
import { additionalSchema, isObject, type JsonObject, type JsonSchema } from '../schema/json-schema.ts';
import { MAX_DEPTH, setOwn } from './merge-patch.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const SET_ORDER = '$setElementOrder/';

/**
 * Applies a strategic merge patch: as a merge patch, but lists merge by the key that the schema names
 * (`x-kubernetes-patch-merge-key`, else a single list-map key), and the patch may hold directives (`$patch`,
 * `$retainKeys`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…`). Neither argument is changed.
 * Throws ApiError BadRequest when the patch is malformed.
 */
export function strategicMergePatch<T extends object>(object: T, patch: unknown, schema: JsonSchema): T {
  if (!isObject(patch)) throw malformed('the patch must be a JSON object');
  const whole: JsonSchema = { ...schema, properties: { ...schema.properties, metadata: OBJECT_META_SCHEMA } };
  return mergeMaps(object as JsonObject, patch, whole, 0) as T;
}

function malformed(what: string): ApiError {
  return new ApiError('BadRequest', `strategic merge patch: ${what}`);
}

function childSchema(schema: JsonSchema | undefined, key: string): JsonSchema | undefined {
  if (!schema) return undefined;
  return schema.properties && Object.hasOwn(schema.properties, key)
    ? schema.properties[key]
    : additionalSchema(schema);
}

function mergeMaps(
  target: JsonObject,
  patch: JsonObject,
  schema: JsonSchema | undefined,
  depth: number,
): JsonObject {
  if (depth > MAX_DEPTH) throw malformed(`nested more than ${MAX_DEPTH} levels deep`);
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive === 'replace') return strip({ ...patch, [DIRECTIVE]: undefined }, depth);
  if (directive !== undefined && directive !== 'merge')
    throw malformed(`unknown directive $patch: ${JSON.stringify(directive)}`);
  const out: JsonObject = { ...target };
  retain(out, patch);
  for (const key of Object.keys(patch)) {
    if (key === DIRECTIVE || key === RETAIN_KEYS || key.startsWith(SET_ORDER)) continue;
    if (key.startsWith(DELETE_FROM)) deleteScalars(out, key.slice(DELETE_FROM.length), patch[key]);
    else
      mergeField(out, key, {
        value: patch[key],
        order: patch[SET_ORDER + key],
        schema: childSchema(schema, key),
        depth,
      });
  }
  for (const key of Object.keys(patch)) {
    const field = key.slice(SET_ORDER.length);
    const list = out[field];
    if (
      key.startsWith(SET_ORDER) &&
      !Object.hasOwn(patch, field) &&
      Array.isArray(list) &&
      Object.hasOwn(out, field)
    )
      out[field] = inOrder(list, list, patch[key], mergeKeyOf(childSchema(schema, field)));
  }
  return out;
}

function retain(out: JsonObject, patch: JsonObject): void {
  const keys = patch[RETAIN_KEYS];
  if (keys === undefined) return;
  if (!Array.isArray(keys)) throw malformed('$retainKeys must be a list');
  for (const key of Object.keys(patch))
    if (!key.startsWith('$') && patch[key] !== null && !keys.includes(key))
      throw malformed(`$retainKeys does not name ${key}, which the patch sets`);
  for (const key of Object.keys(out)) if (!keys.includes(key)) delete out[key];
}

function deleteScalars(out: JsonObject, field: string, values: unknown): void {
  if (!Array.isArray(values)) throw malformed(`${DELETE_FROM}${field} must be a list`);
  const list = Object.hasOwn(out, field) ? out[field] : undefined;
  if (Array.isArray(list)) out[field] = list.filter(item => !values.some(value => jsonEqual(value, item)));
}

interface FieldPatch {
  value: unknown;
  /** What `$setElementOrder` says of the field. */
  order: unknown;
  schema: JsonSchema | undefined;
  depth: number;
}

function mergeField(out: JsonObject, key: string, { value, order, schema, depth }: FieldPatch): void {
  if (value === undefined) return;
  if (value === null) {
    delete out[key];
    return;
  }
  const old = Object.hasOwn(out, key) ? out[key] : undefined;
  if (isObject(value)) {
    const replace = schema?.['x-kubernetes-patch-strategy'] === 'replace';
    setOwn(
      out,
      key,
      replace ? strip(value, depth + 1) : mergeMaps(isObject(old) ? old : {}, value, schema, depth + 1),
    );
  } else if (Array.isArray(value) && mergesAsList(schema)) {
    const before = Array.isArray(old) ? old : [];
    const mergeKey = mergeKeyOf(schema);
    const merged = mergeKey
      ? mergeByKey(before, value, { mergeKey, items: schema?.items, depth })
      : union(before, value);
    setOwn(out, key, order === undefined ? merged : inOrder(merged, before, order, mergeKey));
  } else setOwn(out, key, value);
}

function mergesAsList(schema: JsonSchema | undefined): boolean {
  const strategy = schema?.['x-kubernetes-patch-strategy'];
  if (strategy !== undefined) return strategy.split(',').includes('merge');
  return ['map', 'set'].includes(schema?.['x-kubernetes-list-type'] ?? '');
}

function mergeKeyOf(schema: JsonSchema | undefined): string | undefined {
  const keys = schema?.['x-kubernetes-list-map-keys'];
  return schema?.['x-kubernetes-patch-merge-key'] ?? (keys?.length === 1 ? keys[0] : undefined);
}

function union(before: readonly unknown[], added: readonly unknown[]): unknown[] {
  const seen = new Set(before.map(stableJson));
  return [...before, ...added.filter(item => !seen.has(stableJson(item)))];
}

interface ListMerge {
  mergeKey: string;
  items: JsonSchema | undefined;
  depth: number;
}

function mergeByKey(
  before: readonly unknown[],
  patch: readonly unknown[],
  { mergeKey, items, depth }: ListMerge,
): unknown[] {
  const entries = patch.map(entry => {
    if (!isObject(entry)) throw malformed(`an item of a list that merges by ${mergeKey} is no object`);
    return entry;
  });
  if (entries.some(entry => entry[DIRECTIVE] === 'replace'))
    return entries.filter(entry => entry[DIRECTIVE] === undefined).map(entry => strip(entry, depth + 1));
  const out = [...before];
  const at = new Map<string, number>();
  out.forEach((item, i) => {
    if (isObject(item)) at.set(stableJson(item[mergeKey]), i);
  });
  const removed = new Set<number>();
  for (const entry of entries) {
    if (entry[mergeKey] === undefined)
      throw malformed(`an item of the list has no ${mergeKey}, by which it merges`);
    const key = stableJson(entry[mergeKey]);
    const index = at.get(key);
    if (entry[DIRECTIVE] === 'delete') {
      if (index !== undefined) removed.add(index);
      at.delete(key);
    } else if (index !== undefined) out[index] = mergeMaps(out[index] as JsonObject, entry, items, depth + 1);
    else at.set(key, out.push(mergeMaps({}, entry, items, depth + 1)) - 1);
  }
  return out.filter((_, i) => !removed.has(i));
}

/**
 * Sorts as the client asks, and keeps what the client does not know of where it was among its neighbours.
 * `before`: the list as it was, `order`: keys (objects that hold the merge key, or scalars).
 */
function inOrder(
  list: readonly unknown[],
  before: readonly unknown[],
  order: unknown,
  mergeKey: string | undefined,
): unknown[] {
  if (!Array.isArray(order)) throw malformed('$setElementOrder must be a list');
  const keyOf = (item: unknown) => stableJson(mergeKey && isObject(item) ? item[mergeKey] : item);
  const wanted = new Map(order.map((item, i) => [keyOf(item), i]));
  const place = new Map(before.map((item, i) => [keyOf(item), i]));
  const known = list
    .filter(item => wanted.has(keyOf(item)))
    .sort((a, b) => (wanted.get(keyOf(a)) ?? 0) - (wanted.get(keyOf(b)) ?? 0));
  const unknown = list.filter(item => !wanted.has(keyOf(item)));
  const out: unknown[] = [];
  for (const item of known) {
    const here = place.get(keyOf(item));
    while (
      here !== undefined &&
      unknown.length > 0 &&
      (place.get(keyOf(unknown[0])) ?? Number.POSITIVE_INFINITY) < here
    )
      out.push(unknown.shift());
    out.push(item);
  }
  return [...out, ...unknown];
}

/** A value of the patch as it is stored: without directives and nulls. */
function strip(value: JsonObject, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw malformed(`nested more than ${MAX_DEPTH} levels deep`);
  const out: JsonObject = {};
  for (const key of Object.keys(value)) {
    const item = value[key];
    if (key.startsWith('$') || item === null || item === undefined) continue;
    setOwn(out, key, isObject(item) ? strip(item, depth + 1) : item);
  }
  return out;
}
