import { setOwn } from '../patch/merge-patch.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import {
  fieldType,
  itemElement,
  type ListType,
  type MapType,
  type MergeType,
  mergesItems,
} from './merge-type.ts';

/** The live value with an applied configuration over it. Neither is changed; the result shares their parts. */
export function mergeApplied(live: unknown, applied: unknown, type: MergeType): unknown {
  if (applied === undefined) return live;
  if (live === undefined || live === applied) return applied;
  if (isObject(live) && isObject(applied)) return mergeMaps(live, applied, type.map);
  if (Array.isArray(live) && Array.isArray(applied)) return mergeLists(live, applied, type.list);
  if (
    applied === null &&
    ((isObject(live) && !type.map.atomic) || (Array.isArray(live) && type.list.relation !== 'atomic'))
  )
    return Object.keys(live).length === 0 ? applied : live;
  return applied;
}

function mergeMaps(live: JsonObject, applied: JsonObject, type: MapType): JsonObject {
  if (type.atomic) return applied;
  const out: JsonObject = { ...live };
  for (const key of Object.keys(applied)) {
    const before = Object.hasOwn(live, key) ? live[key] : undefined;
    setOwn(out, key, mergeApplied(before, applied[key], fieldType(type, key)));
  }
  return out;
}

/** Items in the applied order; those that only the live list has stay where they were among their neighbours. */
function mergeLists(
  live: readonly unknown[],
  applied: readonly unknown[],
  type: ListType,
): readonly unknown[] {
  if (!mergesItems(type, live) || !mergesItems(type, applied)) return applied;
  if (applied.length === 0) return live;
  const key = (item: unknown) => itemElement(type, item) as string;
  const left = live.map(item => [key(item), item] as const);
  const right = applied.map(item => [key(item), item] as const);
  const before = new Map<string, unknown>();
  for (const [element, item] of left) before.set(element, before.has(element) ? null : item);
  const inApplied = new Set(right.map(([element]) => element));
  const shared = right.map(([element]) => element).filter(element => before.has(element));
  const out: unknown[] = [];
  const done = new Set<string>();
  let next = 0;
  const take = (element: string, item: unknown) => {
    out.push(mergeApplied(before.get(element) ?? undefined, item, type.item));
    done.add(element);
  };
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const mine = left[l];
    const theirs = right[r];
    if (mine && theirs) {
      if (mine[0] === theirs[0]) {
        take(theirs[0], theirs[1]);
        l++;
        r++;
        next++;
        continue;
      }
      if (inApplied.has(mine[0]) && next < shared.length && shared[next] !== mine[0]) {
        l++;
        continue;
      }
    }
    if (mine) {
      if (!inApplied.has(mine[0])) {
        out.push(mine[1]);
        l++;
        continue;
      }
      if (done.has(mine[0])) l++;
    }
    if (theirs) {
      take(theirs[0], theirs[1]);
      r++;
      if (shared[next] === theirs[0]) next++;
    }
  }
  return out;
}
