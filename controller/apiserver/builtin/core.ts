import type { JsonSchema } from '../schema/json-schema.ts';
import { boolean, int32, kind, list, map, microTime, object, string, time, values } from './fields.ts';

const CONDITION_STATUS = 'True, False or Unknown.';

export const NAMESPACE_SCHEMA: JsonSchema = kind(
  'Namespace is a scope for names: most objects live in one.',
  {
    spec: object('What the namespace is meant to be.', {
      finalizers: list('Who must let go of the namespace before it is removed.', {
        ...string('Name of a finalizer.'),
      }),
    }),
    status: object('How the namespace is.', {
      phase: string('Active, or Terminating while its contents are being removed.'),
      conditions: map(
        'What stands in the way of its removal.',
        object(
          'One aspect of the namespace.',
          {
            type: string('What the condition is about.'),
            status: string(CONDITION_STATUS),
            lastTransitionTime: time('When the status last changed.'),
            reason: string('CamelCase reason of the last change.'),
            message: string('The reason in a sentence.'),
          },
          ['type', 'status'],
        ),
        ['type'],
      ),
    }),
  },
);

export const SECRET_SCHEMA: JsonSchema = kind(
  'Secret holds data that not everybody may see, such as passwords and keys.',
  {
    type: string('Tells programs what the secret is for. Cannot be changed. Defaults to Opaque.'),
    data: values('The data: keys of letters, digits, -, _ and ., values in base64.', {
      type: 'string',
      format: 'byte',
    }),
    stringData: values('Values as plain text, for convenience: written into data, never read back.', {
      type: 'string',
    }),
    immutable: boolean('Whether data may not be changed any more. Cannot be unset.'),
  },
);

const quantities = (description: string): JsonSchema =>
  values(description, { type: 'string', description: 'A number, as in 5 or 1k.' });

export const RESOURCE_QUOTA_SCHEMA: JsonSchema = kind(
  'ResourceQuota bounds how many objects of a kind a namespace has.',
  {
    spec: object('What the namespace may have.', {
      hard: quantities(
        'Most objects by resource, as in count/workspaces.nexus.dev or count/configmaps; configmaps, secrets, services and the like also by their name alone.',
      ),
      scopes: list(
        'Which Pods or volumes are counted. A quota with scopes bounds nothing here, where there are none.',
        string('Name of a scope.'),
      ),
      scopeSelector: {
        ...object('Which Pods or volumes are counted, as scopes does.', {
          matchExpressions: list(
            'All of them must hold.',
            object(
              'One scope.',
              {
                scopeName: string('Name of the scope.'),
                operator: string('In, NotIn, Exists or DoesNotExist.'),
                values: list('Values for In and NotIn.', string('A value.')),
              },
              ['scopeName', 'operator'],
            ),
          ),
        }),
        'x-kubernetes-map-type': 'atomic',
      },
    }),
    status: object('What the namespace has.', {
      hard: quantities('The bounds that `used` was counted against.'),
      used: quantities('Objects that there are.'),
    }),
  },
);

export const SERVICE_ACCOUNT_SCHEMA: JsonSchema = kind(
  'ServiceAccount is who a program is towards the API. Its token subresource gives tokens for it.',
  {
    secrets: map(
      'Secrets that go with the account.',
      object(
        'A Secret of the same namespace.',
        {
          kind: string('Kind of the object.'),
          namespace: string('Namespace of the object.'),
          name: string('Name of the object.'),
          uid: string('UID of the object.'),
          apiVersion: string('API version of the object.'),
          resourceVersion: string('Version of the object that is meant.'),
          fieldPath: string('A part of the object.'),
        },
        ['name'],
      ),
      ['name'],
    ),
    imagePullSecrets: list(
      'Secrets with logins of image registries.',
      object('A Secret of the same namespace.', { name: string('Name of the Secret.') }),
    ),
    automountServiceAccountToken: boolean('Kept, without effect here.'),
  },
);

export const CONFIG_MAP_SCHEMA: JsonSchema = kind('ConfigMap holds configuration that programs read.', {
  data: values('The data: keys of letters, digits, -, _ and ., values as text.', { type: 'string' }),
  binaryData: values('Data that is no text, in base64. No key may be in data as well.', {
    type: 'string',
    format: 'byte',
  }),
  immutable: boolean('Whether data may not be changed any more. Cannot be unset.'),
});

export const LEASE_SCHEMA: JsonSchema = kind(
  'Lease says who holds something, and until when: a leader, or a node that is alive.',
  {
    spec: object('Who holds it.', {
      holderIdentity: string('Who holds the lease. Empty when nobody does.'),
      leaseDurationSeconds: {
        ...int32('Seconds after renewTime in which nobody else may take it. Above 0.'),
        minimum: 1,
      },
      acquireTime: microTime('When the holder got it.'),
      renewTime: microTime('When the holder last said that it is there.'),
      leaseTransitions: { ...int32('How often the holder changed. Never negative.'), minimum: 0 },
      strategy: string('How a leader is chosen among candidates.'),
      preferredHolder: string('Who should get the lease next.'),
    }),
  },
);
