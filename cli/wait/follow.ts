import type { Client } from '../../controller/client/client.ts';
import { Backoff } from '../../controller/kit/backoff.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import { mayComeBack } from './may-come-back.ts';

/** What one object is now; undefined: it is not there. */
export type Seen<T extends KubeObject> = T | undefined;

/**
 * What an object is, now and after each change, until the caller stops or `signal` is aborted. Outlives a server that
 * goes away for a while: it is read again then.
 */
export async function* followObject<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  key: { name: string; namespace?: string },
  options: { signal: AbortSignal; clock: Clock },
): AsyncGenerator<Seen<T>> {
  const { signal, clock } = options;
  const backoff = new Backoff({ baseMs: 200, maxMs: 5000 });
  let answered = false;
  while (!signal.aborted) {
    try {
      const list = await client.list(resource, {
        namespace: key.namespace,
        fieldSelector: `metadata.name=${key.name}`,
        signal,
      });
      answered = true;
      backoff.reset();
      yield list.items[0];
      const watch = client.watch(resource, {
        namespace: key.namespace,
        fieldSelector: `metadata.name=${key.name}`,
        resourceVersion: list.metadata.resourceVersion,
        signal,
      });
      for await (const event of watch) {
        if (event.type === 'BOOKMARK') continue;
        yield event.type === 'DELETED' ? undefined : event.object;
      }
    } catch (error) {
      if (signal.aborted) return;
      // A first answer that is a refusal will stay one; later the server may only be starting again.
      if (!answered || !mayComeBack(error)) throw error;
    }
    await clock.sleep(backoff.next(), signal).catch(() => {});
  }
}
