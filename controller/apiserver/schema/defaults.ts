import { additionalSchema, isObject, type JsonObject, type JsonSchema } from './json-schema.ts';

/** Fills in defaults in place, and drops nulls where the schema allows none, as Kubernetes does. */
export type Default = (value: unknown) => void;

const nothing: Default = () => {};

/** Lists that are longer, and longer than their schema allows, are refused as they are: defaults would cost memory. */
const LONG_LIST = 10_000;

/** Fields that Kubernetes' types have even where they are empty, beside those that are required. */
const KEPT_EMPTY: ReadonlySet<string> = new Set(['rules', 'managedFields']);
/** What null stands for in a list or a map of a type. */
const ZERO: Readonly<Record<string, unknown>> = { string: '', integer: 0, number: 0, boolean: false };

interface Field {
  name: string;
  nullable: boolean;
  /** Makes a fresh copy; undefined without a default. */
  make: (() => unknown) | undefined;
  /** A list or a map that goes when it is empty. */
  omitted: 'list' | 'map' | undefined;
  inner: Default;
}

export interface DefaultOptions {
  /** Names at the top that are not the schema's business. */
  readonly skip?: ReadonlySet<string>;
  /**
   * As Kubernetes reads an object into a type of its own: nulls in lists and maps are the zero of their type, and lists
   * and maps that are empty are left out. Defaults to false.
   */
  readonly typed?: boolean;
}

const NONE: ReadonlySet<string> = new Set();

/** Compiles the defaulting of a schema. */
export function compileDefault(
  schema: JsonSchema,
  { skip = NONE, typed = false }: DefaultOptions = {},
): Default {
  const fields = Object.entries(schema.properties ?? {})
    .filter(([name]) => !skip.has(name))
    .map(([name, child]) => ({
      ...compileField(name, child, typed),
      omitted: typed ? omitted(name, child, schema) : undefined,
    }));
  const byName = new Map(fields.map(field => [field.name, field]));
  const extra = additionalSchema(schema);
  const additional = extra && compileEntry(extra, typed);
  const items = schema.items && compileEntry(schema.items, typed);
  const maxItems = Math.max(schema.maxItems ?? Number.POSITIVE_INFINITY, LONG_LIST);
  if (fields.length === 0 && !additional && !items) return nothing;
  const withDefault = fields.filter(field => field.make !== undefined);
  return value => {
    if (Array.isArray(value)) {
      if (items && value.length <= maxItems)
        for (let i = 0; i < value.length; i++) defaultItem(value, i, items);
      return;
    }
    if (!isObject(value)) return;
    for (const field of withDefault)
      if (!Object.hasOwn(value, field.name) || value[field.name] === undefined)
        value[field.name] = field.make?.();
    for (const key of Object.keys(value)) {
      const field = byName.get(key) ?? (skip.has(key) ? undefined : additional);
      if (field) defaultProperty(value, key, field);
    }
  };
}

function omitted(name: string, child: JsonSchema, { required }: JsonSchema): Field['omitted'] {
  if (KEPT_EMPTY.has(name) || required?.includes(name)) return undefined;
  if (child.type === 'array') return 'list';
  return additionalSchema(child) ? 'map' : undefined;
}

/** An item of a list, a value of a map. */
function compileEntry(schema: JsonSchema, typed: boolean): Field {
  const field = compileField('', schema, typed);
  const zero = typed ? ZERO[schema.type ?? ''] : undefined;
  return zero === undefined || field.make ? field : { ...field, make: () => zero };
}

function compileField(name: string, schema: JsonSchema, typed: boolean): Field {
  const value = schema.default;
  const make =
    value === undefined || value === null
      ? undefined
      : typeof value === 'object'
        ? () => structuredClone(value)
        : () => value;
  return {
    name,
    nullable: schema.nullable === true,
    make,
    omitted: undefined,
    inner: compileDefault(schema, { typed }),
  };
}

function defaultProperty(object: JsonObject, key: string, field: Field): void {
  const value = object[key];
  if (value === null && !field.nullable) {
    if (!field.make) {
      delete object[key];
      return;
    }
    object[key] = field.make();
  }
  if (field.inner !== nothing) field.inner(object[key]);
  if (field.omitted && isEmpty(object[key], field.omitted)) delete object[key];
}

function isEmpty(value: unknown, as: 'list' | 'map'): boolean {
  if (as === 'list') return Array.isArray(value) && value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

function defaultItem(list: unknown[], index: number, field: Field): void {
  if (list[index] === null && !field.nullable && field.make) list[index] = field.make();
  if (field.inner !== nothing) field.inner(list[index]);
}
