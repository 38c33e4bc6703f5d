import type { CertificateSigningRequest, Event, Namespace, Secret } from '../../../crds/object.ts';
import { BUILTIN_KINDS } from '../builtin/schemas.ts';
import { type FieldLabels, type FieldReader, METADATA_FIELDS } from '../selectors/field-selector.ts';
import { BUILTIN_STRATEGIES } from '../strategies/builtin.ts';
import { PLAIN_STRATEGY } from '../strategies/strategy.ts';
import { BUILTIN_COLUMNS } from '../tables/builtin-columns.ts';
import { printerColumns } from '../tables/column.ts';
import { eventsV1 } from './events-v1.ts';
import { type ServedResource, servedResource, VERBS } from './served-resource.ts';

const involved = (field: keyof Event['involvedObject']): [string, FieldReader] => [
  `involvedObject.${field}`,
  object => (object as Event).involvedObject?.[field] ?? '',
];

const FIELDS: Readonly<Record<string, readonly [string, FieldReader][]>> = {
  Event: [
    involved('kind'),
    involved('namespace'),
    involved('name'),
    involved('uid'),
    involved('apiVersion'),
    involved('resourceVersion'),
    involved('fieldPath'),
    ['reason', object => (object as Event).reason ?? ''],
    ['type', object => (object as Event).type ?? ''],
    ['reportingComponent', object => (object as Event).reportingComponent ?? ''],
    ['source', object => (object as Event).source?.component ?? (object as Event).reportingComponent ?? ''],
  ],
  CertificateSigningRequest: [
    ['spec.signerName', object => (object as CertificateSigningRequest).spec.signerName],
  ],
  Secret: [['type', object => (object as Secret).type ?? '']],
  Namespace: [['status.phase', object => (object as Namespace).status?.phase ?? '']],
};

/** The kinds that are served without a definition. */
export function builtinResources(): ServedResource[] {
  const kinds = BUILTIN_KINDS.map(
    ({ resource, schema, singular, shortNames, categories, statusSubresource }) => {
      const fieldLabels: FieldLabels = new Map([...METADATA_FIELDS, ...(FIELDS[resource.kind] ?? [])]);
      return servedResource({
        resource,
        // All at once nobody deletes them, as in Kubernetes.
        ...(resource.kind === 'Namespace' && { verbs: VERBS.filter(verb => verb !== 'deletecollection') }),
        singular,
        listKind: `${resource.kind}List`,
        shortNames,
        categories,
        custom: false,
        hasStatus: statusSubresource,
        schema,
        columns: BUILTIN_COLUMNS[resource.kind] ?? printerColumns(undefined),
        fieldLabels,
        strategy: BUILTIN_STRATEGIES[resource.kind] ?? PLAIN_STRATEGY,
      });
    },
  );
  return [...kinds, eventsV1()];
}
