import type { Instance, InstanceState } from '../../driver.ts';
import { type Device, type LxdInstance, STATUS } from './api/types.ts';
import { startsByItself } from './instance-options.ts';
import { limitsOf } from './limits.ts';
import { instanceId, KEY, labelsOf } from './names.ts';

/** What LXD says of an instance, as the contract shows it. `volumes`: names by the contract, by pool and LXD's name. */
export function toInstance(
  found: LxdInstance,
  { volumes, isReachable }: { volumes: ReadonlyMap<string, string>; isReachable: boolean },
): Instance {
  const { config, devices } = found;
  const state = stateOf(found);
  const all = Object.values(devices);
  const address = all.find(({ type }) => type === 'nic')?.['ipv4.address'];
  return {
    id: instanceId(found.name, config),
    name: config[KEY.name] ?? found.name,
    state,
    labels: labelsOf(config),
    imageId: `sha256:${config['volatile.base_image'] ?? ''}`,
    limits: limitsOf(config),
    autoStart: startsByItself(config),
    ...(state === 'Running' && isReachable && address !== undefined && { address }),
    publish: all.flatMap(publishOf),
    mounts: Object.fromEntries(
      all.flatMap(({ type, pool, source, path }) => {
        const name = type === 'disk' ? volumes.get(`${pool}/${source}`) : undefined;
        return name === undefined || path === undefined ? [] : [[path, name]];
      }),
    ),
    ...(wasStarted(found) && { startedAt: found.last_used_at }),
  };
}

/** One that is frozen, or on its way, does not run: start() brings it back. */
function stateOf(found: LxdInstance): InstanceState {
  if (found.status_code === STATUS.running || found.status_code === STATUS.thawed) return 'Running';
  return wasStarted(found) ? 'Stopped' : 'Created';
}

/** LXD writes a time of long ago, or none, until then. */
function wasStarted({ last_used_at: at }: LxdInstance): boolean {
  return Date.parse(at) > 24 * 3600 * 1000;
}

export const publishDevice = ({
  containerPort,
  hostPort,
  hostAddress,
}: Instance['publish'][number]): Device => ({
  type: 'proxy',
  bind: 'host',
  listen: `tcp:${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:${hostPort}`,
  // Inside, so that it does not pass the rules between instances and the node.
  connect: `tcp:127.0.0.1:${containerPort}`,
});

function publishOf({ type, listen, connect }: Device): Instance['publish'] {
  if (type !== 'proxy') return [];
  const [, bracketed, plain, hostPort] = /^tcp:(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(listen ?? '') ?? [];
  const containerPort = /^tcp:.+:(\d+)$/.exec(connect ?? '')?.[1];
  const hostAddress = bracketed ?? plain;
  return hostAddress === undefined || hostPort === undefined || containerPort === undefined
    ? []
    : [{ containerPort: Number(containerPort), hostPort: Number(hostPort), hostAddress }];
}
