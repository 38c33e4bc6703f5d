import { parse } from '@marcbachmann/cel-js';
import { isObject, type JsonObject, type JsonSchema } from '../json-schema.ts';

/** Turns a JSON value into what expressions work on. */
export type Convert = (value: unknown) => unknown;

/** The metadata that rules may read. */
const METADATA_FIELDS = ['name', 'generateName'];
/** Words of the language: as names of fields they are written `__word__`. */
const KEYWORDS = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const ESCAPES: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

/** The name by which expressions reach a field; undefined when none can. */
export function celName(name: string): string | undefined {
  if (KEYWORDS.has(name)) return `__${name}__`;
  const escaped = name.replace(/__|[./-]/g, part => ESCAPES[part] ?? part);
  return /^[A-Za-z_]\w*$/.test(escaped) ? escaped : undefined;
}

/** Compiles the conversion of values of a schema. `resource`: it is a whole object, with apiVersion, kind and metadata. */
export function compileConvert(schema: JsonSchema, resource = false): Convert {
  if (schema['x-kubernetes-int-or-string']) return dynamic;
  switch (schema.type) {
    case 'integer':
      return value => (typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value);
    case 'string':
      return stringConvert(schema.format);
    case 'array':
      return listConvert(schema);
    case 'object':
      return objectConvert(schema, resource || schema['x-kubernetes-embedded-resource'] === true);
    case undefined:
      return dynamic;
    default:
      return value => value;
  }
}

/** What no schema describes: whole numbers are ints. */
function dynamic(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(dynamic);
  if (!isObject(value)) return value;
  const out: JsonObject = Object.create(null);
  for (const key of Object.keys(value)) out[key] = dynamic(value[key]);
  return out;
}

function stringConvert(format: string | undefined): Convert {
  if (format === 'byte') return value => (typeof value === 'string' ? Buffer.from(value, 'base64') : value);
  if (format === 'date-time' || format === 'date')
    return value => (typeof value === 'string' ? new Date(value) : value);
  if (format === 'duration') return value => (typeof value === 'string' ? toDuration(value) : value);
  return value => value;
}

/** The library's own constructor: its class of durations is not exported. */
const durationOf = parse('duration(text)');

function toDuration(text: string): unknown {
  try {
    return durationOf({ text });
  } catch {
    return text;
  }
}

/** A list of type set becomes a Set, whose equality knows no order. */
function listConvert(schema: JsonSchema): Convert {
  const item = schema.items ? compileConvert(schema.items) : dynamic;
  const set =
    schema['x-kubernetes-list-type'] === 'set' &&
    schema.items?.type !== 'object' &&
    schema.items?.type !== 'array';
  return value => {
    if (!Array.isArray(value)) return value;
    const items = value.map(item);
    return set ? new Set(items) : items;
  };
}

function objectConvert(schema: JsonSchema, resource: boolean): Convert {
  const fields = new Map<string, { name: string; convert: Convert }>();
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const name = celName(key);
    if (name && !(resource && key === 'metadata')) fields.set(key, { name, convert: compileConvert(child) });
  }
  if (resource) {
    for (const name of ['apiVersion', 'kind']) fields.set(name, { name, convert: value => value });
    fields.set('metadata', { name: 'metadata', convert: metadata });
  }
  const { additionalProperties } = schema;
  const extra =
    typeof additionalProperties === 'object'
      ? compileConvert(additionalProperties)
      : additionalProperties
        ? dynamic
        : undefined;
  return value => {
    if (!isObject(value)) return value;
    const out: JsonObject = Object.create(null);
    for (const key of Object.keys(value)) {
      if (value[key] === undefined) continue;
      const field = fields.get(key);
      if (field) out[field.name] = field.convert(value[key]);
      else if (extra) out[key] = extra(value[key]);
    }
    return out;
  };
}

function metadata(value: unknown): unknown {
  if (!isObject(value)) return value;
  const out: JsonObject = Object.create(null);
  for (const key of METADATA_FIELDS) if (value[key] !== undefined) out[key] = value[key];
  return out;
}
