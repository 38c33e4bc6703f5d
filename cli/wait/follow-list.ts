import type { Client, WatchEvent } from '../../controller/client/client.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { collectionPath, queryString } from '../../controller/kit/paths.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Table } from '../output/table.ts';
import { mayComeBack } from './may-come-back.ts';

export interface FollowListQuery {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Media type of lists and events. */
  accept: string;
}

/** First a list as the server sent it, then each change; a list again when changes may have been missed. */
export type Followed<L> = { type: 'LIST'; list: L } | WatchEvent;

/**
 * What there is, and then each change, until `signal` is aborted. A server that goes away is waited for, and the watch
 * goes on where it broke off. Throws ApiError when the first answer is a refusal.
 */
export async function* followList<L extends { metadata: { resourceVersion?: string } }>(
  client: Client,
  resource: Resource,
  query: FollowListQuery,
  { signal, clock }: { signal: AbortSignal; clock: Clock },
): AsyncGenerator<Followed<L>> {
  const { namespace, accept, ...selectors } = query;
  const path = collectionPath(resource, namespace) + queryString(selectors);
  const backoff = new Backoff({ baseMs: 200, maxMs: 5000 });
  let resourceVersion: string | undefined;
  let answered = false;
  while (!signal.aborted) {
    try {
      if (resourceVersion === undefined) {
        const { text } = await client.raw('GET', path, { headers: { accept }, signal });
        const list = JSON.parse(text) as L;
        answered = true;
        yield { type: 'LIST', list };
        resourceVersion = list.metadata.resourceVersion ?? '';
      }
      const watch = client.watch(resource, { ...query, resourceVersion, allowWatchBookmarks: true, signal });
      for await (const event of watch) {
        backoff.reset();
        resourceVersion = versionOf(event.object) ?? resourceVersion;
        if (event.type !== 'BOOKMARK') yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isApiError(error, 'Expired', 'Gone')) resourceVersion = undefined;
      else if (!answered || !mayComeBack(error)) throw error;
    }
    await clock.sleep(backoff.next(), signal).catch(() => {});
  }
}

/** In a Table's event it is the row's. */
function versionOf(object: KubeObject): string | undefined {
  const row = (object as unknown as Table).rows?.[0]?.object as KubeObject | undefined;
  return row?.metadata.resourceVersion || object.metadata?.resourceVersion || undefined;
}
