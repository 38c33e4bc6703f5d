import { NODE_COMMAND } from '../../../crds/kinds.ts';
import type { NodeCommand } from '../../../crds/types.generated.ts';
import type { Client } from '../../client/client.ts';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { done, type Informer, type Reconciler } from '../../runtime/reconciler.ts';

/** Results can be read for this long after the command was asked for. */
export const COMMAND_TTL_MS: Milliseconds = 3_600_000;

/** Forgets a NodeCommand an hour after it was asked for, done or not. */
export function createCommandExpiry(options: {
  client: Client;
  clock: Clock;
  commands: Informer<NodeCommand>;
}): Reconciler {
  const { client, clock, commands } = options;
  return {
    name: 'node-command-expiry',
    async reconcile(key, { signal }) {
      const command = commands.get(key.name, key.namespace);
      if (!command) return done;
      const { uid, creationTimestamp = '' } = command.metadata;
      const leftMs = Date.parse(creationTimestamp) + COMMAND_TTL_MS - clock.now();
      if (leftMs > 0) return { kind: 'requeueAfter', ms: leftMs };
      await client.delete(NODE_COMMAND, key, { preconditions: { uid }, signal }).catch(error => {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      });
      return done;
    },
  };
}
