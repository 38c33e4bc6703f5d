import type { JsonSchema } from '../schema/json-schema.ts';

const string = (description: string): JsonSchema => ({ type: 'string', description });
const time = (description: string): JsonSchema => ({ type: 'string', format: 'date-time', description });

export const OWNER_REFERENCE: JsonSchema = {
  type: 'object',
  description: 'An object that this one belongs to. When all its owners are gone, it is collected.',
  required: ['apiVersion', 'kind', 'name', 'uid'],
  'x-kubernetes-map-type': 'atomic',
  properties: {
    apiVersion: string('API version of the owner.'),
    kind: string('Kind of the owner.'),
    name: string('Name of the owner.'),
    uid: string('UID of the owner; another object of the same name is not the owner.'),
    controller: { type: 'boolean', description: 'Whether the owner manages this object. At most one does.' },
    blockOwnerDeletion: {
      type: 'boolean',
      description: 'Whether a foreground deletion of the owner waits until this object is gone.',
    },
  },
};

export const MANAGED_FIELDS_ENTRY: JsonSchema = {
  type: 'object',
  description: 'The fields that one manager has set.',
  properties: {
    manager: string('Name of the manager: the program, unless it says another name.'),
    operation: string('Apply for server-side apply, Update for every other way of writing.'),
    apiVersion: string('API version in which the fields are named.'),
    time: time('When the set of fields last changed.'),
    fieldsType: string('Form of fieldsV1; always FieldsV1.'),
    fieldsV1: {
      type: 'object',
      description: 'The fields, as a tree of path elements.',
      'x-kubernetes-preserve-unknown-fields': true,
    },
    subresource: string('Subresource through which the fields were written; empty for the object itself.'),
  },
};

/** metav1.ObjectMeta: the same for every kind. */
export const OBJECT_META_SCHEMA: JsonSchema = {
  type: 'object',
  description: "Standard object's metadata: its name, labels, owners and what the server keeps about it.",
  properties: {
    name: string('Name of the object, unique among those of its kind in its namespace. Cannot be changed.'),
    generateName: string('Prefix from which the server makes a unique name when none is given.'),
    namespace: string('Namespace of the object. Empty for kinds of the cluster. Cannot be changed.'),
    selfLink: string('Not set any more.'),
    uid: string('Unique in time and space; made by the server.'),
    resourceVersion: string(
      'Opaque version of the object, for optimistic writes and watches. Compare for equality only.',
    ),
    generation: {
      type: 'integer',
      format: 'int64',
      description: 'Number of the desired state; moves when the spec changes.',
    },
    creationTimestamp: time('When the server made the object.'),
    deletionTimestamp: time('When the object was asked to go; it stays until its finalizers are gone.'),
    deletionGracePeriodSeconds: {
      type: 'integer',
      format: 'int64',
      description: 'Seconds that the object was given to end by itself.',
    },
    labels: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Short keys and values to select and group objects by.',
    },
    annotations: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Keys and values that tools keep with the object; they cannot be selected by.',
    },
    finalizers: {
      type: 'array',
      items: { type: 'string' },
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
      description: 'Names of those who must let go of the object before it is removed.',
    },
    ownerReferences: {
      type: 'array',
      items: OWNER_REFERENCE,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-patch-merge-key': 'uid',
      'x-kubernetes-patch-strategy': 'merge',
      description: 'Objects that this one belongs to. When all are gone, it is collected.',
    },
    managedFields: {
      type: 'array',
      items: MANAGED_FIELDS_ENTRY,
      'x-kubernetes-list-type': 'atomic',
      description: 'Who set which fields. Kept by the server.',
    },
  },
};
