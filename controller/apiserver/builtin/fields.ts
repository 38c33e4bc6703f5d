import type { JsonSchema } from '../schema/json-schema.ts';

/** Short forms for writing the schemas of built-in kinds. */
export const string = (description: string): JsonSchema => ({ type: 'string', description });
export const boolean = (description: string): JsonSchema => ({ type: 'boolean', description });
export const int32 = (description: string): JsonSchema => ({ type: 'integer', format: 'int32', description });
export const int64 = (description: string): JsonSchema => ({ type: 'integer', format: 'int64', description });
export const time = (description: string): JsonSchema => ({
  type: 'string',
  format: 'date-time',
  description,
});
/** Explicit null is what Kubernetes' own clients send for a micro time that is not set. */
export const microTime = (description: string): JsonSchema => ({ ...time(description), nullable: true });

export function object(
  description: string,
  properties: Record<string, JsonSchema>,
  required?: string[],
): JsonSchema {
  return { type: 'object', description, properties, ...(required && { required }) };
}

export function list(description: string, items: JsonSchema, type: 'atomic' | 'set' = 'atomic'): JsonSchema {
  return { type: 'array', description, items, 'x-kubernetes-list-type': type };
}

/** A list whose items are told apart by `keys`; strategic merge patches merge it by the first. */
export function map(description: string, items: JsonSchema, keys: string[]): JsonSchema {
  return {
    type: 'array',
    description,
    items,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
    'x-kubernetes-patch-merge-key': keys[0] as string,
    'x-kubernetes-patch-strategy': 'merge',
  };
}

/** Any keys, with values of one schema. */
export function values(description: string, schema: JsonSchema): JsonSchema {
  return { type: 'object', description, additionalProperties: schema };
}

/** A whole kind: what every object has, and what this kind has beside it. */
export function kind(
  description: string,
  properties: Record<string, JsonSchema>,
  required?: string[],
): JsonSchema {
  return object(
    description,
    {
      apiVersion: string(
        'Version of the schema of this object: group and version, for the core group the version alone.',
      ),
      kind: string('What this object is.'),
      metadata: { type: 'object', description: "Standard object's metadata." },
      ...properties,
    },
    required,
  );
}
