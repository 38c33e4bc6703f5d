import { CONFIG_MAP } from '../../crds/kinds.ts';
import { ANNOTATION_ROTATE_HOST_KEY, GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { ConfigMap } from '../../crds/object.ts';
import type { Client } from '../client/client.ts';
import type { Clock, Milliseconds } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import { done, type Informer, type Reconciler } from '../runtime/reconciler.ts';
import {
  dropNextHostKey,
  type HostKeys,
  loadHostKeys,
  makeNextHostKey,
  takeNextHostKey,
} from './host-keys.ts';

/** Twice as long as agents take to look (agent/uplink/follow-gateway.ts). */
export const HEARD_AFTER_MS: Milliseconds = 600_000;
/** Timers are not set for longer. */
const LOOK_AGAIN_MS: Milliseconds = 3_600_000;
const KEY = { name: GATEWAY_CONFIG_MAP, namespace: SYSTEM_NAMESPACE };

export interface RotateHostKeyOptions {
  /** Of the keys. */
  dir: string;
  client: Client;
  clock: Clock;
  log: Logger;
  published: Informer<ConfigMap>;
  /** Answers with the key, and tells everybody which ones to expect. */
  use(keys: HostKeys): Promise<void>;
  /** Least time that the next key is published. Defaults to ten minutes. */
  heardAfterMs?: Milliseconds;
}

/**
 * Replaces the gateway's host key when the annotation on what it publishes asks for it: the next one is made and published
 * at once, and takes over at the time that the annotation says, when it has been published for long enough. Without the
 * annotation a next key is dropped.
 */
export function createHostKeyRotation(options: RotateHostKeyOptions): Reconciler {
  const { dir, client, clock, log, published, use, heardAfterMs = HEARD_AFTER_MS } = options;
  return {
    name: 'gateway-host-key',
    async reconcile({ name }, { signal }) {
      const found = name === KEY.name && published.get(KEY.name, KEY.namespace);
      if (!found) return done;
      const dueMs = Date.parse(found.metadata.annotations?.[ANNOTATION_ROTATE_HOST_KEY] ?? '');
      const { nextSince } = await loadHostKeys(dir);
      if (Number.isNaN(dueMs)) {
        if (nextSince === undefined) return done;
        await dropNextHostKey(dir);
        await use(await loadHostKeys(dir));
        log.info({}, 'the host key is not replaced: the next one was dropped');
        return done;
      }
      if (nextSince === undefined) {
        await makeNextHostKey(dir);
        log.info({ at: new Date(dueMs).toISOString() }, 'the next host key was made and is published');
      }
      const keys = await loadHostKeys(dir);
      // Also when it is not new: a crash may have come before it was told.
      await use(keys);
      const leftMs = Math.max(dueMs, (keys.nextSince ?? clock.now()) + heardAfterMs) - clock.now();
      if (leftMs > 0) return { kind: 'requeueAfter', ms: Math.min(leftMs, LOOK_AGAIN_MS) };
      await takeNextHostKey(dir);
      await use(await loadHostKeys(dir));
      log.warn({}, 'the gateway answers with its next host key from now on');
      const metadata = { annotations: { [ANNOTATION_ROTATE_HOST_KEY]: null } };
      await client.patch(CONFIG_MAP, KEY, 'merge', { metadata }, { signal });
      return done;
    },
  };
}
