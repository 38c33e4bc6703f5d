import type { JsonSchema } from '../schema/json-schema.ts';
import { kind, list, object, string, values } from './fields.ts';

const strings = (description: string): JsonSchema => list(description, { type: 'string' });

const RULES: JsonSchema = list(
  'What may be done: a request is allowed when one of the rules covers it.',
  object(
    'Verbs on resources or on paths, never both.',
    {
      verbs: strings('Verbs that are allowed; * is all of them.'),
      apiGroups: strings('API groups of the resources. "" is the core group, * is all of them.'),
      resources: strings(
        'Resources, as lower-case plurals. workspaces/status is a subresource, */scale that of every resource; * is all of them.',
      ),
      resourceNames: strings('Names that the rule is limited to. Empty: every name.'),
      nonResourceURLs: strings(
        'Paths that are no resource; a * is allowed as the last character. Only in ClusterRoles that a ClusterRoleBinding refers to.',
      ),
    },
    ['verbs'],
  ),
);

const LABEL_SELECTOR: JsonSchema = {
  ...object('Objects whose labels fulfil all of it.', {
    matchLabels: values('Labels and their values.', { type: 'string' }),
    matchExpressions: list(
      'Requirements of labels.',
      object(
        'A requirement of one label.',
        {
          key: string('Key of the label.'),
          operator: string('In, NotIn, Exists or DoesNotExist.'),
          values: strings('Values for In and NotIn.'),
        },
        ['key', 'operator'],
      ),
    ),
  }),
  'x-kubernetes-map-type': 'atomic',
};

export const ROLE_SCHEMA: JsonSchema = kind(
  'Role says what may be done in its namespace. A RoleBinding gives it to somebody.',
  { rules: RULES },
);

export const CLUSTER_ROLE_SCHEMA: JsonSchema = kind(
  'ClusterRole says what may be done. A RoleBinding gives it to somebody in one namespace, a ClusterRoleBinding everywhere.',
  {
    rules: RULES,
    aggregationRule: object(
      'How rules are gathered from other ClusterRoles; what is written into rules by hand is then lost.',
      {
        clusterRoleSelectors: list(
          'ClusterRoles that one of these selects give their rules.',
          LABEL_SELECTOR,
        ),
      },
    ),
  },
);

const SUBJECTS: JsonSchema = list('Who gets the role.', {
  ...object(
    'A user, a group or a service account.',
    {
      kind: string('User, Group or ServiceAccount.'),
      apiGroup: string(
        'API group of the subject. Defaults to rbac.authorization.k8s.io for User and Group, to "" for ServiceAccount.',
      ),
      name: string('Name of the subject.'),
      namespace: string('Namespace of the service account.'),
    },
    ['kind', 'name'],
  ),
  'x-kubernetes-map-type': 'atomic',
});

const roleRef = (kinds: string): JsonSchema => ({
  ...object(
    `The role that is given: ${kinds}. Cannot be changed.`,
    {
      apiGroup: string('API group of the role, rbac.authorization.k8s.io.'),
      kind: string('Kind of the role.'),
      name: string('Name of the role.'),
    },
    ['apiGroup', 'kind', 'name'],
  ),
  'x-kubernetes-map-type': 'atomic',
});

export const ROLE_BINDING_SCHEMA: JsonSchema = kind(
  'RoleBinding gives a role to somebody, in its namespace alone.',
  { subjects: SUBJECTS, roleRef: roleRef('a Role of this namespace or a ClusterRole') },
  ['roleRef'],
);

export const CLUSTER_ROLE_BINDING_SCHEMA: JsonSchema = kind(
  'ClusterRoleBinding gives a ClusterRole to somebody, in every namespace and on the cluster.',
  { subjects: SUBJECTS, roleRef: roleRef('a ClusterRole') },
  ['roleRef'],
);
