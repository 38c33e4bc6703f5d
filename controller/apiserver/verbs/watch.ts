import type { ServerResponse } from 'node:http';
import type { Milliseconds } from '../../kit/clock.ts';
import { ApiError } from '../../kit/errors.ts';
import { type Entry, StoreError, type StoreEvent, type Watch } from '../../store/store.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { EventStream } from '../http/event-stream.ts';
import type { Wanted } from '../http/negotiate.ts';
import { expired } from '../refusals.ts';
import { prefixOf } from '../registry/served-resource.ts';
import { waitForRevision } from './list.ts';
import { matching } from './list-query.ts';
import { viewOf } from './view.ts';
import {
  bookmark,
  type EncodeEvent,
  errorLine,
  eventEncoder,
  type SharedEvents,
  selectEvent,
} from './watch-encoder.ts';
import { parseWatchQuery, type WatchQuery } from './watch-query.ts';

const BOOKMARK_MS = 60_000;
/** How often it is looked whether a bookmark is due sooner. */
const LOOK_MS = 10_000;
/**
 * A client that was told of nothing for so many revisions gets a bookmark at the next look: the store keeps 10,000 for
 * those who come back, and elsewhere much may be written.
 */
const MAX_LAG = 4000;
/** Objects of the initial state that are written at a time. */
const INITIAL_CHUNK = 200;

export interface WatchParts {
  readonly wanted: Wanted;
  readonly shared: SharedEvents;
  /** Aborted when the server stops. */
  readonly closing: AbortSignal;
  /** Has `end` called when the user loses the right to the watch. Returns what undoes it. */
  readonly guard: (end: () => void) => () => void;
  /** Takes over the connection; called after the query was found to be good. */
  readonly open: () => ServerResponse;
}

/** GET with watch=true. Resolves when the watch has ended. Throws ApiError only before `open` was called. */
export async function watchObjects(
  context: ApiContext,
  request: ApiRequest,
  parts: WatchParts,
): Promise<void> {
  const query = parseWatchQuery(request);
  const encode = eventEncoder(request, parts.wanted, context.clock);
  await waitForRevision(context, query.from);
  const raw = parts.open();
  const { clock, limits } = context;
  const stream = new EventStream(raw, {
    clock,
    bufferBytes: limits.watchBufferBytes,
    stallMs: limits.watchStallMs,
  });
  const { group, plural } = request.served.resource;
  raw.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  raw.flushHeaders();
  context.metrics.watchOpened(group, plural);
  try {
    await new WatchSession(context, request, { ...parts, query, encode, stream }).run();
  } finally {
    context.metrics.watchClosed(group, plural);
    if (stream.wasCutOff) {
      context.metrics.watchCutOff(group, plural);
      context.log.warn({ resource: plural, user: request.user.name }, 'a watch was too slow and was cut off');
    }
    stream.end();
  }
}

interface SessionParts extends WatchParts {
  readonly query: WatchQuery;
  readonly encode: EncodeEvent;
  readonly stream: EventStream;
}

/** One watch, from its first event to its last. */
class WatchSession {
  readonly #context: ApiContext;
  readonly #request: ApiRequest;
  readonly #parts: SessionParts;
  #lastBookmark = 0;
  /** The last revision that the client heard of, by whatever it was told. */
  #told = 0;
  /** Whether the initial state was sent: before that no bookmark may be. */
  #following = false;

  constructor(context: ApiContext, request: ApiRequest, parts: SessionParts) {
    this.#context = context;
    this.#request = request;
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { query, stream } = this.#parts;
    let watch: Watch;
    let initial: readonly Entry[] = [];
    let revision = 0;
    try {
      // Synchronously, so that nothing comes between the state and what follows it.
      ({ entries: initial, revision } = query.initial
        ? matching(this.#context, this.#request, query.select)
        : { entries: [], revision: query.from ?? this.#context.store.revision });
      watch = this.#watch(revision);
      this.#told = revision;
    } catch (error) {
      await stream.send(errorLine(this.#refusal(error).toStatus()));
      return;
    }
    const stop = this.#stopWith(watch);
    try {
      if (await this.#sendInitial(initial, revision)) await this.#follow(watch);
    } catch (error) {
      await this.#fail(error);
    } finally {
      stop();
    }
  }

  #watch(revision: number): Watch {
    const { served, target } = this.#request;
    const namespace = target.namespace || (this.#parts.query.select.fields.namespace ?? '');
    return this.#context.store.watch(
      prefixOf(served.resource, served.resource.namespaced ? namespace : ''),
      revision,
    );
  }

  /** Closes the watch when time is up, the client is gone or the server stops. Returns what frees the timers. */
  #stopWith(watch: Watch): () => void {
    const { clock } = this.#context;
    const { closing, guard, query, stream } = this.#parts;
    const close = () => watch.close();
    const unguard = guard(close);
    const cancelTimeout = clock.after(query.timeoutMs, () => {
      if (query.bookmarks) void this.#sendBookmark(watch);
      close();
    });
    let cancelBookmark = () => {};
    const look = (waitedMs: Milliseconds) => {
      cancelBookmark = clock.after(LOOK_MS, () => {
        const nowMs = waitedMs + LOOK_MS;
        const isDue = nowMs >= BOOKMARK_MS || watch.revision - this.#told > MAX_LAG;
        if (isDue) void this.#sendBookmark(watch);
        look(isDue ? 0 : nowMs);
      });
    };
    if (query.bookmarks) look(0);
    if (closing.aborted) close();
    closing.addEventListener('abort', close, { once: true });
    const offClose = stream.onClose(close);
    return () => {
      cancelTimeout();
      cancelBookmark();
      unguard();
      closing.removeEventListener('abort', close);
      offClose();
      close();
    };
  }

  async #sendInitial(entries: readonly Entry[], revision: number): Promise<boolean> {
    const { encode, query, stream } = this.#parts;
    const { served } = this.#request;
    for (let i = 0; i < entries.length; i += INITIAL_CHUNK) {
      const chunk = entries.slice(i, i + INITIAL_CHUNK);
      if (!(await stream.send(chunk.map(entry => encode('ADDED', viewOf(entry, served))).join(''))))
        return false;
    }
    this.#count(entries.length);
    if (!query.initialBookmark) return true;
    return stream.send(encode('BOOKMARK', bookmark(this.#request, revision, true)));
  }

  async #follow(watch: Watch): Promise<void> {
    const { stream } = this.#parts;
    this.#following = true;
    for await (const events of watch) {
      const data = this.#encode(events);
      if (data.length > 0 && !(await stream.send(data))) return;
    }
  }

  #encode(events: readonly StoreEvent[]): string | Buffer {
    const { encode, query, shared, wanted } = this.#parts;
    const { select } = query;
    if (select.all && wanted.as === undefined) {
      this.#count(events.length);
      this.#told = events.at(-1)?.revision ?? this.#told;
      return shared.encode(events, this.#request);
    }
    let data = '';
    let sent = 0;
    for (const event of events) {
      const selected = selectEvent(event, this.#request, select);
      if (!selected) continue;
      data += encode(selected.type, selected.view);
      this.#told = event.revision;
      sent++;
    }
    this.#count(sent);
    return data;
  }

  /** Never ahead of what was sent: the watch knows up to where everything was taken from it. */
  async #sendBookmark(watch: Watch): Promise<void> {
    const { encode, stream } = this.#parts;
    const { revision } = watch;
    if (!this.#following || revision <= this.#lastBookmark) return;
    this.#lastBookmark = revision;
    this.#told = revision;
    await stream.send(encode('BOOKMARK', bookmark(this.#request, revision)));
  }

  async #fail(error: unknown): Promise<void> {
    const { stream } = this.#parts;
    if (error instanceof StoreError && error.code === 'TooSlow') stream.cutOff();
    else if (!(error instanceof StoreError && error.code === 'Closed'))
      await stream.send(errorLine(this.#refusal(error).toStatus()));
  }

  #refusal(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    if (error instanceof StoreError && error.code === 'Compacted') {
      const { from } = this.#parts.query;
      return expired(`too old resource version: ${from} (${this.#context.store.compactRevision})`);
    }
    this.#context.log.error({ error: String(error) }, 'a watch failed');
    return new ApiError('InternalError', 'the watch failed; the log of the server says why');
  }

  #count(events: number): void {
    const { group, plural } = this.#request.served.resource;
    if (events > 0) this.#context.metrics.watchEvents(group, plural, events);
  }
}
