import type { Client } from '../../controller/client/client.ts';
import { EVENT } from '../../crds/kinds.ts';
import type { Event, KubeObject } from '../../crds/object.ts';
import type { CommandContext } from '../command.ts';
import { ageOf } from './age.ts';
import { alignColumns } from './columns.ts';

/** When an Event last happened, RFC 3339. */
export function eventTime(event: Event): string {
  const { series, lastTimestamp, metadata } = event;
  return series?.lastObservedTime ?? lastTimestamp ?? event.eventTime ?? metadata.creationTimestamp ?? '';
}

/** Events about an object, oldest first. */
export async function eventsAbout(client: Client, object: KubeObject, signal: AbortSignal): Promise<Event[]> {
  const { uid, namespace, name } = object.metadata;
  const about = [
    `involvedObject.kind=${object.kind}`,
    `involvedObject.name=${name}`,
    ...(uid ? [`involvedObject.uid=${uid}`] : []),
  ];
  const list = await client.list(EVENT, {
    namespace: namespace ?? 'default',
    fieldSelector: about.join(','),
    signal,
  });
  return list.items.sort((a, b) => (eventTime(a) < eventTime(b) ? -1 : 1));
}

/** Lines of a table of events, as `kubectl describe` shows them. */
export function eventLines(
  events: Event[],
  context: CommandContext,
  options: { withObject: boolean; header: boolean },
): string[] {
  const rows = events.map(event => {
    const { kind, name } = event.involvedObject;
    const seen = ageOf(eventTime(event), context.clock.now());
    const first =
      event.firstTimestamp && (event.count ?? 1) > 1
        ? ` (x${event.count} over ${ageOf(event.firstTimestamp, context.clock.now())})`
        : '';
    return [
      `${seen}${first}`,
      event.type ?? '',
      event.reason ?? '',
      ...(options.withObject ? [`${kind?.toLowerCase()}/${name}`] : []),
      (event.message ?? '').replace(/\s+/g, ' '),
    ];
  });
  return alignColumns([
    ...(options.header
      ? [['AGE', 'TYPE', 'REASON', ...(options.withObject ? ['OBJECT'] : []), 'MESSAGE']]
      : []),
    ...rows,
  ]);
}
