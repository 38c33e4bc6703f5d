import type { Client } from '../../controller/client/client.ts';
import { slept } from '../../controller/kit/abort.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { jsonEqual, mergePatch } from '../../controller/kit/json.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { getCondition } from '../../controller/runtime/conditions.ts';
import { PLACEMENT } from '../../crds/kinds.ts';
import type { Placement, PlacementStatus } from '../../crds/types.generated.ts';

/**
 * Writes Placement.status, in the background: only what differs, the latest alone, each placement at most once in
 * `minIntervalMs`, again and again while the server is away.
 */
export interface StatusWriter {
  /** `placement` as the cache has it. */
  submit(placement: Placement, status: PlacementStatus): void;
  /** Resolves when nothing is being written for it any more; what waits is dropped. */
  forget(name: string): Promise<void>;
  /** Resolves when everything that was submitted is written, or `signal` is aborted. */
  flush(signal: AbortSignal): Promise<void>;
}

export interface StatusWriterOptions {
  client: Client;
  namespace: string;
  clock: Clock;
  log: Logger;
  random: () => number;
  /** Ends retries. */
  signal: AbortSignal;
  onWrite?: (result: 'written' | 'failed') => void;
  /** Defaults to 150. */
  minIntervalMs?: Milliseconds;
}

interface Entry {
  uid: string;
  /** What the server has, as far as is known. */
  baseline: PlacementStatus | undefined;
  /** Of our last write, while the cache may not show it yet. */
  own?: { resourceVersion: string; at: Milliseconds };
  wanted?: PlacementStatus;
  lastWriteAt: Milliseconds;
  writing?: Promise<void>;
  stop: AbortController;
}

/** After so long the cache is believed again, whatever it shows. */
const CACHE_LAG_MS = 10_000;

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, namespace, clock, log, random } = options;
  const entries = new Map<string, Entry>();
  const interval = options.minIntervalMs ?? 150;

  const write = async (name: string, entry: Entry): Promise<void> => {
    const signal = AbortSignal.any([options.signal, entry.stop.signal]);
    const backoff = new Backoff({ baseMs: 250, maxMs: 15_000 }, random);
    while (entry.wanted && !signal.aborted) {
      const wait = entry.lastWriteAt + interval - clock.now();
      if (wait > 0 && !(await slept(clock, wait, signal))) return;
      const { wanted } = entry;
      const patch = mergePatch({ status: entry.baseline }, { status: wanted });
      if (!patch) {
        if (entry.wanted === wanted) entry.wanted = undefined;
        continue;
      }
      try {
        entry.lastWriteAt = clock.now();
        const body = { metadata: { uid: entry.uid }, ...patch };
        const key = { namespace, name };
        const written = await client.patch(PLACEMENT, key, 'merge', body, { subresource: 'status', signal });
        options.onWrite?.('written');
        log.debug(
          { placement: name, changed: whatChanged(entry.baseline, wanted) },
          'the status was written',
        );
        entry.baseline = written.status ?? wanted;
        entry.own = { resourceVersion: written.metadata.resourceVersion ?? '', at: clock.now() };
        // What the server made of it counts as written, or a pruned field would be sent for ever.
        if (entry.wanted === wanted) entry.wanted = undefined;
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (isApiError(error, 'NotFound')) {
          if (entry.wanted === wanted) entry.wanted = undefined;
          return;
        }
        options.onWrite?.('failed');
        const level =
          backoff.attempt === 0 && !isApiError(error, 'Unreachable', 'Conflict') ? 'warn' : 'debug';
        log[level]({ err: error, placement: name }, 'the status was not written; it is tried again');
        if (!(await slept(clock, backoff.next() + 50, signal))) return;
      }
    }
  };

  const start = (name: string, entry: Entry) => {
    entry.writing ??= write(name, entry).finally(() => {
      entry.writing = undefined;
      if (entry.wanted && !entry.stop.signal.aborted && !options.signal.aborted) start(name, entry);
    });
  };

  const entryOf = ({ metadata, status }: Placement): Entry => {
    const { name } = metadata;
    const there = entries.get(name);
    if (there && there.uid === metadata.uid) return there;
    there?.stop.abort();
    const fresh: Entry = {
      uid: metadata.uid ?? '',
      baseline: status,
      lastWriteAt: Number.NEGATIVE_INFINITY,
      stop: new AbortController(),
    };
    entries.set(name, fresh);
    return fresh;
  };

  return {
    submit(placement, status) {
      const entry = entryOf(placement);
      const { own } = entry;
      const isSeen = own && placement.metadata.resourceVersion === own.resourceVersion;
      if (own && (isSeen || clock.now() - own.at > CACHE_LAG_MS)) entry.own = undefined;
      if (!entry.own && !entry.writing) entry.baseline = placement.status;
      if (!entry.writing && jsonEqual(entry.baseline, status)) return;
      entry.wanted = status;
      start(placement.metadata.name, entry);
    },
    async forget(name) {
      const entry = entries.get(name);
      entries.delete(name);
      if (!entry) return;
      entry.wanted = undefined;
      entry.stop.abort();
      await entry.writing;
    },
    async flush(signal) {
      while (!signal.aborted) {
        const writing = [...entries.values()].flatMap(entry => entry.writing ?? []);
        if (writing.length === 0) return;
        const ended = new Promise<void>(done =>
          signal.addEventListener('abort', () => done(), { once: true }),
        );
        await Promise.race([Promise.all(writing), ended]);
      }
    },
  };
}

/** For a log: the fields, and of conditions what they say now. */
function whatChanged(before: PlacementStatus | undefined, now: PlacementStatus): string[] {
  const fields = Object.keys(now) as (keyof PlacementStatus)[];
  return fields
    .filter(field => field !== 'conditions' && !jsonEqual(before?.[field], now[field]))
    .map(field => (field === 'services' ? `services ${JSON.stringify(now.services)}` : field))
    .concat(
      (now.conditions ?? [])
        .filter(condition => !jsonEqual(condition, getCondition(before?.conditions, condition.type)))
        .map(({ type, status, reason }) => `${type} ${status} ${reason}`),
    );
}
