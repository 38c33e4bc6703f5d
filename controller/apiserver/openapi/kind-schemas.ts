import type { ServedResource } from '../registry/served-resource.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { type ApiSchema, META_NAMES, type RefPrefix, TYPE_META } from './meta-schemas.ts';

const BUILTIN_PACKAGES: Readonly<Record<string, string>> = {
  '': 'io.k8s.api.core',
  'certificates.k8s.io': 'io.k8s.api.certificates',
  'coordination.k8s.io': 'io.k8s.api.coordination',
  'events.k8s.io': 'io.k8s.api.events',
  'rbac.authorization.k8s.io': 'io.k8s.api.rbac',
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
};

/** `dev.nexus.v1alpha1.Workspace`, `io.k8s.api.core.v1.Secret`. */
export function schemaName({ resource, custom }: ServedResource): string {
  const { group, version, kind } = resource;
  const reversed = group.split('.').reverse().join('.');
  const folder = custom ? reversed : (BUILTIN_PACKAGES[group] ?? reversed);
  return `${folder}.${version}.${kind}`;
}

export const listSchemaName = (served: ServedResource): string =>
  schemaName(served).replace(/[^.]+$/, served.listKind);

/** The kind's schema and its list's, by name. */
export function kindSchemas(served: ServedResource, refs: RefPrefix): Record<string, ApiSchema> {
  const name = schemaName(served);
  const { group, version, kind } = served.resource;
  const gvk = (of: string) => [{ group, kind: of, version }];
  const { properties, description = '', ...rest } = served.schema;
  const own = refs === '#/definitions/' ? forV2(served.schema) : { properties, ...rest };
  const metadata: ApiSchema = {
    description:
      properties?.metadata?.description ??
      "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    allOf: [{ $ref: refs + META_NAMES.objectMeta } as ApiSchema],
  };
  return {
    [name]: {
      ...own,
      description,
      type: 'object',
      properties: {
        ...own.properties,
        apiVersion: properties?.apiVersion ?? TYPE_META.apiVersion,
        kind: properties?.kind ?? TYPE_META.kind,
        metadata:
          refs === '#/definitions/'
            ? { description: metadata.description, $ref: refs + META_NAMES.objectMeta }
            : metadata,
      },
      'x-kubernetes-group-version-kind': gvk(kind),
    } as ApiSchema,
    [listSchemaName(served)]: {
      description: `${served.listKind} is a list of ${kind}`,
      type: 'object',
      required: ['items'],
      properties: {
        ...TYPE_META,
        metadata: { $ref: refs + META_NAMES.listMeta } as ApiSchema,
        items: {
          type: 'array',
          description: `List of ${served.resource.plural}.`,
          items: { $ref: refs + name } as ApiSchema,
        },
      },
      'x-kubernetes-group-version-kind': gvk(served.listKind),
    },
  };
}

const NOT_IN_V2 = new Set(['nullable', 'oneOf', 'anyOf', 'allOf', 'not', 'x-kubernetes-validations']);

/** OpenAPI v2 knows less: what it cannot say is left out, and with it the type of what may be null or of two types. */
function forV2(schema: JsonSchema): JsonSchema {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (NOT_IN_V2.has(key)) continue;
    if (key === 'properties')
      out.properties = Object.fromEntries(
        Object.entries(value as Record<string, JsonSchema>).map(([name, child]) => [name, forV2(child)]),
      );
    else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object'))
      out[key] = forV2(value as JsonSchema);
    else out[key] = value;
  }
  if (schema['x-kubernetes-int-or-string']) delete out.type;
  if (schema.nullable || schema['x-kubernetes-preserve-unknown-fields'])
    for (const key of ['type', 'items', 'properties', 'required']) delete out[key];
  return out as JsonSchema;
}
