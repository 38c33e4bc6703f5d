/** A kind of the API, and what an object of it may look like. */
export interface Kind {
  readonly path: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly body: object;
  /** Answered and never stored. */
  readonly isReview?: true;
}

const NEXUS = '/apis/nexus.dev/v1alpha1';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const IN = 'namespaces/default';
const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
const thingSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        n: { type: 'integer', minimum: 0, default: 1 },
        s: { type: 'string', pattern: '^[a-z]*$', format: 'date-time', maxLength: 9 },
        p: { 'x-kubernetes-int-or-string': true },
        l: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: {
            type: 'object',
            required: ['k'],
            properties: { k: { type: 'string' }, v: { type: 'number' } },
          },
        },
        m: { type: 'object', additionalProperties: { type: 'string' } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
      'x-kubernetes-validations': [{ rule: '!has(self.n) || self.n < 10', message: 'n' }],
    },
    status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};

export const KINDS: readonly Kind[] = [
  {
    path: `/api/v1/${IN}/configmaps`,
    apiVersion: 'v1',
    kind: 'ConfigMap',
    body: { data: { a: 'b' }, binaryData: { c: 'eA==' }, immutable: false },
  },
  {
    path: `/api/v1/${IN}/secrets`,
    apiVersion: 'v1',
    kind: 'Secret',
    body: { type: 'Opaque', data: { a: 'eA==' }, stringData: { b: 'c' } },
  },
  {
    path: `/api/v1/${IN}/resourcequotas`,
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    body: {
      spec: { hard: { 'count/leases.coordination.k8s.io': '40', pods: 3 } },
      status: { used: { pods: '1' } },
    },
  },
  {
    path: '/api/v1/namespaces',
    apiVersion: 'v1',
    kind: 'Namespace',
    body: { spec: { finalizers: ['kubernetes'] } },
  },
  {
    path: `/api/v1/${IN}/events`,
    apiVersion: 'v1',
    kind: 'Event',
    body: { involvedObject: { namespace: 'default', name: 'a' }, reason: 'R', count: 1, type: 'Normal' },
  },
  {
    path: `/apis/coordination.k8s.io/v1/${IN}/leases`,
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    body: {
      spec: { holderIdentity: 'a', leaseDurationSeconds: 1, renewTime: '2026-01-01T00:00:00.000000Z' },
    },
  },
  {
    path: `${RBAC}/clusterroles`,
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    body: { rules, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } },
  },
  {
    path: `${RBAC}/${IN}/rolebindings`,
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    body: {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'User', name: 'a' }],
    },
  },
  {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    body: {
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'things', singular: 'thing', kind: 'Thing', shortNames: ['th'] },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: thingSchema },
            subresources: { status: {} },
            selectableFields: [{ jsonPath: '.spec.s' }],
            additionalPrinterColumns: [{ name: 'N', type: 'integer', jsonPath: '.spec.n' }],
          },
        ],
      },
    },
  },
  {
    path: `/apis/example.com/v1/${IN}/things`,
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    body: {
      spec: { n: 1, s: 'a', p: '80%', l: [{ k: 'x', v: 1 }], m: { a: 'b' }, free: { x: [1] } },
      status: { y: 1 },
    },
  },
  {
    path: `${NEXUS}/${IN}/workspaces`,
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    body: {
      spec: {
        repo: { url: 'https://example.com/a.git' },
        services: [
          { name: 's', command: 'x', port: 80, dependsOn: ['t'] },
          { name: 't', command: 'y' },
        ],
        resources: { cpu: '1', memory: '1Gi' },
        ports: [{ name: 'p', port: 81 }],
      },
      status: { phase: 'Running' },
    },
  },
  {
    path: `${NEXUS}/nodes`,
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Node',
    body: { spec: { drivers: ['docker'], taints: [{ key: 'a', effect: 'NoSchedule' }] } },
  },
  {
    path: `${NEXUS}/users`,
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'User',
    body: { spec: { githubLogin: 'a', role: 'member', sshKeys: ['ssh-ed25519 AAAA'] } },
  },
  {
    path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    body: { spec: { user: 'a', groups: ['b'], resourceAttributes: { verb: 'get', resource: 'x' } } },
    isReview: true,
  },
  {
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    body: { spec: { token: 'x' } },
    isReview: true,
  },
];

const definition = KINDS.find(({ kind }) => kind === 'CustomResourceDefinition')!;

/** Makes the custom kind among KINDS served. */
export const THINGS = {
  path: definition.path,
  object: {
    apiVersion: definition.apiVersion,
    kind: definition.kind,
    metadata: { name: 'things.example.com' },
    ...definition.body,
  },
};
