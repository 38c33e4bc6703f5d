import type { KubeObject } from '../../../crds/object.ts';
import type { Clock } from '../../kit/clock.ts';
import type { StoreEvent } from '../../store/store.ts';
import type { ApiRequest, View } from '../context.ts';
import type { Wanted } from '../http/negotiate.ts';
import { renderPartial, renderTable } from '../tables/table.ts';
import { parseIncludeObject } from './list.ts';
import { isMatch, type ListQuery } from './list-query.ts';
import { viewOf, viewOfObject } from './view.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** Turns objects into the lines of one watch. */
export type EncodeEvent = (type: EventType, view: View) => string;

const line = (type: string, json: string) => `{"type":"${type}","object":${json}}\n`;

/** The form of the objects in a watch: plain, metadata alone, or a table a row. */
export function eventEncoder(request: ApiRequest, wanted: Wanted, clock: Clock): EncodeEvent {
  if (wanted.as === undefined) return (type, { json }) => line(type, json);
  if (wanted.as !== 'Table') return (type, { object }) => line(type, renderPartial(object));
  const includeObject = parseIncludeObject(request);
  const { columns } = request.served;
  let withColumns = true;
  return (type, view) => {
    const { resourceVersion } = view.object.metadata;
    const metadata = JSON.stringify({ resourceVersion });
    const table = renderTable([view], { columns, includeObject, metadata, now: clock.now(), withColumns });
    withColumns = false;
    return line(type, table);
  };
}

/**
 * Batches of plain events as bytes, each made once however many watchers there are. The store hands the same batch to
 * every watch of a prefix; it is kept as long as the batch is.
 */
export class SharedEvents {
  readonly #batches = new WeakMap<readonly StoreEvent[], Map<string, Buffer>>();

  encode(events: readonly StoreEvent[], request: ApiRequest): Buffer {
    const { apiVersion } = request.served;
    let versions = this.#batches.get(events);
    if (!versions) {
      versions = new Map();
      this.#batches.set(events, versions);
    }
    let bytes = versions.get(apiVersion);
    if (!bytes) {
      bytes = Buffer.from(
        events.map(event => line(plainType(event), viewOf(event.entry, request.served).json)).join(''),
      );
      versions.set(apiVersion, bytes);
    }
    return bytes;
  }
}

const plainType = ({ type, previous }: StoreEvent): EventType =>
  type === 'DELETE' ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED';

/**
 * What an event is to a watch with selectors: an object that begins to match is ADDED, one that ceases to is DELETED,
 * in the state in which it last matched. Undefined: nothing.
 */
export function selectEvent(
  event: StoreEvent,
  request: ApiRequest,
  select: ListQuery,
): { type: EventType; view: View } | undefined {
  const { served } = request;
  const was = event.previous !== undefined && isMatch(event.previous, request, select);
  const is = event.type === 'PUT' && isMatch(event.entry, request, select);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', view: viewOf(event.entry, served) };
  if (event.type === 'DELETE')
    return was || isMatch(event.entry, request, select)
      ? { type: 'DELETED', view: viewOf(event.entry, served) }
      : undefined;
  if (!was) return undefined;
  const { object } = viewOf(event.previous!, served);
  const metadata = { ...object.metadata, resourceVersion: String(event.revision) };
  return { type: 'DELETED', view: viewOfObject({ ...object, metadata }) };
}

/** An object that says how far a watch has come, and nothing else. */
export function bookmark(request: ApiRequest, revision: number, initialEventsEnd = false): View {
  const { served } = request;
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initialEventsEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
  };
  const { kind } = served.resource;
  return viewOfObject({ kind, apiVersion: served.apiVersion, metadata } as unknown as KubeObject);
}

/** An ERROR event. */
export function errorLine(status: object): string {
  return line('ERROR', JSON.stringify(status));
}
