import { CRD } from '../../../crds/kinds.ts';
import { type Clock, timestamp } from '../../kit/clock.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { Logger } from '../../kit/log.ts';
import { type Entry, type Store, StoreError, type Watch } from '../../store/store.ts';
import { CRD_FINALIZER } from '../strategies/crd.ts';
import type { CustomResourceDefinition } from './crd.ts';
import { crdStatus } from './crd-status.ts';
import type { Registry } from './registry.ts';
import { prefixOf } from './served-resource.ts';

export interface CrdControllerParts {
  readonly store: Store;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

const PREFIX = prefixOf(CRD);
const RETRY_MS = 1000;

/**
 * Keeps the registry as the CRDs in the store are, establishes new ones, and empties and releases those that are being
 * deleted. One a server.
 */
export class CrdController {
  readonly #parts: CrdControllerParts;
  #watch: Watch | undefined;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  /** Watches over the objects of CRDs that are being deleted, by the CRD's name. */
  readonly #cleanups = new Map<string, { watch: Watch; ended: Promise<void> }>();

  constructor(parts: CrdControllerParts) {
    this.#parts = parts;
  }

  /** Resolves when every CRD in the store is served; goes on watching until stop. */
  async start(): Promise<void> {
    const from = await this.#sync();
    this.#running = this.#follow(from);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.close();
    for (const { watch } of this.#cleanups.values()) watch.close();
    await Promise.allSettled([this.#running, ...[...this.#cleanups.values()].map(({ ended }) => ended)]);
  }

  /** Reads all CRDs. Returns the revision that was read. */
  async #sync(): Promise<number> {
    const { store, registry } = this.#parts;
    const { entries, revision } = store.list(PREFIX);
    const present = new Set(entries.map(entry => entry.object.metadata.name));
    for (const crd of registry.crds)
      if (!present.has(crd.metadata.name)) registry.removeCrd(crd.metadata.name);
    // First what is established, so that names are taken in the same order after a restart.
    for (const entry of entries) this.#serve(entry.object as CustomResourceDefinition);
    for (const entry of entries) await this.#settle(entry.key);
    return revision;
  }

  async #follow(from: number): Promise<void> {
    const { store, clock, log } = this.#parts;
    let revision = from;
    while (!this.#stopped) {
      try {
        this.#watch = store.watch(PREFIX, revision);
        for await (const events of this.#watch) {
          for (const event of events) {
            if (event.type === 'DELETE') await this.#remove(event.entry.object.metadata.name);
            else await this.#settle(event.entry.key);
            revision = event.revision;
          }
        }
        return;
      } catch (error) {
        if (this.#stopped || (error instanceof StoreError && error.code === 'Closed')) return;
        log.warn(
          { error: String(error) },
          'the watch of resource definitions broke off and is started again',
        );
        await clock.sleep(RETRY_MS);
        if (!this.#stopped) revision = await this.#sync();
      }
    }
  }

  /** One that cannot be served, written by another version of this server perhaps, must not keep the others from it. */
  #serve(crd: CustomResourceDefinition): void {
    const { registry, log } = this.#parts;
    try {
      registry.setCrd(crd);
    } catch (error) {
      registry.removeCrd(crd.metadata.name);
      log.error({ error: String(error), crd: crd.metadata.name }, 'a definition cannot be served');
    }
  }

  /** Brings one CRD and what is served of it to where it should be. */
  async #settle(key: string): Promise<void> {
    const { store, registry, clock } = this.#parts;
    for (;;) {
      const entry = store.get(key);
      if (!entry) return;
      const crd = entry.object as CustomResourceDefinition;
      this.#serve(crd);
      if (crd.metadata.deletionTimestamp) return this.#cleanUp(entry);
      const status = crdStatus(crd, registry.crds, timestamp(clock.now()));
      if (jsonEqual(status, crd.status)) return;
      await this.#write(key, { ...crd, status } as CustomResourceDefinition, entry.revision);
    }
  }

  /** Its names are free now: others may have waited for them. */
  async #remove(name: string): Promise<void> {
    const { registry, store } = this.#parts;
    registry.removeCrd(name);
    this.#cleanups.get(name)?.watch.close();
    for (const entry of store.list(PREFIX).entries) await this.#settle(entry.key);
  }

  /** Deletes every object of the CRD, waits for those that finalizers hold, then releases the CRD. */
  #cleanUp(entry: Entry): void {
    const crd = entry.object as CustomResourceDefinition;
    const { name } = crd.metadata;
    if (!crd.metadata.finalizers?.includes(CRD_FINALIZER) || this.#cleanups.has(name) || this.#stopped)
      return;
    const prefix = prefixOf({ group: crd.spec.group, plural: crd.spec.names.plural });
    const watch = this.#parts.store.watch(prefix, this.#parts.store.revision);
    const ended = this.#empty(entry.key, prefix, watch)
      .catch(error =>
        this.#parts.log.warn({ error: String(error), crd: name }, 'a definition could not be emptied'),
      )
      .finally(() => this.#cleanups.delete(name));
    this.#cleanups.set(name, { watch, ended });
  }

  async #empty(crd: string, prefix: string, watch: Watch): Promise<void> {
    const { store, clock } = this.#parts;
    for (const { key } of store.list(prefix).entries) await this.#deleteObject(key, timestamp(clock.now()));
    if (store.count(prefix) > 0) for await (const _ of watch) if (store.count(prefix) === 0) break;
    watch.close();
    if (this.#stopped) return;
    await this.#release(crd);
  }

  async #release(key: string): Promise<void> {
    const { store } = this.#parts;
    const entry = store.get(key);
    if (!entry) return;
    const { metadata } = entry.object;
    const finalizers = metadata.finalizers?.filter(finalizer => finalizer !== CRD_FINALIZER) ?? [];
    if (finalizers.length === 0) await this.#try(() => store.delete(key, entry.revision));
    else await this.#write(key, { ...entry.object, metadata: { ...metadata, finalizers } }, entry.revision);
  }

  async #deleteObject(key: string, now: string): Promise<void> {
    const { store } = this.#parts;
    for (;;) {
      const entry = store.get(key);
      if (!entry || entry.object.metadata.deletionTimestamp) return;
      const { metadata } = entry.object;
      if (!metadata.finalizers?.length) await this.#try(() => store.delete(key, entry.revision));
      else {
        const marked = { ...metadata, deletionTimestamp: now, deletionGracePeriodSeconds: 0 };
        await this.#write(key, { ...entry.object, metadata: marked }, entry.revision);
      }
    }
  }

  #write(key: string, object: CustomResourceDefinition | Entry['object'], revision: number): Promise<void> {
    return this.#try(() => this.#parts.store.update(key, object, revision));
  }

  /** A write that somebody else was faster than is looked at again by whoever reads next. */
  async #try(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof StoreError && (error.code === 'Conflict' || error.code === 'NotFound')))
        throw error;
    }
  }
}
