import { renderPath, type Segment } from './causes.ts';
import { additionalSchema, isObject, type JsonObject, type JsonSchema } from './json-schema.ts';

/** As many paths of dropped fields are told as a person would read. */
const MAX_DROPPED = 1000;

/** Drops what the schema does not name from `value`, in place, and adds the paths of what it dropped, the first ones. */
export type Prune = (value: unknown, path: Segment[], dropped: string[]) => void;

const TYPE_META = new Set(['apiVersion', 'kind', 'metadata']);
const nothing: Prune = () => {};

/**
 * Compiles the pruning of a schema. `metadata` prunes the metadata of `value` when that is a whole resource, whose
 * apiVersion, kind and metadata stay whatever the schema says.
 */
export function compilePrune(schema: JsonSchema, metadata?: Prune): Prune {
  const root = metadata !== undefined;
  const preserve = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const object = compileObject(schema, preserve, metadata);
  const items = schema.items ? compilePrune(schema.items, embeddedMetadata(schema.items)) : nothing;
  if (object === nothing && items === nothing && !root) return nothing;
  return (value, path, dropped) => {
    if (Array.isArray(value)) {
      if (items === nothing) return;
      for (let i = 0; i < value.length; i++) {
        path.push(i);
        items(value[i], path, dropped);
        path.pop();
      }
    } else if (isObject(value)) object(value, path, dropped);
  };
}

/** The metadata of an embedded resource keeps what it holds: its kind is not known. */
function embeddedMetadata(schema: JsonSchema): Prune | undefined {
  return schema['x-kubernetes-embedded-resource'] ? nothing : undefined;
}

function compileObject(schema: JsonSchema, preserve: boolean, metadata: Prune | undefined): Prune {
  const properties = new Map<string, Prune>();
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    properties.set(name, compilePrune(child, embeddedMetadata(child)));
  if (metadata) for (const name of TYPE_META) properties.set(name, name === 'metadata' ? metadata : nothing);
  const extra = additionalSchema(schema);
  const additional = extra
    ? compilePrune(extra, embeddedMetadata(extra))
    : preserve || schema.additionalProperties === true
      ? nothing
      : undefined;
  if (additional === nothing && [...properties.values()].every(p => p === nothing)) return nothing;
  return (value, path, dropped) => {
    const object = value as JsonObject;
    for (const key of Object.keys(object)) {
      const prune = properties.get(key) ?? additional;
      if (prune === nothing) continue;
      path.push(key);
      if (prune) prune(object[key], path, dropped);
      else {
        if (dropped.length < MAX_DROPPED) dropped.push(renderPath(path));
        delete object[key];
      }
      path.pop();
    }
  };
}
