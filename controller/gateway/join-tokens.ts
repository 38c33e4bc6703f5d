import { SECRET } from '../../crds/kinds.ts';
import { SYSTEM_NAMESPACE } from '../../crds/names.ts';
import type { Client } from '../client/client.ts';
import { slept } from '../kit/abort.ts';
import type { Clock } from '../kit/clock.ts';
import { isApiError } from '../kit/errors.ts';
import {
  JOIN_TOKEN_TYPE,
  joinTokenSecretName,
  type KeptToken,
  opensToken,
  readKeptToken,
  tokenIdOf,
} from '../kit/join-token.ts';
import type { Logger } from '../kit/log.ts';

const SWEEP_MS = 600_000;

const keyOf = (id: string) => ({ name: joinTokenSecretName(id), namespace: SYSTEM_NAMESPACE });

/** The token whose secret a password is, expired or not; undefined when there is none, or none any more. */
export async function findToken(client: Client, password: string): Promise<KeptToken | undefined> {
  const id = tokenIdOf(password);
  if (id === undefined) return undefined;
  const secret = await client.get(SECRET, keyOf(id)).catch(error => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
  const token = secret && readKeptToken(secret);
  return token && opensToken(secret, password) ? token : undefined;
}

/** Takes a token out of use: true for one caller alone, however many show it. */
export async function useUp(client: Client, { id, uid, resourceVersion }: KeptToken): Promise<boolean> {
  try {
    await client.delete(SECRET, keyOf(id), { preconditions: { uid, resourceVersion } });
    return true;
  } catch (error) {
    if (isApiError(error, 'NotFound', 'Conflict')) return false;
    throw error;
  }
}

/** Removes tokens that have expired, now and then, until `signal` is aborted. */
export async function sweepTokens(
  { client, clock, log }: { client: Client; clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  do {
    try {
      const labelSelector = `${JOIN_TOKEN_TYPE}=true`;
      const { items } = await client.list(SECRET, { namespace: SYSTEM_NAMESPACE, labelSelector, signal });
      for (const token of items.flatMap(item => readKeptToken(item) ?? []))
        if (token.expires <= clock.now() && (await useUp(client, token)))
          log.info({ tokenId: token.id }, 'a join token that has expired was removed');
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'join tokens could not be looked through');
    }
  } while (await slept(clock, SWEEP_MS, signal));
}
