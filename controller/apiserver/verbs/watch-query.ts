import { randomInt } from 'node:crypto';
import type { Milliseconds } from '../../kit/clock.ts';
import type { ApiRequest } from '../context.ts';
import { parseBoolean } from '../http/write-options.ts';
import { invalidOptions } from '../refusals.ts';
import { forbidden } from '../schema/causes.ts';
import { type ListQuery, parseListQuery, parseResourceVersion, parseTimeout } from './list-query.ts';

/** Watches that name no time end after this long, or up to twice that, so that they do not all come back at once. */
const DEFAULT_SECONDS = 1800;

export interface WatchQuery {
  readonly select: ListQuery;
  /** Events after this version; undefined: from now. */
  readonly from?: number;
  /** Whether the current state is sent first, as ADDED events, of a version at least `from`. */
  readonly initial: boolean;
  /** Whether a bookmark says where the current state ends. */
  readonly initialBookmark: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: Milliseconds;
}

/** Throws BadRequest, Invalid. */
export function parseWatchQuery(request: ApiRequest): WatchQuery {
  const { query } = request;
  const version = parseResourceVersion(query.get('resourceVersion'));
  const bookmarks = parseBoolean(query.get('allowWatchBookmarks'), 'allowWatchBookmarks');
  const sendInitial = query.get('sendInitialEvents');
  const match = query.get('resourceVersionMatch');
  checkMatch(sendInitial, match);
  const initial =
    sendInitial === null
      ? version === undefined || version === 0
      : parseBoolean(sendInitial, 'sendInitialEvents');
  return {
    select: parseListQuery({ ...request, query: selectors(query) }),
    ...(version && { from: version }),
    initial,
    initialBookmark: sendInitial !== null && initial && bookmarks,
    bookmarks,
    timeoutMs:
      (parseTimeout(query.get('timeoutSeconds')) || DEFAULT_SECONDS + randomInt(DEFAULT_SECONDS)) * 1000,
  };
}

function checkMatch(sendInitial: string | null, match: string | null): void {
  if (sendInitial === null && match)
    throw invalidOptions('ListOptions', [
      forbidden(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      ),
    ]);
  if (sendInitial !== null && match !== 'NotOlderThan')
    throw invalidOptions('ListOptions', [
      forbidden(
        'resourceVersionMatch',
        'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      ),
    ]);
}

const SELECTORS = ['labelSelector', 'fieldSelector'];

function selectors(query: URLSearchParams): URLSearchParams {
  return new URLSearchParams([...query].filter(([name]) => SELECTORS.includes(name)));
}
