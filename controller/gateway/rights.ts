import type { Client } from '../client/client.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import { mayConnect } from './access.ts';
import type { UserChannel } from './jump-host.ts';

/** How often the rights to open channels are asked again, whatever happens. */
const LOOK_MS = 15_000;

/** Asks again, now and then, whether those who have channels open still may; closes those who may not. */
export function watchRights(
  { client, clock, log }: { client: Client; clock: Clock; log: Logger },
  open: () => UserChannel[],
): { look(): Promise<void>; stop(): void } {
  const stopped = new AbortController();
  let cancel = () => {};
  const look = async () => {
    const groups = Map.groupBy(
      open(),
      ({ user, namespace, workspace }) => `${user}/${namespace}/${workspace}`,
    );
    for (const channels of groups.values()) {
      const [first] = channels;
      if (!first) continue;
      try {
        if (await mayConnect(client, first, stopped.signal)) continue;
      } catch (error) {
        // Sessions outlive an API that is away; nobody new comes in meanwhile.
        if (!stopped.signal.aborted) log.debug({ err: error }, 'rights could not be asked');
        return;
      }
      for (const channel of channels) channel.close('the right to it was taken away');
    }
  };
  const again = () => {
    cancel = clock.after(LOOK_MS, () => void look().finally(() => !stopped.signal.aborted && again()));
  };
  again();
  return {
    look,
    stop() {
      stopped.abort();
      cancel();
    },
  };
}
