import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, type Resource, ROLE, ROLE_BINDING } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Client } from '../client/client.ts';
import type { Clock } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import { createInformer } from '../runtime/informer.ts';
import type { Part } from '../runtime/manager.ts';
import { mayConnect } from './access.ts';
import type { UserChannel } from './jump-host.ts';

/** How often the rights to open channels are asked again, whatever happens. */
const LOOK_MS = 15_000;
/** Changes of roles come in groups. */
const GATHER_MS = 100;

export interface Rights {
  /** Tell of changed roles. Where they may not be read, the slow look is all there is. */
  readonly informers: Part[];
  stop(): void;
}

/** Asks again whether those who have channels open still may, after each change of roles and now and then; closes those who may not. */
export function watchRights(
  deps: { client: Client; clock: Clock; log: Logger; random: () => number },
  open: () => UserChannel[],
): Rights {
  const { client, clock, log } = deps;
  const stopped = new AbortController();
  let cancel = () => {};

  async function look(): Promise<void> {
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
  }
  let isGathering = false;
  const lookIn = (ms: number) => {
    cancel();
    cancel = clock.after(ms, () => {
      isGathering = false;
      void look().finally(() => !stopped.signal.aborted && !isGathering && lookIn(LOOK_MS));
    });
  };
  lookIn(LOOK_MS);
  const changed = () => {
    // What is opened later is asked for by itself.
    if (isGathering || stopped.signal.aborted || open().length === 0) return;
    isGathering = true;
    lookIn(GATHER_MS);
  };

  const follow = <T extends KubeObject>(resource: Resource<T>): Part => {
    const informer = createInformer<T>({ ...deps, resource, transform: nameAlone });
    informer.onChange(changed);
    return { name: `gateway ${resource.plural}`, run: informer.run };
  };
  return {
    informers: [follow(ROLE), follow(ROLE_BINDING), follow(CLUSTER_ROLE), follow(CLUSTER_ROLE_BINDING)],
    stop() {
      stopped.abort();
      cancel();
    },
  };
}

/** That something changed is all there is to know. */
function nameAlone<T extends KubeObject>({ apiVersion, kind, metadata }: T): T {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } } as T;
}
