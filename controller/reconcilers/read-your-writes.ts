import type { KubeObject } from '../../crds/object.ts';
import type { ObjectKey } from '../client/client.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import { formatKey, keyOf } from '../kit/paths.ts';
import type { Informer } from '../runtime/reconciler.ts';

/** A create that the cache has not shown for this long was undone before the cache could see it. */
const UNSEEN_MS: Milliseconds = 30_000;

/** A cache in which this process sees its own writes at once, though their watch events are still on the way. */
export interface OwnWrites<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  /** Notes a write: `before` is what it was based on, absent for a create. */
  wrote(before: T | undefined, after: T): void;
  /** Whether this version is the last one that this process wrote. */
  isOwn(object: T): boolean;
  /** Calls `fn` with what was made here and never seen: it was undone before the cache could show it. Returns an unsubscribe. */
  onUnseen(fn: (object: T) => void): () => void;
}

/**
 * Puts this process's own writes over an informer. Versions are compared for equality only: as long as the cache shows
 * a version that a write of ours was based on, ours is newer; as soon as it shows anything else, the cache is.
 */
export function readYourWrites<T extends KubeObject>(informer: Informer<T>, clock: Clock): OwnWrites<T> {
  /** `cancel`: of the wait for an object that the cache does not show. */
  const writes = new Map<string, { after: T; based: Set<string>; cancel: () => void }>();
  const written = new Map<string, string>();
  const handlers = new Set<(object: T) => void>();
  const versionOf = (object: T | undefined) => object?.metadata.resourceVersion ?? '';

  const drop = (key: string) => {
    writes.get(key)?.cancel();
    writes.delete(key);
  };
  const giveUp = (key: string, after: T) => {
    writes.delete(key);
    written.delete(key);
    for (const handler of handlers) handler(after);
  };

  informer.onChange(({ old, now }) => {
    const object = now ?? old;
    if (!object) return;
    const key = formatKey(object.metadata);
    if (!now) written.delete(key);
    const write = writes.get(key);
    if (write && !(now && write.based.has(versionOf(now)))) drop(key);
  });

  return {
    get(key) {
      const cached = informer.get(key.name, key.namespace);
      const write = writes.get(formatKey(key));
      if (!write) return cached;
      if (write.based.has(versionOf(cached))) return write.after;
      drop(formatKey(key));
      return cached;
    },
    wrote(before, after) {
      const key = formatKey(keyOf(after));
      written.set(key, versionOf(after));
      const cached = informer.get(after.metadata.name, after.metadata.namespace);
      if (versionOf(cached) === versionOf(after)) return;
      const based = writes.get(key)?.based ?? new Set<string>();
      writes.get(key)?.cancel();
      const cancel = cached ? () => {} : clock.after(UNSEEN_MS, () => giveUp(key, after));
      writes.set(key, { after, based: based.add(versionOf(before)), cancel });
    },
    isOwn: object => written.get(formatKey(object.metadata)) === versionOf(object),
    onUnseen(fn) {
      handlers.add(fn);
      return () => handlers.delete(fn);
    },
  };
}
