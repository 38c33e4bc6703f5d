import { setOwn } from '../patch/merge-patch.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import { type FieldSet, FieldSetBuilder, isEmpty, isMember, LEAF } from './field-set.ts';
import {
  fieldType,
  itemElement,
  type ListType,
  type MapType,
  type MergeType,
  mergesItems,
} from './merge-type.ts';

/** The fields that an applied configuration speaks of. */
export function toFieldSet(value: unknown, type: MergeType): FieldSet {
  const set = new FieldSetBuilder();
  collect(value, type, set);
  return set.build();
}

function collect(value: unknown, type: MergeType, set: FieldSetBuilder): void {
  if (isObject(value)) collectMap(value, type.map, set);
  else if (Array.isArray(value)) collectList(value, type.list, set);
  else set.member = true;
}

function collectMap(value: JsonObject, type: MapType, set: FieldSetBuilder): void {
  if (type.atomic) {
    set.member = true;
    return;
  }
  for (const key of Object.keys(value)) {
    const child = value[key];
    if (child === undefined) continue;
    const field = type.fields.get(key);
    const below = set.child(field?.element ?? `f:${key}`);
    collect(child, field?.type ?? type.element, below);
    const hollow = child === null || (isObject(child) && Object.keys(child).length === 0);
    if (hollow || !field) below.member = true;
  }
}

function collectList(value: readonly unknown[], type: ListType, set: FieldSetBuilder): void {
  if (!mergesItems(type, value)) {
    set.member = true;
    return;
  }
  for (const [element, items] of byElement(type, value)) {
    const below = set.child(element);
    below.member = true;
    if (items.length === 1) collect(items[0], type.item, below);
  }
}

/** Items by path element, in order; only stored lists may hold several of one. */
export function byElement(type: ListType, list: readonly unknown[]): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const item of list) {
    const element = itemElement(type, item) as string;
    const group = groups.get(element);
    if (group) group.push(item);
    else groups.set(element, [item]);
  }
  return groups;
}

/** Adds `.` to the fields that the schema names and that have members below. */
export function withNamedFields(set: FieldSet, type: MergeType): FieldSet {
  if (isEmpty(set)) return set;
  const out: Record<string, FieldSet> = {};
  for (const element in set) {
    const child = set[element] as FieldSet;
    if (element.startsWith('f:')) {
      const name = element.slice(2);
      const inner = withNamedFields(child, fieldType(type.map, name));
      out[element] = type.map.fields.has(name) && !isEmpty(inner) ? { '.': {}, ...inner } : inner;
    } else if (element.startsWith('k:')) out[element] = withNamedFields(child, type.list.item);
    else out[element] = child;
  }
  return out;
}

/**
 * The set with one member in place of those below what is owned whole: the schema may have said otherwise when they
 * were written. Returns `set` itself when there is nothing to do.
 */
export function collapseAtomic(set: FieldSet, type: MergeType): FieldSet {
  let out: Record<string, FieldSet> | undefined;
  for (const element in set) {
    const child = set[element] as FieldSet;
    if (element === '.' || isEmpty(child)) continue;
    const collapsed = collapseNode(child, element, type);
    if (collapsed === child) continue;
    out ??= { ...set };
    out[element] = collapsed;
  }
  return out ?? set;
}

function collapseNode(child: FieldSet, element: string, type: MergeType): FieldSet {
  if (element.startsWith('k:')) return collapseAtomic(child, type.list.item);
  if (!element.startsWith('f:')) return child;
  const inner = fieldType(type.map, element.slice(2));
  for (const below in child) {
    if (below === '.') continue;
    const whole = below.startsWith('f:') ? inner.map.atomic : inner.list.relation === 'atomic';
    if (whole) return LEAF;
  }
  return collapseAtomic(child, inner);
}

/**
 * Takes the members of `set` out of `value`. What is emptied without being a member itself becomes null, or stays as an
 * empty map or list with `keepEmpty`.
 */
export function removeFields(value: unknown, set: FieldSet, type: MergeType, keepEmpty = false): unknown {
  if (isEmpty(set)) return value;
  if (isObject(value)) return removeFromMap(value, set, type.map, keepEmpty);
  if (Array.isArray(value)) return removeFromList(value, set, type.list, keepEmpty);
  return value;
}

function removeFromMap(value: JsonObject, set: FieldSet, type: MapType, keepEmpty: boolean): unknown {
  const out: JsonObject = {};
  if (!type.atomic)
    for (const key of Object.keys(value)) {
      const removed = set[`f:${key}`];
      if (!removed) setOwn(out, key, value[key]);
      else if (!isMember(removed))
        setOwn(out, key, removeFields(value[key], removed, fieldType(type, key), keepEmpty));
    }
  return keepEmpty || Object.keys(out).length > 0 ? out : null;
}

function removeFromList(
  value: readonly unknown[],
  set: FieldSet,
  type: ListType,
  keepEmpty: boolean,
): unknown {
  const out: unknown[] = [];
  if (mergesItems(type, value))
    for (const item of value) {
      const removed = set[itemElement(type, item) as string];
      if (!removed) out.push(item);
      else if (!isMember(removed)) out.push(removeFields(item, removed, type.item, keepEmpty));
    }
  return keepEmpty || out.length > 0 ? out : null;
}
