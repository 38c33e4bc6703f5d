import type {
  CertificateSigningRequest,
  ConfigMap,
  Event,
  KubeObject,
  Lease,
  Namespace,
  ResourceQuota,
  RoleBinding,
  Secret,
  ServiceAccount,
  Subject,
} from '../../../crds/object.ts';
import { formatAge } from '../../kit/duration.ts';
import { ageOf } from './age.ts';
import { AGE_COLUMN, type Column, column, NAME_COLUMN } from './column.ts';

/** A column of one kind. The registry hands a table only objects of its own kind. */
function of<T extends KubeObject>(
  name: string,
  cell: (object: T, now: number) => unknown,
  options?: Parameters<typeof column>[2],
): Column {
  return column(name, (object, now) => cell(object as T, now), options);
}

const size = (map: object | undefined) => (map ? Object.keys(map).length : 0);
const wide = { priority: 1 };

const EVENT_COLUMNS: Column[] = [
  of<Event>('Last Seen', (event, now) =>
    ageOf(event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime, now),
  ),
  of<Event>('Type', event => event.type ?? ''),
  of<Event>('Reason', event => event.reason ?? ''),
  of<Event>('Object', ({ involvedObject: { kind = '', name = '' } }) =>
    name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase(),
  ),
  of<Event>('Subobject', event => event.involvedObject.fieldPath ?? '', wide),
  of<Event>(
    'Source',
    ({ source, reportingComponent, reportingInstance }) =>
      [source?.component ?? reportingComponent, source?.host ?? reportingInstance].filter(Boolean).join(', '),
    wide,
  ),
  of<Event>('Message', event => (event.message ?? '').trim()),
  of<Event>('First Seen', (event, now) => ageOf(event.firstTimestamp ?? event.eventTime, now), wide),
  of<Event>('Count', event => event.series?.count ?? event.count ?? 1, {
    ...wide,
    type: 'integer',
  }),
  { ...NAME_COLUMN, definition: { ...NAME_COLUMN.definition, priority: 1 } },
];

const CREATED_AT: Column = column('Created At', object => object.metadata.creationTimestamp ?? '', {
  type: 'date',
  description: 'When it was added.',
});

/** Of a RoleBinding or a ClusterRoleBinding. */
function subjects(name: string, kind: Subject['kind'], text: (subject: Subject) => string): Column {
  return of<RoleBinding>(
    name,
    binding =>
      (binding.subjects ?? [])
        .filter(subject => subject.kind === kind)
        .map(text)
        .join(', '),
    { ...wide, description: `${name} that get the role.` },
  );
}
const BINDING_COLUMNS: Column[] = [
  NAME_COLUMN,
  of<RoleBinding>('Role', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`, {
    description: 'The role that is given.',
  }),
  AGE_COLUMN,
  subjects('Users', 'User', ({ name }) => name),
  subjects('Groups', 'Group', ({ name }) => name),
  subjects('ServiceAccounts', 'ServiceAccount', ({ name, namespace = '' }) => `${namespace}/${name}`),
];

function certificateCondition({ status = {} }: CertificateSigningRequest): string {
  const types = new Set((status.conditions ?? []).map(({ type }) => type));
  const decided = types.has('Denied') ? 'Denied' : types.has('Approved') ? 'Approved' : 'Pending';
  return `${decided}${types.has('Failed') ? ',Failed' : ''}${status.certificate ? ',Issued' : ''}`;
}

/** What `kubectl get` shows of the built-in kinds, by kind. */
export const BUILTIN_COLUMNS: Readonly<Record<string, Column[]>> = {
  Namespace: [
    NAME_COLUMN,
    of<Namespace>('Status', ns => ns.status?.phase ?? 'Active', {
      description: 'Whether it is in use or being removed.',
    }),
    AGE_COLUMN,
  ],
  ServiceAccount: [
    NAME_COLUMN,
    of<ServiceAccount>('Secrets', ({ secrets }) => String(secrets?.length ?? 0)),
    AGE_COLUMN,
  ],
  Secret: [
    NAME_COLUMN,
    of<Secret>('Type', secret => secret.type ?? 'Opaque', { description: 'What the data is used for.' }),
    of<Secret>('Data', secret => size(secret.data), {
      type: 'integer',
      description: 'How many keys it has.',
    }),
    AGE_COLUMN,
  ],
  ConfigMap: [
    NAME_COLUMN,
    of<ConfigMap>('Data', map => size(map.data) + size(map.binaryData), {
      type: 'integer',
      description: 'How many keys it has.',
    }),
    AGE_COLUMN,
  ],
  ResourceQuota: [
    NAME_COLUMN,
    of<ResourceQuota>('Request', ({ status }) =>
      Object.entries(status?.hard ?? {})
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? 0}/${hard}`)
        .join(', '),
    ),
    of<ResourceQuota>('Limit', () => ''),
    AGE_COLUMN,
  ],
  CertificateSigningRequest: [
    NAME_COLUMN,
    AGE_COLUMN,
    of<CertificateSigningRequest>('SignerName', ({ spec }) => spec.signerName || '<none>'),
    of<CertificateSigningRequest>('Requestor', ({ spec }) => spec.username ?? ''),
    of<CertificateSigningRequest>('RequestedDuration', ({ spec: { expirationSeconds: seconds } }) =>
      seconds === undefined ? '<none>' : formatAge(seconds * 1000),
    ),
    of<CertificateSigningRequest>('Condition', certificateCondition),
  ],
  Event: EVENT_COLUMNS,
  Lease: [
    NAME_COLUMN,
    of<Lease>('Holder', lease => lease.spec?.holderIdentity ?? '', { description: 'Who holds the lease.' }),
    AGE_COLUMN,
  ],
  CustomResourceDefinition: [NAME_COLUMN, CREATED_AT],
  Role: [NAME_COLUMN, CREATED_AT],
  ClusterRole: [NAME_COLUMN, CREATED_AT],
  RoleBinding: BINDING_COLUMNS,
  ClusterRoleBinding: BINDING_COLUMNS,
};
