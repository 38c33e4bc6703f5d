import { stableJson } from '../../kit/json.ts';
import { OBJECT_META_SCHEMA } from '../builtin/object-meta.ts';
import { isObject, type JsonObject, type JsonSchema } from '../schema/json-schema.ts';

/** How values merge. What is no object or list is one leaf, whatever the type says. */
export interface MergeType {
  readonly map: MapType;
  readonly list: ListType;
}

export interface MapType {
  /** Owned as a whole. */
  readonly atomic: boolean;
  /** Fields that the schema names. */
  readonly fields: ReadonlyMap<string, NamedField>;
  /** All other fields. */
  readonly element: MergeType;
}

export interface NamedField {
  /** Its path element, `f:name`: made once. */
  readonly element: string;
  readonly type: MergeType;
}

export interface ListType {
  readonly relation: 'atomic' | 'set' | 'map';
  /** Names of the keys in order, each with its form in JSON. */
  readonly quotedKeys: readonly (readonly [key: string, quoted: string])[];
  /** Values of keys that an item may leave out. */
  readonly keyDefaults: Readonly<JsonObject>;
  readonly item: MergeType;
}

class Deduced implements MergeType {
  readonly list: ListType;
  readonly map: MapType;
  constructor() {
    this.list = { relation: 'atomic', quotedKeys: [], keyDefaults: {}, item: this };
    this.map = { atomic: false, fields: new Map(), element: this };
  }
}

/** Where no schema speaks: objects merge field by field, lists are owned whole. */
export const DEDUCED: MergeType = new Deduced();

const known = new WeakMap<JsonSchema, MergeType>();

/** The type of whole objects of a schema; made once a schema. */
export function mergeTypeOf(schema: JsonSchema): MergeType {
  let type = known.get(schema);
  if (!type) {
    const { map, list } = compile(schema);
    const fields = new Map(map.fields).set('metadata', named('metadata', METADATA_TYPE));
    for (const name of ['apiVersion', 'kind']) fields.set(name, named(name, DEDUCED));
    type = { map: { ...map, fields }, list };
    known.set(schema, type);
  }
  return type;
}

function named(name: string, type: MergeType): NamedField {
  return { element: `f:${name}`, type };
}

const METADATA_TYPE = compile(OBJECT_META_SCHEMA);

function compile(schema: JsonSchema): MergeType {
  const { properties, additionalProperties, items } = schema;
  const fields = new Map<string, NamedField>();
  for (const [name, child] of Object.entries(properties ?? {})) fields.set(name, named(name, compile(child)));
  const relation = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const keyDefaults: JsonObject = {};
  for (const key of keys) {
    const value = items?.properties?.[key]?.default;
    if (value !== undefined) keyDefaults[key] = value;
  }
  return {
    map: {
      atomic: schema['x-kubernetes-map-type'] === 'atomic',
      fields,
      element: typeof additionalProperties === 'object' ? compile(additionalProperties) : DEDUCED,
    },
    list: {
      relation: relation === 'set' || relation === 'map' ? relation : 'atomic',
      quotedKeys: [...keys].sort().map(key => [key, JSON.stringify(key)] as const),
      keyDefaults,
      item: items ? compile(items) : DEDUCED,
    },
  };
}

/** The type of a field. */
export function fieldType(type: MapType, name: string): MergeType {
  return type.fields.get(name)?.type ?? type.element;
}

/** The path element of an item of a set or map; undefined when it has none (no keys, wrong type). */
export function itemElement(type: ListType, item: unknown): string | undefined {
  if (type.relation === 'set')
    return typeof item === 'object' || item === undefined ? undefined : `v:${JSON.stringify(item)}`;
  if (!isObject(item)) return undefined;
  let text = '';
  for (const [key, quoted] of type.quotedKeys) {
    const value = item[key] ?? type.keyDefaults[key];
    if (value !== undefined) text += `${text && ','}${quoted}:${stableJson(value)}`;
  }
  return text ? `k:{${text}}` : undefined;
}

/** Whether the items of a list can be told apart and so merged one by one. */
export function mergesItems(type: ListType, list: readonly unknown[]): boolean {
  return type.relation !== 'atomic' && list.every(item => itemElement(type, item) !== undefined);
}
