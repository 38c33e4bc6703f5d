import type { ApiContext, ApiRequest } from '../context.ts';
import type { Wanted } from '../http/negotiate.ts';
import { badRequest, invalidOptions, tooLargeResourceVersion } from '../refusals.ts';
import { forbidden } from '../schema/causes.ts';
import { type IncludeObject, renderPartial, renderTable } from '../tables/table.ts';
import { encodeContinue, type Matches, matching, parseListQuery, parseTimeout } from './list-query.ts';
import { viewOf } from './view.ts';

/** How long a list or watch waits for a version that is not there yet. */
const FRESH_WAIT_MS = 3000;

/** GET of a collection, as JSON. Joined from what is stored: nothing is stringified again. */
export async function listObjects(context: ApiContext, request: ApiRequest, wanted: Wanted): Promise<string> {
  const query = parseListQuery(request);
  checkWatchOnly(request.query);
  await waitForRevision(context, query.notOlderThan ?? query.exactly);
  const found = matching(context, request, query);
  const metadata = metadataOf(found);
  const { served } = request;
  const views = found.entries.map(entry => viewOf(entry, served));
  if (wanted.as === 'Table')
    return renderTable(views, {
      columns: served.columns,
      includeObject: parseIncludeObject(request),
      metadata,
      now: context.clock.now(),
    });
  if (wanted.as !== undefined) {
    const items = views.map(({ object }) => renderPartial(object)).join(',');
    return `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":${metadata},"items":[${items}]}`;
  }
  const items = views.map(({ json }) => json).join(',');
  return `{"kind":"${served.listKind}","apiVersion":"${served.apiVersion}","metadata":${metadata},"items":[${items}]}`;
}

/** What is of a watch alone: nobody should take the answer for one. */
function checkWatchOnly(query: URLSearchParams): void {
  parseTimeout(query.get('timeoutSeconds'));
  if (query.get('sendInitialEvents') !== null)
    throw invalidOptions('ListOptions', [
      forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'),
    ]);
}

function metadataOf({ revision, next, remaining }: Matches): string {
  const token = next === undefined ? '' : `,"continue":"${encodeContinue(revision, next)}"`;
  const rest = remaining === undefined ? '' : `,"remainingItemCount":${remaining}`;
  return `{"resourceVersion":"${revision}"${token}${rest}}`;
}

/** Throws BadRequest for anything but None, Metadata and Object. */
export function parseIncludeObject({ query }: ApiRequest): IncludeObject {
  const text = query.get('includeObject') || 'Metadata';
  if (text !== 'None' && text !== 'Metadata' && text !== 'Object')
    throw badRequest(`invalid includeObject: ${JSON.stringify(text)}; it must be None, Metadata or Object`);
  return text;
}

/** Resolves when the store is at `revision`. Throws Timeout when it does not get there within three seconds. */
export async function waitForRevision(
  { store, clock }: ApiContext,
  revision: number | undefined,
): Promise<void> {
  if (revision === undefined || revision <= store.revision) return;
  const controller = new AbortController();
  const cancel = clock.after(FRESH_WAIT_MS, () => controller.abort());
  try {
    await store.waitFor(revision, controller.signal);
  } catch {
    throw tooLargeResourceVersion(revision, store.revision);
  } finally {
    cancel();
  }
}
