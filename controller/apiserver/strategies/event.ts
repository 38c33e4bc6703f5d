import type { Event } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { toCoreEvent } from '../builtin/event.ts';
import { invalid, required } from '../schema/causes.ts';
import { qualifiedNameFaults } from '../selectors/label-selector.ts';
import { PLAIN_STRATEGY, type Strategy } from './strategy.ts';

const MAX_CHARS = { reportingInstance: 128, action: 128, reason: 128, message: 1024 } as const;
const REQUIRED = ['reportingInstance', 'action', 'reason'] as const;

/** Of v1: only what has an eventTime is held to what newer Events must say. */
export const eventStrategy: Strategy = {
  ...PLAIN_STRATEGY,
  validate: object => commonCauses(object as Event, 'reportingComponent'),
};

/** Of events.k8s.io/v1: nothing of the older form, and nothing changes but the series. Fields are called as in v1, as Kubernetes does. */
export const eventV1Strategy: Strategy = {
  ...PLAIN_STRATEGY,
  validate(object, old) {
    const event = toCoreEvent(object);
    const causes = commonCauses(event, 'reportingController');
    return [...causes, ...(old ? updateCauses(event, toCoreEvent(old)) : createCauses(event))];
  },
};

function commonCauses(event: Event, controller: string): Cause[] {
  const { involvedObject, metadata, eventTime } = event;
  const about = involvedObject?.namespace ?? '';
  const mismatch = [invalid('involvedObject.namespace', about, 'does not match event.namespace')];
  if (!eventTime) return metadata.namespace === (about || 'default') ? [] : mismatch;
  const causes: Cause[] = [];
  if (!about && metadata.namespace !== 'default' && metadata.namespace !== 'kube-system')
    causes.push(...mismatch);
  const { reportingComponent = '' } = event;
  if (reportingComponent === '') causes.push(required(controller));
  for (const fault of qualifiedNameFaults(reportingComponent))
    causes.push(invalid(controller, reportingComponent, fault));
  for (const field of REQUIRED) if (!event[field]) causes.push(required(field));
  for (const [field, max] of Object.entries(MAX_CHARS))
    if (Buffer.byteLength(event[field as keyof typeof MAX_CHARS] ?? '') > max)
      causes.push(invalid(field, '', `can have at most ${max} characters`));
  return causes;
}

function createCauses(event: Event): Cause[] {
  const { type = '' } = event as { type?: string };
  const causes = seriesCauses(event);
  if (!event.eventTime) causes.push(required('eventTime'));
  if (type !== 'Normal' && type !== 'Warning') causes.push(invalid('type', '', `has invalid value: ${type}`));
  const older = [
    ['firstTimestamp', event.firstTimestamp],
    ['lastTimestamp', event.lastTimestamp],
    ['count', event.count],
    ['source', event.source?.component || event.source?.host],
  ] as const;
  for (const [field, value] of older) if (value) causes.push(invalid(field, '', 'needs to be unset'));
  return causes;
}

function updateCauses(event: Event, old: Event): Cause[] {
  const causes = jsonEqual(event.series, old.series) ? [] : seriesCauses(event);
  for (const field of FIXED)
    if (!jsonEqual(event[field] ?? null, old[field] ?? null))
      causes.push(invalid(field, event[field], 'field is immutable'));
  return causes;
}

const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const satisfies readonly (keyof Event)[];

function seriesCauses({ series }: Event): Cause[] {
  if (!series) return [];
  const causes: Cause[] = [];
  if ((series.count ?? 0) < 2) causes.push(invalid('series.count', '', 'should be at least 2'));
  if (!series.lastObservedTime) causes.push(required('series.lastObservedTime'));
  return causes;
}
