import { followList } from '../../cli/wait/follow-list.ts';
import { mayComeBack } from '../../cli/wait/may-come-back.ts';
import type { Client, ObjectKey } from '../../controller/client/client.ts';
import { systemClock } from '../../controller/kit/clock.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeList, KubeObject } from '../../crds/object.ts';
import { patience } from './until.ts';

interface Wait<T, R> {
  /** Truthy: that is what was waited for. */
  look: (now: T) => R | undefined | false;
  /** On a machine with nothing else to do: see `patience`. */
  timeoutMs: number;
  /** For the error: what was waited for, and what there was last. */
  what: (last: T) => string;
}

/** Follows objects by watch until `look` holds of them all. A server that is away, even at first, is waited for. */
export async function untilObjects<T extends KubeObject, R>(
  client: Client,
  resource: Resource<T>,
  query: { namespace?: string; fieldSelector?: string },
  { look, timeoutMs, what }: Wait<T[], R>,
): Promise<R> {
  const waitMs = patience(timeoutMs);
  const signal = AbortSignal.timeout(waitMs);
  const options = { signal, clock: systemClock };
  const known = new Map<string, T>();
  const idOf = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
  while (!signal.aborted) {
    try {
      const followed = followList<KubeList<T>>(
        client,
        resource,
        { ...query, accept: 'application/json' },
        options,
      );
      for await (const item of followed) {
        if (item.type === 'LIST') {
          known.clear();
          for (const object of item.list.items) known.set(idOf(object), object);
        } else if (item.type === 'DELETED') known.delete(idOf(item.object));
        else known.set(idOf(item.object), item.object as T);
        const found = look([...known.values()]);
        if (found) return found;
      }
    } catch (error) {
      if (!mayComeBack(error)) throw error;
    }
    await systemClock.sleep(50, signal).catch(() => {});
  }
  throw new Error(`waited ${waitMs / 1000} s for ${what([...known.values()])}`);
}

/** The same of one object; undefined when it is not there. */
export function untilObject<T extends KubeObject, R>(
  client: Client,
  resource: Resource<T>,
  { name, namespace }: ObjectKey,
  { look, timeoutMs, what }: Wait<T | undefined, R>,
): Promise<R> {
  const query = { fieldSelector: `metadata.name=${name}`, ...(namespace !== undefined && { namespace }) };
  return untilObjects(client, resource, query, {
    look: ([object]) => look(object),
    timeoutMs,
    what: ([last]) => what(last),
  });
}
