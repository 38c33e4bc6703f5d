import { additionalSchema, isObject, type JsonObject, type JsonSchema } from './json-schema.ts';

/** Fills in defaults in place, and drops nulls where the schema allows none, as Kubernetes does. */
export type Default = (value: unknown) => void;

const nothing: Default = () => {};

/** Lists that are longer, and longer than their schema allows, are refused as they are: defaults would cost memory. */
const LONG_LIST = 10_000;

interface Field {
  name: string;
  nullable: boolean;
  /** Makes a fresh copy; undefined without a default. */
  make: (() => unknown) | undefined;
  inner: Default;
}

/** Compiles the defaulting of a schema. `skip`: names at the top that are not the schema's business. */
export function compileDefault(schema: JsonSchema, skip: ReadonlySet<string> = new Set()): Default {
  const fields = Object.entries(schema.properties ?? {})
    .filter(([name]) => !skip.has(name))
    .map(([name, child]) => compileField(name, child));
  const byName = new Map(fields.map(field => [field.name, field]));
  const extra = additionalSchema(schema);
  const additional = extra && compileField('', extra);
  const items = schema.items && compileField('', schema.items);
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

function compileField(name: string, schema: JsonSchema): Field {
  const value = schema.default;
  const make =
    value === undefined || value === null
      ? undefined
      : typeof value === 'object'
        ? () => structuredClone(value)
        : () => value;
  return { name, nullable: schema.nullable === true, make, inner: compileDefault(schema) };
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
}

function defaultItem(list: unknown[], index: number, field: Field): void {
  if (list[index] === null && !field.nullable && field.make) list[index] = field.make();
  if (field.inner !== nothing) field.inner(list[index]);
}
