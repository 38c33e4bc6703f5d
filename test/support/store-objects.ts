import type { StoreEvent, Watch } from '../../controller/store/store.ts';
import type { KubeObject } from '../../crds/object.ts';

/** An object as the store sees it; `value` tells one state of it from another. */
export interface Sample extends KubeObject {
  spec: { value: unknown };
}

export function sample(name: string, value: unknown = 0): Sample {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name, namespace: 'default', uid: `uid-${name}` },
    spec: { value },
  };
}

export function keyOf(name: string, namespace = 'default'): string {
  return `/nexus.dev/workspaces/${namespace}/${name}`;
}

export function specValue(object: KubeObject | undefined): unknown {
  return (object as Sample | undefined)?.spec.value;
}

/** The next `count` events of a watch. Fails when the watch ends before. */
export async function take(watch: Watch, count: number): Promise<StoreEvent[]> {
  const events: StoreEvent[] = [];
  const iterator = watch[Symbol.asyncIterator]();
  while (events.length < count) {
    const { done, value } = await iterator.next();
    if (done) throw new Error(`the watch ended after ${events.length} of ${count} events`);
    events.push(...value);
  }
  return events;
}

/** `+a`, `~a`, `-a` for a create, an update and a delete of the object named a. */
export function brief(event: StoreEvent): string {
  const verb = event.type === 'DELETE' ? '-' : event.previous ? '~' : '+';
  return verb + event.entry.object.metadata.name;
}
