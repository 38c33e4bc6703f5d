import type { JsonObject } from '../schema/json-schema.ts';

/**
 * A set of paths in the form in which it is stored (`fieldsV1`): a tree of path elements (`f:name`, `k:{…}`, `v:…`,
 * `i:3`). A node without children is a member; one with children is a member when it holds `.`. The root is never a
 * member: an empty tree is the empty set. Trees are not changed once made; results share their parts.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

type Mutable = Record<string, FieldSet>;

export const MEMBER = '.';
export const LEAF: FieldSet = Object.freeze({});
export const EMPTY: FieldSet = LEAF;

function isLeaf(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

export const isEmpty = isLeaf;

/** Whether the path to this node is a member. */
export function isMember(node: FieldSet): boolean {
  return MEMBER in node || isLeaf(node);
}

/** A node from its parts; undefined when nothing is left of it. */
function node(member: boolean, children: Mutable): FieldSet | undefined {
  if (isLeaf(children)) return member ? LEAF : undefined;
  return member ? { [MEMBER]: LEAF, ...children } : children;
}

/** Collects paths; the walks that compare and list fields write into one. */
export class FieldSetBuilder {
  member = false;
  // No element is a name of Object's own: each begins with its kind and a colon.
  readonly children: Record<string, FieldSetBuilder> = {};

  child(element: string): FieldSetBuilder {
    let child = this.children[element];
    if (!child) {
      child = new FieldSetBuilder();
      this.children[element] = child;
    }
    return child;
  }
  insert(path: readonly string[]): void {
    let at: FieldSetBuilder = this;
    for (const element of path) at = at.child(element);
    at.member = true;
  }
  build(): FieldSet {
    return this.#node() ?? EMPTY;
  }
  #node(): FieldSet | undefined {
    const children: Mutable = {};
    for (const element in this.children) {
      const child = (this.children[element] as FieldSetBuilder).#node();
      if (child) children[element] = child;
    }
    return node(this.member, children);
  }
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  return unionNodes(a, b, false);
}

function unionNodes(a: FieldSet, b: FieldSet, member: boolean): FieldSet {
  if (a === b) return a;
  const children: Mutable = {};
  for (const element in a) if (element !== MEMBER) children[element] = a[element] as FieldSet;
  for (const element in b) {
    if (element === MEMBER) continue;
    const left = children[element];
    const right = b[element] as FieldSet;
    children[element] = left ? unionNodes(left, right, isMember(left) || isMember(right)) : right;
  }
  return node(member, children) ?? EMPTY;
}

/** Members of both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return intersectNodes(a, b, false) ?? EMPTY;
}

function intersectNodes(a: FieldSet, b: FieldSet, member: boolean): FieldSet | undefined {
  const children: Mutable = {};
  for (const element in a) {
    const right = element === MEMBER ? undefined : b[element];
    const left = a[element] as FieldSet;
    const both = right && intersectNodes(left, right, isMember(left) && isMember(right));
    if (both) children[element] = both;
  }
  return node(member, children);
}

/** Members of `a` that are not members of `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(b) ? a : (subtract(a, b, false) ?? EMPTY);
}

function subtract(a: FieldSet, b: FieldSet, member: boolean): FieldSet | undefined {
  const children: Mutable = {};
  for (const element in a) {
    if (element === MEMBER) continue;
    const left = a[element] as FieldSet;
    const right = b[element];
    if (!right) {
      children[element] = left;
      continue;
    }
    const rest = subtract(left, right, isMember(left) && !isMember(right));
    if (rest) children[element] = rest;
  }
  return node(member, children);
}

export function equal(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  let size = 0;
  for (const element in a) {
    const other = b[element];
    if (!other || !equal(a[element] as FieldSet, other)) return false;
    size++;
  }
  for (const _ in b) size--;
  return size === 0;
}

/** Every member's path; at each level first those that end there, as Kubernetes lists them. */
export function* paths(set: FieldSet, prefix: readonly string[] = []): Generator<string[]> {
  const elements = Object.keys(set)
    .filter(element => element !== MEMBER)
    .sort();
  for (const element of elements) if (isMember(set[element] as FieldSet)) yield [...prefix, element];
  for (const element of elements) yield* paths(set[element] as FieldSet, [...prefix, element]);
}

/** `.spec.services[name="web"].command` */
export function renderFieldPath(path: readonly string[]): string {
  return path.map(renderElement).join('');
}

function renderElement(element: string): string {
  const rest = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return `.${rest}`;
    case 'k:':
      return `[${Object.entries(JSON.parse(rest) as JsonObject)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(',')}]`;
    case 'v:':
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}

/** A stored tree, checked; undefined when it is none. Never deeper than what JSON bodies may be. */
export function parseFieldSet(value: unknown): FieldSet | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  for (const [element, child] of Object.entries(value)) {
    if (element !== MEMBER && !isElement(element)) return undefined;
    if (parseFieldSet(child) === undefined) return undefined;
  }
  return value as FieldSet;
}

function isElement(element: string): boolean {
  if (element.startsWith('f:')) return true;
  if (!/^[kvi]:/.test(element)) return false;
  try {
    const value: unknown = JSON.parse(element.slice(2));
    return element[0] !== 'k' || (typeof value === 'object' && value !== null);
  } catch {
    return false;
  }
}
