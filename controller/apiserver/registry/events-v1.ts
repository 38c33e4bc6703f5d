import { EVENT_V1 } from '../../../crds/kinds.ts';
import type { KubeObject, ObjectReference } from '../../../crds/object.ts';
import { EVENT_V1_SCHEMA, fromCoreEvent, toCoreEvent } from '../builtin/event.ts';
import { type FieldReader, METADATA_FIELDS } from '../selectors/field-selector.ts';
import { eventV1Strategy } from '../strategies/event.ts';
import { BUILTIN_COLUMNS } from '../tables/builtin-columns.ts';
import { type ServedResource, servedResource } from './served-resource.ts';

interface EventV1 extends KubeObject {
  regarding?: ObjectReference;
  reason?: string;
  type?: string;
  reportingController?: string;
}

const regarding = (field: keyof ObjectReference): [string, FieldReader] => [
  `regarding.${field}`,
  object => (object as EventV1).regarding?.[field] ?? '',
];
const own = (field: 'reason' | 'type' | 'reportingController'): [string, FieldReader] => [
  field,
  object => (object as EventV1)[field] ?? '',
];

/** The core group's Events again, in events.k8s.io/v1: what newer recorders write. */
export function eventsV1(): ServedResource {
  return servedResource({
    resource: EVENT_V1,
    storageApiVersion: 'v1',
    form: { fromStored: fromCoreEvent, toStored: toCoreEvent },
    singular: 'event',
    listKind: 'EventList',
    shortNames: ['ev'],
    categories: [],
    custom: false,
    hasStatus: false,
    schema: EVENT_V1_SCHEMA,
    columns: (BUILTIN_COLUMNS.Event ?? []).map(({ definition, cell }) => ({
      definition,
      cell: (object, now) => cell(toCoreEvent(object), now),
    })),
    fieldLabels: new Map([
      ...METADATA_FIELDS,
      regarding('kind'),
      regarding('namespace'),
      regarding('name'),
      regarding('uid'),
      regarding('apiVersion'),
      regarding('resourceVersion'),
      regarding('fieldPath'),
      own('reason'),
      own('type'),
      own('reportingController'),
    ]),
    strategy: eventV1Strategy,
  });
}
