import type { Event, KubeObject } from '../../../crds/object.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { int32, kind, microTime, object, string, time } from './fields.ts';

const objectReference = (description: string): JsonSchema => ({
  ...object(description, {
    apiVersion: string('API version of the object.'),
    kind: string('Kind of the object.'),
    namespace: string('Namespace of the object.'),
    name: string('Name of the object.'),
    uid: string('UID of the object.'),
    resourceVersion: string('Version of the object that is meant.'),
    fieldPath: string('A part of the object, as in spec.containers{name}.'),
  }),
  'x-kubernetes-map-type': 'atomic',
});

export const EVENT_SCHEMA: JsonSchema = kind(
  'Event reports something that happened to an object. Events are kept for a limited time; do not rely on them.',
  {
    involvedObject: objectReference('The object that it happened to.'),
    reason: string('CamelCase reason, for programs.'),
    message: string('What happened, for people.'),
    source: object('Who reports it.', {
      component: string('Name of the program.'),
      host: string('Name of the machine.'),
    }),
    firstTimestamp: { ...time('When it happened first.'), nullable: true },
    lastTimestamp: { ...time('When it happened last.'), nullable: true },
    count: int32('How often it happened.'),
    type: string('Normal or Warning.'),
    eventTime: microTime('When it happened first, to the microsecond.'),
    series: object('A series of the same event.', {
      count: int32('How often it happened in the series.'),
      lastObservedTime: microTime('When it happened last.'),
    }),
    action: string('What was done about it.'),
    related: objectReference('Another object that has to do with it.'),
    reportingComponent: string('Name of the controller that reports it, as in example.com/controller.'),
    reportingInstance: string('Which of the instances of the controller it was.'),
  },
  ['involvedObject'],
);

/** What fields of a core Event are called in events.k8s.io; all others have the same name in both. */
export const EVENT_RENAMES: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
  reportingComponent: 'reportingController',
};

/** The same Event in events.k8s.io/v1. */
export const EVENT_V1_SCHEMA: JsonSchema = {
  ...EVENT_SCHEMA,
  required: ['eventTime'],
  properties: Object.fromEntries(
    Object.entries(EVENT_SCHEMA.properties ?? {}).map(([name, schema]) => [
      EVENT_RENAMES[name] ?? name,
      schema,
    ]),
  ),
};

const OLD_NAMES = Object.fromEntries(Object.entries(EVENT_RENAMES).map(([old, now]) => [now, old]));

function renamed(object: KubeObject, names: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [names[name] ?? name, value]));
}

/** A core Event as events.k8s.io/v1 has it. */
export function fromCoreEvent(object: KubeObject): KubeObject {
  const { apiVersion: _, ...rest } = renamed(object, EVENT_RENAMES);
  return { apiVersion: 'events.k8s.io/v1', eventTime: null, ...rest } as unknown as KubeObject;
}

/** An Event of events.k8s.io/v1 as a core Event. */
export function toCoreEvent(object: KubeObject): Event {
  const { apiVersion: _, ...rest } = renamed(object, OLD_NAMES);
  return { apiVersion: 'v1', involvedObject: {}, ...rest } as unknown as Event;
}
