import type { Event, KubeObject, ObjectReference } from '../../crds/object.ts';
import { digest } from '../kit/hash.ts';

export type EventType = 'Normal' | 'Warning';

/** What is said of an object. */
export interface Said {
  object: ObjectReference;
  type: EventType;
  reason: string;
  message: string;
}

/** Kubernetes refuses longer messages. */
const MAX_MESSAGE = 1024;

export function referTo(object: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(namespace && { namespace }),
    name,
    ...(uid && { uid }),
    ...(resourceVersion && { resourceVersion }),
  };
}

export function clip(message: string): string {
  const text = message.trim();
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE - 1)}…`;
}

const who = ({ apiVersion, kind, namespace, name, uid }: ObjectReference) => [
  apiVersion,
  kind,
  namespace,
  name,
  uid,
];

/** One per object. */
export const objectKey = (said: Said) => JSON.stringify(who(said.object));
/** The same whatever the message says. */
export const similarKey = (said: Said) => JSON.stringify([...who(said.object), said.type, said.reason]);
/** The same for the same thing said again. */
export const sameKey = (said: Said) =>
  JSON.stringify([...who(said.object), said.type, said.reason, said.message]);

/** The Event's name: the same for the same thing said by the same component, also after a restart of it. */
export function eventName(said: Said, component: string): string {
  const hash = digest([component, sameKey(said)], 16);
  return `${(said.object.name ?? 'unknown').slice(0, 230).replace(/[^a-z0-9]+$/, '')}.${hash}`;
}

export function newEvent(
  said: Said,
  component: string,
  at: { name: string; count: number; first: string; last: string },
): Event {
  const namespace = said.object.namespace ?? 'default';
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: at.name, namespace },
    involvedObject: said.object,
    type: said.type,
    reason: said.reason,
    message: said.message,
    count: at.count,
    firstTimestamp: at.first,
    lastTimestamp: at.last,
    source: { component },
    reportingComponent: component,
    reportingInstance: '',
  };
}
