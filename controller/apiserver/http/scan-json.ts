import { badRequest } from '../refusals.ts';

export interface JsonScan {
  /** Dotted paths of keys that occur twice in one object, e.g. `spec.ports[0].name`. At most 100. */
  readonly duplicates: readonly string[];
}

const QUOTE = 34;
const BACKSLASH = 92;
const MAX_DUPLICATES = 100;
const NONE: JsonScan = { duplicates: [] };

/**
 * One pass over JSON text before it is parsed: finds duplicate keys, and refuses what must never be parsed. Throws
 * BadRequest when it nests deeper than `maxDepth` or holds a `__proto__` key. The text need not be valid.
 */
export function scanJson(text: string, maxDepth: number): JsonScan {
  let duplicates: string[] | undefined;
  /** Keys of the objects around; undefined for arrays. */
  const keys: (string[] | Set<string> | undefined)[] = [];
  /** The key or index at which each level stands, for paths. */
  const at: (string | number)[] = [];
  let expectKey = false;
  let depth = 0;
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const start = i + 1;
      let escaped = false;
      for (;;) {
        i = text.indexOf('"', i + 1);
        if (i < 0) return duplicates ? { duplicates } : NONE;
        let slashes = 0;
        for (let j = i - 1; text.charCodeAt(j) === BACKSLASH; j--) slashes++;
        if (slashes > 0) escaped = true;
        if (slashes % 2 === 0) break;
      }
      if (!expectKey) continue;
      expectKey = false;
      const raw = text.slice(start, i);
      const key = escaped || raw.includes('\\') ? unescapeKey(raw) : raw;
      if (key === '__proto__') throw badRequest('the key "__proto__" is not allowed');
      at[depth - 1] = key;
      const seen = keys[depth - 1];
      if (seen && addKey(keys, depth - 1, key)) continue;
      duplicates ??= [];
      if (duplicates.length < MAX_DUPLICATES) duplicates.push(pathOf(at, depth));
    } else if (code === 123 /* { */ || code === 91 /* [ */) {
      if (++depth > maxDepth)
        throw badRequest(`the body nests deeper than ${maxDepth} levels, which is more than is accepted`);
      const object = code === 123;
      keys[depth - 1] = object ? [] : undefined;
      at[depth - 1] = object ? '' : 0;
      expectKey = object;
    } else if (code === 125 /* } */ || code === 93 /* ] */) {
      if (depth > 0) depth--;
      expectKey = false;
    } else if (code === 44 /* , */) {
      if (depth === 0) continue;
      if (keys[depth - 1]) expectKey = true;
      else at[depth - 1] = (at[depth - 1] as number) + 1;
    }
  }
  return duplicates ? { duplicates } : NONE;
}

/** False when the key is there already. Small objects keep an array: a Set each would cost more than it saves. */
function addKey(keys: (string[] | Set<string> | undefined)[], level: number, key: string): boolean {
  const seen = keys[level]!;
  if (Array.isArray(seen)) {
    if (seen.includes(key)) return false;
    if (seen.push(key) > 16) keys[level] = new Set(seen);
    return true;
  }
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function unescapeKey(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

function pathOf(at: readonly (string | number)[], depth: number): string {
  let path = '';
  for (const part of at.slice(0, depth)) {
    if (typeof part === 'number') path += `[${part}]`;
    else path += path ? `.${part}` : part;
  }
  return path;
}
