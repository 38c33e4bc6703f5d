import { ApiError } from '../../kit/errors.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';

/** Deeper patches are refused: nobody writes one by hand. */
export const MAX_DEPTH = 200;

/**
 * Applies a JSON merge patch (RFC 7386): null removes, objects merge, everything else replaces. In what replaces, objects in
 * lists lose their nulls too, as in Kubernetes. Neither argument is changed; the result shares what did not change with `object`. Throws ApiError BadRequest when the patch is no object.
 */
export function mergePatch<T extends object>(object: T, patch: unknown): T {
  if (!isObject(patch)) throw new ApiError('BadRequest', 'the merge patch must be a JSON object');
  return mergeObject(object as JsonObject, patch, 0) as T;
}

function mergeObject(target: JsonObject | undefined, patch: JsonObject, depth: number): JsonObject {
  const out: JsonObject = { ...target };
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) delete out[key];
    else if (value === undefined) continue;
    else {
      const old = target && Object.hasOwn(target, key) ? target[key] : undefined;
      setOwn(out, key, mergeValue(old, value, depth + 1));
    }
  }
  return out;
}

function mergeValue(old: unknown, value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH)
    throw new ApiError('BadRequest', `the merge patch is nested more than ${MAX_DEPTH} levels deep`);
  if (isObject(value)) return mergeObject(isObject(old) ? old : undefined, value, depth);
  if (!Array.isArray(value) || isObject(old)) return value;
  return value.map(item => mergeValue(undefined, item, depth + 1));
}

/** Sets a property even when it is called `__proto__`. */
export function setOwn(object: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}
