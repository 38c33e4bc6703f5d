import { ApiError } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import { setOwn } from './merge-patch.ts';

/** As in Kubernetes. */
export const MAX_OPERATIONS = 10_000;
/** What `copy` may add to the object, as in Kubernetes: copies of copies grow without bound. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;
const NEEDS_VALUE = new Set(['add', 'replace', 'test']);
const NEEDS_FROM = new Set(['move', 'copy']);
const OPERATIONS = new Set([...NEEDS_VALUE, ...NEEDS_FROM, 'remove']);

interface Operation {
  op: string;
  path: string[];
  from: string[];
  value: unknown;
}

/**
 * Applies a JSON patch (RFC 6902). `object` is not changed.
 * Throws ApiError: BadRequest when the patch is malformed, Invalid when it does not fit the object or a test fails,
 * RequestEntityTooLarge for more than 10,000 operations or too much copying.
 */
export function jsonPatch<T extends object>(object: T, ops: unknown): T {
  if (!Array.isArray(ops)) throw new ApiError('BadRequest', 'the JSON patch must be a list of operations');
  if (ops.length > MAX_OPERATIONS)
    throw new ApiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${ops.length}`,
    );
  const operations = ops.map(parseOperation);
  const state: State = { root: structuredClone(object), copied: 0 };
  operations.forEach((operation, i) => {
    apply(state, operation, i);
  });
  if (!isObject(state.root)) throw new ApiError('Invalid', 'the JSON patch leaves no object');
  return state.root as T;
}

interface State {
  root: unknown;
  copied: number;
}

function parseOperation(operation: unknown, index: number): Operation {
  const malformed = (what: string) =>
    new ApiError('BadRequest', `operation ${index} of the JSON patch ${what}`);
  if (!isObject(operation)) throw malformed('is no object');
  const { op, path, from, value } = operation;
  if (typeof op !== 'string' || !OPERATIONS.has(op))
    throw malformed(`has no known op: ${JSON.stringify(op)}`);
  if (NEEDS_VALUE.has(op) && value === undefined) throw malformed(`(${op}) has no value`);
  if (NEEDS_FROM.has(op) && typeof from !== 'string') throw malformed(`(${op}) has no from`);
  const pointers = [path, NEEDS_FROM.has(op) ? from : ''].map(parsePointer);
  const [to, source] = pointers;
  if (!to || !source) throw malformed(`(${op}) has no valid JSON pointer: ${JSON.stringify(path)}`);
  if (op === 'move' && to.length > source.length && source.every((token, i) => token === to[i]))
    throw malformed('moves a value into itself');
  return { op, path: to, from: source, value };
}

function parsePointer(pointer: unknown): string[] | undefined {
  if (pointer === '') return [];
  if (typeof pointer !== 'string' || !pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function apply(state: State, { op, path, from, value }: Operation, index: number): void {
  const at = `operation ${index} (${op} ${JSON.stringify(toPointer(path))})`;
  if (op === 'add') add(state, path, structuredClone(value), at);
  else if (op === 'remove') remove(state, path, at);
  else if (op === 'replace') {
    if (path.length === 0) state.root = structuredClone(value);
    else set(state, path, structuredClone(value), at);
  } else if (op === 'move') {
    const moved = get(state, from, at);
    remove(state, from, at);
    add(state, path, moved, at);
  } else if (op === 'copy') {
    const copied = get(state, from, at);
    state.copied += JSON.stringify(copied).length;
    if (state.copied > MAX_COPIED_BYTES)
      throw new ApiError('RequestEntityTooLarge', `${at}: the patch copies more than 3 MiB`);
    add(state, path, structuredClone(copied), at);
  } else if (!jsonEqual(get(state, path, at, true), value))
    throw new ApiError('Invalid', `${at}: the test failed`);
}

function toPointer(path: readonly string[]): string {
  return path.map(token => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** `absent`: null for what is not there, instead of an error. */
function get(state: State, path: readonly string[], at: string, absent = false): unknown {
  let value = state.root;
  for (const token of path) {
    const next = child(value, token);
    if (next === undefined) {
      if (absent) return null;
      throw new ApiError('Invalid', `${at}: there is nothing at ${JSON.stringify(token)}`);
    }
    value = next;
  }
  return value;
}

function child(value: unknown, token: string): unknown {
  if (Array.isArray(value)) return isIndex(token) ? value[Number(token)] : undefined;
  return isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
}

function isIndex(token: string): boolean {
  return /^(0|[1-9]\d{0,8})$/.test(token);
}

function parentOf(
  state: State,
  path: readonly string[],
  at: string,
): [parent: unknown[] | JsonObject, key: string] {
  const parent = get(state, path.slice(0, -1), at);
  if (!Array.isArray(parent) && !isObject(parent))
    throw new ApiError('Invalid', `${at}: the parent holds no fields`);
  return [parent, path[path.length - 1] as string];
}

function add(state: State, path: readonly string[], value: unknown, at: string): void {
  if (path.length === 0) {
    state.root = value;
    return;
  }
  const [parent, key] = parentOf(state, path, at);
  if (!Array.isArray(parent)) {
    setOwn(parent, key, value);
    return;
  }
  const index = key === '-' ? parent.length : isIndex(key) ? Number(key) : -1;
  if (index < 0 || index > parent.length) throw new ApiError('Invalid', `${at}: the index is out of range`);
  parent.splice(index, 0, value);
}

/** As in Kubernetes, what `replace` puts into a map need not have been there. */
function set(state: State, path: readonly string[], value: unknown, at: string): void {
  const [parent, key] = parentOf(state, path, at);
  if (!Array.isArray(parent)) setOwn(parent, key, value);
  else {
    get(state, path, at);
    parent[Number(key)] = value;
  }
}

function remove(state: State, path: readonly string[], at: string): void {
  get(state, path, at);
  if (path.length === 0) {
    state.root = null;
    return;
  }
  const [parent, key] = parentOf(state, path, at);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}
