import { CRD, type Resource } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../crds/object.ts';
import { childAbort, slept } from '../../kit/abort.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { createInformer } from '../../runtime/informer.ts';
import type { Part } from '../../runtime/manager.ts';
import type { Informer } from '../../runtime/reconciler.ts';
import type { ReconcilerDeps } from '../deps.ts';
import { discoverKinds, kindId } from './discover-kinds.ts';

/** Discovery is read again this often, and shortly after each change of a CustomResourceDefinition. */
const REFRESH_MS: Milliseconds = 300_000;
const RETRY_MS: Milliseconds = 5_000;
/** A changed definition is served within a second; looked for at once, then again. */
const SETTLE_MS: readonly Milliseconds[] = [200, 2_000];

export interface Kind {
  id: string;
  resource: Resource;
  informer: Informer<KubeObject>;
}

type Handler = (kind: Kind, change: { old?: KubeObject; now?: KubeObject }) => void;

/** A cache of every kind that the server serves, those of definitions added while running too. */
export interface KindSet extends Part {
  readonly ready: Promise<void>;
  all(): Kind[];
  get(id: string): Kind | undefined;
  /** By what an ownerReference says; the version does not matter. */
  find(apiVersion: string, kind: string): Kind | undefined;
  onChange(handler: Handler): () => void;
  /** Called when the cache of a kind that was added is there. */
  onKind(handler: () => void): () => void;
}

/** `shared`: caches that somebody else runs. Other kinds are kept as their metadata alone. */
export function createKindSet(
  deps: ReconcilerDeps,
  shared: Iterable<[Resource, Informer<KubeObject>]>,
): KindSet {
  const { client, clock, log, metrics, random } = deps;
  const given = new Map([...shared].map(([resource, informer]) => [kindId(resource), informer]));
  const kinds = new Map<string, Kind & { stop: () => Promise<void> }>();
  const handlers = new Set<Handler>();
  const kindHandlers = new Set<() => void>();
  const { promise: ready, resolve: setReady } = Promise.withResolvers<void>();

  function add(resource: Resource, signal: AbortSignal): void {
    const id = kindId(resource);
    const own = given.get(id);
    const informer =
      own ?? createInformer({ client, resource, clock, log, metrics, random, transform: metadataOnly });
    const { controller, unlink } = childAbort(signal);
    const kind: Kind = { id, resource, informer };
    const off = informer.onChange(change => {
      for (const handler of handlers) handler(kind, change);
    });
    for (const now of informer.list()) for (const handler of handlers) handler(kind, { now });
    void informer.synced.then(() => {
      for (const handler of kindHandlers) handler();
    });
    const running = own ? Promise.resolve() : informer.run(controller.signal);
    kinds.set(id, {
      ...kind,
      async stop() {
        off();
        controller.abort();
        unlink();
        await running;
      },
    });
  }

  async function refresh(signal: AbortSignal): Promise<void> {
    const found = await discoverKinds(client, signal);
    const wanted = new Map(found.kinds.map(resource => [kindId(resource), resource]));
    for (const [id, kind] of [...kinds]) {
      const now = wanted.get(id);
      const isSame = now?.version === kind.resource.version && now.namespaced === kind.resource.namespaced;
      if (isSame || (!now && !found.isComplete)) continue;
      kinds.delete(id);
      await kind.stop();
      for (const old of kind.informer.list()) for (const handler of handlers) handler(kind, { old });
    }
    for (const [id, resource] of wanted) if (!kinds.has(id)) add(resource, signal);
    if (!found.isComplete) throw new Error('a group of the API did not answer');
  }

  return {
    name: 'kinds',
    ready,
    all: () => [...kinds.values()],
    get: id => kinds.get(id),
    find(apiVersion, kind) {
      const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
      for (const known of kinds.values())
        if (known.resource.kind === kind && known.resource.group === group) return known;
      return undefined;
    },
    onChange(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    onKind(handler) {
      kindHandlers.add(handler);
      return () => kindHandlers.delete(handler);
    },
    async run(signal) {
      /** Delays until the next looks; the last one stays. */
      let plan: Milliseconds[] = [];
      let wake = () => {};
      const off = this.onChange((kind, { old, now }) => {
        if (kind.id !== kindId(CRD) || old?.metadata.generation === now?.metadata.generation) return;
        plan = [...SETTLE_MS];
        wake();
      });
      while (!signal.aborted) {
        try {
          await refresh(signal);
          await Promise.race([
            Promise.all([...kinds.values()].map(({ informer }) => informer.synced)).then(() => setReady()),
            slept(clock, RETRY_MS, signal),
          ]);
        } catch (error) {
          if (signal.aborted) break;
          log.debug({ err: error }, 'cannot read what kinds there are');
          plan.push(RETRY_MS);
        }
        const { controller, unlink } = childAbort(signal);
        wake = () => controller.abort();
        await slept(clock, plan.shift() ?? REFRESH_MS, controller.signal);
        unlink();
      }
      off();
      await Promise.all([...kinds.values()].map(kind => kind.stop()));
      kinds.clear();
    },
  };
}

function metadataOnly(object: KubeObject): KubeObject {
  const { managedFields: _, annotations: __, ...metadata } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, metadata };
}
