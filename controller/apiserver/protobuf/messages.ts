/** How one field is written as JSON. `time` and `microTime` are messages of seconds and nanoseconds. */
export type FieldType =
  | 'string'
  | 'bytes'
  | 'bool'
  | 'int'
  /** A number that Go leaves out of JSON when it is 0. */
  | 'count'
  | 'time'
  | 'microTime'
  | 'stringMap'
  | 'bytesMap'
  | 'listMap'
  /** Of quantities, as text. */
  | 'quantityMap'
  /** JSON in the bytes of the message's first field. */
  | 'rawJson'
  | Message;

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly repeated?: boolean;
}

/** By field number. Numbers that are not listed are passed over. */
export type Message = { readonly [field: number]: Field };

const one = (name: string, type: FieldType = 'string'): Field => ({ name, type });
const many = (name: string, type: FieldType = 'string'): Field => ({ name, type, repeated: true });

const OWNER_REFERENCE: Message = {
  1: one('kind'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: one('controller', 'bool'),
  7: one('blockOwnerDeletion', 'bool'),
};

const MANAGED_FIELDS: Message = {
  1: one('manager'),
  2: one('operation'),
  3: one('apiVersion'),
  4: one('time', 'time'),
  6: one('fieldsType'),
  7: one('fieldsV1', 'rawJson'),
  8: one('subresource'),
};

const OBJECT_META: Message = {
  1: one('name'),
  2: one('generateName'),
  3: one('namespace'),
  5: one('uid'),
  6: one('resourceVersion'),
  7: one('generation', 'count'),
  8: one('creationTimestamp', 'time'),
  9: one('deletionTimestamp', 'time'),
  10: one('deletionGracePeriodSeconds', 'int'),
  11: one('labels', 'stringMap'),
  12: one('annotations', 'stringMap'),
  13: many('ownerReferences', OWNER_REFERENCE),
  14: many('finalizers'),
  17: many('managedFields', MANAGED_FIELDS),
};
const METADATA = one('metadata', OBJECT_META);

const OBJECT_REFERENCE: Message = {
  1: one('kind'),
  2: one('namespace'),
  3: one('name'),
  4: one('uid'),
  5: one('apiVersion'),
  6: one('resourceVersion'),
  7: one('fieldPath'),
};

const EVENT_SERIES: Message = { 1: one('count', 'count'), 2: one('lastObservedTime', 'microTime') };
const EVENT_SOURCE: Message = { 1: one('component'), 2: one('host') };

const RULES: Field = many('rules', {
  1: many('verbs'),
  2: many('apiGroups'),
  3: many('resources'),
  4: many('resourceNames'),
  5: many('nonResourceURLs'),
});
const LABEL_SELECTOR: Message = {
  1: one('matchLabels', 'stringMap'),
  2: many('matchExpressions', { 1: one('key'), 2: one('operator'), 3: many('values') }),
};
const BINDING: Message = {
  1: METADATA,
  2: many('subjects', { 1: one('kind'), 2: one('apiGroup'), 3: one('name'), 4: one('namespace') }),
  3: one('roleRef', { 1: one('apiGroup'), 2: one('kind'), 3: one('name') }),
};

const RESOURCE_ATTRIBUTES: Message = {
  1: one('namespace'),
  2: one('verb'),
  3: one('group'),
  4: one('version'),
  5: one('resource'),
  6: one('subresource'),
  7: one('name'),
};
const ACCESS: Message = {
  1: one('resourceAttributes', RESOURCE_ATTRIBUTES),
  2: one('nonResourceAttributes', { 1: one('path'), 2: one('verb') }),
};

/** What kubectl and client-go send as protobuf, by apiVersion and kind. From the generated.proto of k8s.io/api. */
export const MESSAGES: Readonly<Record<string, Message>> = {
  'v1/Namespace': {
    1: METADATA,
    2: one('spec', { 1: many('finalizers') }),
    3: one('status', { 1: one('phase') }),
  },
  'v1/Secret': {
    1: METADATA,
    2: one('data', 'bytesMap'),
    3: one('type'),
    4: one('stringData', 'stringMap'),
    5: one('immutable', 'bool'),
  },
  'v1/ServiceAccount': {
    1: METADATA,
    2: many('secrets', OBJECT_REFERENCE),
    3: many('imagePullSecrets', { 1: one('name') }),
    4: one('automountServiceAccountToken', 'bool'),
  },
  'v1/ConfigMap': {
    1: METADATA,
    2: one('data', 'stringMap'),
    3: one('binaryData', 'bytesMap'),
    4: one('immutable', 'bool'),
  },
  'v1/ResourceQuota': {
    1: METADATA,
    2: one('spec', {
      1: one('hard', 'quantityMap'),
      2: many('scopes'),
      3: one('scopeSelector', {
        1: many('matchExpressions', { 1: one('scopeName'), 2: one('operator'), 3: many('values') }),
      }),
    }),
    3: one('status', { 1: one('hard', 'quantityMap'), 2: one('used', 'quantityMap') }),
  },
  'v1/Event': {
    1: METADATA,
    2: one('involvedObject', OBJECT_REFERENCE),
    3: one('reason'),
    4: one('message'),
    5: one('source', EVENT_SOURCE),
    6: one('firstTimestamp', 'time'),
    7: one('lastTimestamp', 'time'),
    8: one('count', 'count'),
    9: one('type'),
    10: one('eventTime', 'microTime'),
    11: one('series', EVENT_SERIES),
    12: one('action'),
    13: one('related', OBJECT_REFERENCE),
    14: one('reportingComponent'),
    15: one('reportingInstance'),
  },
  'events.k8s.io/v1/Event': {
    1: METADATA,
    2: one('eventTime', 'microTime'),
    3: one('series', EVENT_SERIES),
    4: one('reportingController'),
    5: one('reportingInstance'),
    6: one('action'),
    7: one('reason'),
    8: one('regarding', OBJECT_REFERENCE),
    9: one('related', OBJECT_REFERENCE),
    10: one('note'),
    11: one('type'),
    12: one('deprecatedSource', EVENT_SOURCE),
    13: one('deprecatedFirstTimestamp', 'time'),
    14: one('deprecatedLastTimestamp', 'time'),
    15: one('deprecatedCount', 'count'),
  },
  'certificates.k8s.io/v1/CertificateSigningRequest': {
    1: METADATA,
    2: one('spec', {
      1: one('request', 'bytes'),
      2: one('username'),
      3: one('uid'),
      4: many('groups'),
      5: many('usages'),
      6: one('extra', 'listMap'),
      7: one('signerName'),
      8: one('expirationSeconds', 'int'),
    }),
    3: one('status', {
      1: many('conditions', {
        1: one('type'),
        2: one('reason'),
        3: one('message'),
        4: one('lastUpdateTime', 'time'),
        5: one('lastTransitionTime', 'time'),
        6: one('status'),
      }),
      2: one('certificate', 'bytes'),
    }),
  },
  'coordination.k8s.io/v1/Lease': {
    1: METADATA,
    2: one('spec', {
      1: one('holderIdentity'),
      2: one('leaseDurationSeconds', 'int'),
      3: one('acquireTime', 'microTime'),
      4: one('renewTime', 'microTime'),
      5: one('leaseTransitions', 'int'),
    }),
  },
  'rbac.authorization.k8s.io/v1/Role': { 1: METADATA, 2: RULES },
  'rbac.authorization.k8s.io/v1/ClusterRole': {
    1: METADATA,
    2: RULES,
    3: one('aggregationRule', { 1: many('clusterRoleSelectors', LABEL_SELECTOR) }),
  },
  'rbac.authorization.k8s.io/v1/RoleBinding': BINDING,
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': BINDING,
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: METADATA },
  'authentication.k8s.io/v1/TokenReview': {
    1: METADATA,
    2: one('spec', { 1: one('token'), 2: many('audiences') }),
  },
  'authentication.k8s.io/v1/TokenRequest': {
    1: METADATA,
    2: one('spec', {
      1: many('audiences'),
      3: one('boundObjectRef', { 1: one('kind'), 2: one('apiVersion'), 3: one('name'), 4: one('uid') }),
      4: one('expirationSeconds', 'int'),
    }),
  },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': { 1: METADATA, 2: one('spec', ACCESS) },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': { 1: METADATA, 2: one('spec', { 1: one('namespace') }) },
  'authorization.k8s.io/v1/SubjectAccessReview': {
    1: METADATA,
    2: one('spec', {
      ...ACCESS,
      3: one('user'),
      4: many('groups'),
      5: one('extra', 'listMap'),
      6: one('uid'),
    }),
  },
};

/** metav1.DeleteOptions, which clients send under the group version of what they delete. */
export const DELETE_OPTIONS: Message = {
  1: one('gracePeriodSeconds', 'int'),
  2: one('preconditions', { 1: one('uid'), 2: one('resourceVersion') }),
  3: one('orphanDependents', 'bool'),
  4: one('propagationPolicy'),
  5: many('dryRun'),
};
