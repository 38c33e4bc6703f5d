import { MANAGED_FIELDS_ENTRY, OBJECT_META_SCHEMA, OWNER_REFERENCE } from '../builtin/object-meta.ts';
import type { JsonSchema } from '../schema/json-schema.ts';

/** `#/components/schemas/` in v3, `#/definitions/` in v2. */
export type RefPrefix = '#/components/schemas/' | '#/definitions/';

/** A schema of an OpenAPI document: may refer to others. */
export type ApiSchema = JsonSchema & { $ref?: string; [extension: string]: unknown };

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const text = (description: string): JsonSchema => ({ type: 'string', description });
const integer = (description: string): JsonSchema => ({ type: 'integer', format: 'int64', description });

/** Names of what every document holds. */
export const META_NAMES = {
  objectMeta: `${META}.ObjectMeta`,
  listMeta: `${META}.ListMeta`,
  status: `${META}.Status`,
  deleteOptions: `${META}.DeleteOptions`,
  patch: `${META}.Patch`,
  ownerReference: `${META}.OwnerReference`,
  managedFieldsEntry: `${META}.ManagedFieldsEntry`,
  fieldsV1: `${META}.FieldsV1`,
  scale: 'io.k8s.api.autoscaling.v1.Scale',
} as const;

export const TYPE_META: Record<'apiVersion' | 'kind', JsonSchema> = {
  apiVersion: text(
    'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  ),
  kind: text(
    'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  ),
};

const LIST_META: JsonSchema = {
  type: 'object',
  description: 'What a list says of itself.',
  properties: {
    resourceVersion: text('Version of the state that the list shows.'),
    continue: text('Token for the next part of the list; empty at its end.'),
    remainingItemCount: integer('How many items follow; not known with selectors.'),
    selfLink: text('Not set any more.'),
  },
};

const STATUS: JsonSchema = {
  type: 'object',
  description: 'The outcome of a request that answers with no object.',
  properties: {
    ...TYPE_META,
    metadata: LIST_META,
    status: text('Success or Failure.'),
    message: text('A sentence for people.'),
    reason: text('A word for programs.'),
    code: { type: 'integer', format: 'int32', description: 'HTTP status of the answer.' },
    details: {
      type: 'object',
      description: 'What the outcome is about.',
      properties: {
        name: text('Name of the object.'),
        group: text('Group of the resource.'),
        kind: text('Kind or plural of the resource.'),
        uid: text('UID of the object.'),
        retryAfterSeconds: { type: 'integer', format: 'int32', description: 'When to try again.' },
        causes: {
          type: 'array',
          description: 'Every fault that was found.',
          items: {
            type: 'object',
            properties: {
              reason: text('A word for programs.'),
              message: text('A sentence for people.'),
              field: text('Path of the field.'),
            },
          },
        },
      },
    },
  },
};

const DELETE_OPTIONS: JsonSchema = {
  type: 'object',
  description: 'How to delete.',
  properties: {
    ...TYPE_META,
    dryRun: { type: 'array', items: { type: 'string' }, description: 'All: nothing is deleted.' },
    gracePeriodSeconds: integer('Accepted, without effect.'),
    orphanDependents: { type: 'boolean', description: 'Deprecated: use propagationPolicy.' },
    propagationPolicy: text('Background, Foreground or Orphan: what becomes of objects that this one owns.'),
    preconditions: {
      type: 'object',
      description: 'What must hold for the delete to happen.',
      properties: { uid: text('UID of the object.'), resourceVersion: text('Version of the object.') },
    },
  },
};

const SCALE: ApiSchema = {
  type: 'object',
  description: 'Scale is how many replicas of something there should be and are.',
  properties: {
    ...TYPE_META,
    metadata: OBJECT_META_SCHEMA,
    spec: {
      type: 'object',
      description: 'What is wanted.',
      properties: {
        replicas: { type: 'integer', format: 'int32', description: 'How many there should be.' },
      },
    },
    status: {
      type: 'object',
      description: 'What is.',
      required: ['replicas'],
      properties: {
        replicas: { type: 'integer', format: 'int32', description: 'How many there are.' },
        selector: text('Label selector of the replicas, as text.'),
      },
    },
  },
  'x-kubernetes-group-version-kind': [{ group: 'autoscaling', kind: 'Scale', version: 'v1' }],
};

/** The same schema with another one in place of a property of it. */
function withProperty(schema: JsonSchema, name: string, property: ApiSchema): ApiSchema {
  return { ...schema, properties: { ...schema.properties, [name]: property } } as ApiSchema;
}

/** A reference to a schema of `metadata`, with what is said of it in this place. */
function refTo(refs: RefPrefix, name: string, description = ''): ApiSchema {
  const $ref = refs + name;
  const said = description && { description };
  return refs === '#/definitions/'
    ? ({ ...said, $ref } as ApiSchema)
    : ({ ...said, allOf: [{ $ref } as ApiSchema] } as ApiSchema);
}

/** metav1.ObjectMeta and its parts, each under its own name: that is what `kubectl explain` shows of them. */
function objectMeta(refs: RefPrefix): Record<string, ApiSchema> {
  const { ownerReferences, managedFields } = OBJECT_META_SCHEMA.properties ?? {};
  const { fieldsV1 } = MANAGED_FIELDS_ENTRY.properties ?? {};
  const listOf = (list: JsonSchema | undefined, name: string) =>
    ({ ...list, items: refTo(refs, name) }) as ApiSchema;
  const withOwners = withProperty(
    OBJECT_META_SCHEMA,
    'ownerReferences',
    listOf(ownerReferences, META_NAMES.ownerReference),
  );
  return {
    [META_NAMES.objectMeta]: withProperty(
      withOwners,
      'managedFields',
      listOf(managedFields, META_NAMES.managedFieldsEntry),
    ),
    [META_NAMES.ownerReference]: OWNER_REFERENCE as ApiSchema,
    [META_NAMES.managedFieldsEntry]: withProperty(
      MANAGED_FIELDS_ENTRY,
      'fieldsV1',
      refTo(refs, META_NAMES.fieldsV1, fieldsV1?.description),
    ),
    [META_NAMES.fieldsV1]: { type: 'object', description: fieldsV1?.description ?? '' } as ApiSchema,
  };
}

/** The schemas that every document holds, by name. */
export const metaSchemas = (refs: RefPrefix): Readonly<Record<string, ApiSchema>> => ({
  ...objectMeta(refs),
  [META_NAMES.listMeta]: LIST_META as ApiSchema,
  [META_NAMES.status]: STATUS as ApiSchema,
  [META_NAMES.deleteOptions]: DELETE_OPTIONS as ApiSchema,
  [META_NAMES.scale]: SCALE,
  [META_NAMES.patch]: { type: 'object', description: 'A patch, in the form that its media type names.' },
});
