import { jsonEqual } from '../../kit/json.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import { byElement } from './field-paths.ts';
import { EMPTY, type FieldSet, FieldSetBuilder, MEMBER } from './field-set.ts';
import { type ListType, type MapType, type MergeType, mergesItems } from './merge-type.ts';

export interface Comparison {
  added: FieldSet;
  removed: FieldSet;
  modified: FieldSet;
}

/** Which fields differ between two objects. */
export function compareFields(before: unknown, after: unknown, type: MergeType): Comparison {
  const walk = new Walk();
  walk.compare(before, after, type);
  return { added: walk.added.build(), removed: walk.removed.build(), modified: walk.modified.build() };
}

/** What compareFields finds to be added where there was nothing, without the comparing: of every object that is made. */
export function addedFields(value: unknown, type: MergeType): FieldSet {
  const fields: Record<string, FieldSet> = {};
  return isObject(value) && addFields(fields, value, type.map) ? fields : EMPTY;
}

function addedNode(value: unknown, type: MergeType): FieldSet {
  const node: Record<string, FieldSet> = { [MEMBER]: EMPTY };
  if (isObject(value)) return addFields(node, value, type.map) ? node : EMPTY;
  return Array.isArray(value) && addItems(node, value, type.list) ? node : EMPTY;
}

/** False when there are none: a member as a whole. */
function addFields(node: Record<string, FieldSet>, value: JsonObject, type: MapType): boolean {
  if (type.atomic) return false;
  let some = false;
  for (const key in value) {
    if (value[key] === undefined) continue;
    const field = type.fields.get(key);
    node[field?.element ?? `f:${key}`] = addedNode(value[key], field?.type ?? type.element);
    some = true;
  }
  return some;
}

function addItems(node: Record<string, FieldSet>, list: readonly unknown[], type: ListType): boolean {
  if (list.length === 0 || !mergesItems(type, list)) return false;
  for (const [element, items] of byElement(type, list))
    node[element] = items.length === 1 ? addedNode(items[0], type.item) : EMPTY;
  return true;
}

type Kind = 'map' | 'list' | 'leaf';

function kindOf(value: unknown): Kind {
  return isObject(value) ? 'map' : Array.isArray(value) ? 'list' : 'leaf';
}

class Walk {
  readonly added = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly #path: string[] = [];

  /** `undefined`: not there. */
  compare(before: unknown, after: unknown, type: MergeType): void {
    if (before === after) return;
    // null and absence take the other side's form.
    const left = before === undefined || before === null ? kindOf(after) : kindOf(before);
    const right = after === undefined || after === null ? left : kindOf(after);
    if (left !== right) this.#forms(before, after, type);
    else if (left === 'map') this.#maps(before, after, type.map);
    else if (left === 'list') this.#lists(before, after, type.list);
    else this.#leaf(before, after);
  }

  /** One form became another: what the old one held is gone, what the new one holds has come. */
  #forms(before: unknown, after: unknown, type: MergeType): void {
    this.#leaf(before, after);
    const map = (value: unknown) => (isObject(value) ? value : {});
    const list = (value: unknown) => (Array.isArray(value) ? value : []);
    if (!type.map.atomic) this.#maps(map(before), map(after), type.map);
    if (type.list.relation !== 'atomic') this.#lists(list(before), list(after), type.list);
  }

  #leaf(before: unknown, after: unknown): void {
    if (before === undefined) this.#insert(this.added);
    else if (after === undefined) this.#insert(this.removed);
    else if (!jsonEqual(before, after)) this.#insert(this.modified);
  }

  #insert(set: FieldSetBuilder): void {
    set.insert(this.#path);
  }

  /** What came or went as a whole is a member itself, beside what it holds. */
  #whole(before: unknown, after: unknown): void {
    if (this.#path.length === 0) return;
    if (before === undefined) this.#insert(this.added);
    else if (after === undefined) this.#insert(this.removed);
  }

  #maps(before: unknown, after: unknown, type: MapType): void {
    const left = isObject(before) ? before : undefined;
    const right = isObject(after) ? after : undefined;
    if (type.atomic || (isHollow(left) && isHollow(right))) {
      this.#leaf(before, after);
      return;
    }
    for (const key in left) this.#field(key, left[key], own(right, key), type);
    for (const key in right) if (own(left, key) === undefined) this.#field(key, undefined, right[key], type);
    this.#whole(before, after);
  }

  #field(key: string, before: unknown, after: unknown, type: MapType): void {
    if (before === after) return;
    const field = type.fields.get(key);
    this.#path.push(field?.element ?? `f:${key}`);
    this.compare(before, after, field?.type ?? type.element);
    this.#path.pop();
  }

  #lists(before: unknown, after: unknown, type: ListType): void {
    const left = Array.isArray(before) ? before : [];
    const right = Array.isArray(after) ? after : [];
    // Most lists have not changed, and to tell that is cheaper than to tell their items apart.
    if (before !== undefined && after !== undefined && jsonEqual(before, after)) return;
    const empty = left.length === 0 && right.length === 0;
    if (empty || !mergesItems(type, left) || !mergesItems(type, right)) {
      this.#leaf(before, after);
      return;
    }
    const [old, now] = [byElement(type, left), byElement(type, right)];
    for (const element of new Set([...old.keys(), ...now.keys()])) {
      this.#path.push(element);
      this.#items(old.get(element) ?? [], now.get(element) ?? [], type.item);
      this.#path.pop();
    }
    this.#whole(before, after);
  }

  /** Items of one path element: at most one on each side, unless a stored list holds duplicates. */
  #items(before: readonly unknown[], after: readonly unknown[], type: MergeType): void {
    if (before.length <= 1 && after.length <= 1) this.compare(before[0], after[0], type);
    else if (before.length > 1 && after.length > 1) {
      if (!jsonEqual(before, after)) this.#insert(this.modified);
    } else if (before.length > 1) {
      if (after.length > 0) this.compare(undefined, after[0], type);
      this.#insert(this.removed);
    } else {
      if (before.length > 0) this.compare(before[0], undefined, type);
      this.#insert(this.added);
    }
  }
}

function own(object: JsonObject | undefined, key: string): unknown {
  return object && Object.hasOwn(object, key) ? object[key] : undefined;
}

function isHollow(object: JsonObject | undefined): boolean {
  for (const key in object) if (object[key] !== undefined) return false;
  return true;
}
