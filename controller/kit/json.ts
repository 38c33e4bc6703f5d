/** Anything JSON can hold. `undefined` properties count as absent everywhere in this file. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether both would be the same JSON, whatever the order of keys. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => jsonEqual(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  for (const key in a) if (!jsonEqual(a[key], Object.hasOwn(b, key) ? b[key] : undefined)) return false;
  for (const key in b) if (b[key] !== undefined && !Object.hasOwn(a, key)) return false;
  return true;
}

/**
 * The JSON merge patch (RFC 7386) that turns `from` into `to`; undefined when there is nothing to change. A null in
 * `to` cannot be told from a removal, so it means one.
 */
export function mergePatch(from: unknown, to: unknown): Record<string, unknown> | undefined {
  const before = isObject(from) ? from : {};
  const after = isObject(to) ? to : {};
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    if (value === undefined || value === null || jsonEqual(old, value)) continue;
    patch[key] = isObject(value) && isObject(old) ? mergePatch(old, value) : value;
    if (patch[key] === undefined) delete patch[key];
  }
  for (const [key, value] of Object.entries(before))
    if (value !== undefined && value !== null && (after[key] === undefined || after[key] === null))
      patch[key] = null;
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** JSON with keys in order of their UTF-16 code units: the same text for equal values. */
export function stableJson(value: unknown): string {
  if (Array.isArray(value))
    return `[${value.map(item => (item === undefined ? 'null' : stableJson(item))).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const parts: string[] = [];
  for (const key of Object.keys(value).sort())
    if (value[key] !== undefined) parts.push(`${JSON.stringify(key)}:${stableJson(value[key])}`);
  return `{${parts.join(',')}}`;
}
