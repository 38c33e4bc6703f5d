import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { LABEL_NODE } from '../../../crds/names.ts';
import { DriverError } from '../../driver.ts';
import { acknowledgeAtOnce } from '../network/acknowledge-at-once.ts';
import { cannotEnforce } from '../network/firewall.ts';
import { smallestMtu } from '../network/host-network.ts';
import type { NodeNetwork } from '../network/network-keeper.ts';
import { listOurs } from './containers.ts';
import type { DockerContext } from './context.ts';
import { engineCall, statusOf } from './errors.ts';

export interface NetworkFacts {
  /** Differs after it was removed and made again. */
  id: string;
  name: string;
  bridge: string;
  /** Addresses of the bridge on the node. */
  gateways: string[];
}

/** The network of a node's workspaces, and the bridge below it. */
export function networkName(node: string): { name: string; bridge: string } {
  const digest = createHash('sha256').update(node).digest('hex').slice(0, 8);
  return { name: `nexus-${node}`, bridge: `nexus${digest}` };
}

/** For the keeper of the network and its rules. */
export function dockerNetwork(context: DockerContext): NodeNetwork<NetworkFacts> {
  const obstacle = async () => cannotEnforce(await context.facts(), process.getuid?.());
  /** Whose packets are acknowledged at once. */
  let hastened: string | undefined;
  return {
    bridge: networkName(context.node).bridge,
    inspect: () => inspectNetwork(context),
    async ensure() {
      const network = await ensureNetwork(context);
      if (network.id !== hastened && !(await obstacle())) await acknowledgeAtOnce(network.bridge);
      hastened = network.id;
      return network;
    },
    remove: () => removeNetwork(context),
    isUsed: async () => (await listOurs(context)).length > 0,
    obstacle,
    async firewall({ bridge, gateways }) {
      const { kind } = await context.facts();
      return {
        bridge,
        hostPorts: context.allowHostPorts,
        userChain: 'DOCKER-USER',
        ...(kind === 'podman'
          ? // Its name server for containers listens on the bridge, which comes with the first of them; they keep their link-local addresses.
            { nameServers: gateways, comesLater: true, hasIpv6: true }
          : // Its name server is inside each container; IPv6 is switched off on a network without it.
            { nameServers: [], hasIpv6: false }),
      };
    },
  };
}

/** Undefined when there is none. Throws Invalid when it is somebody else's. */
export function inspectNetwork({ docker, node }: DockerContext): Promise<NetworkFacts | undefined> {
  const { name, bridge } = networkName(node);
  return engineCall(`look at network ${name}`, async () => {
    const found = await find(docker, name);
    if (!found) return undefined;
    if (found.Labels?.[LABEL_NODE] !== node)
      throw new DriverError(
        'Invalid',
        `a network named ${name} is there that does not belong to this node; rename or remove it`,
      );
    return {
      id: found.Id,
      name,
      bridge: found.Options?.['com.docker.network.bridge.name'] ?? bridge,
      gateways: (found.IPAM?.Config ?? []).flatMap(({ Gateway }) => (Gateway ? [Gateway] : [])),
    };
  });
}

/** Made if it is not there. Instances on it do not talk to each other where the engine can see to that. */
export async function ensureNetwork(context: DockerContext): Promise<NetworkFacts> {
  const there = await inspectNetwork(context);
  if (there) return there;
  const { kind } = await context.facts();
  const { docker, node } = context;
  const { name, bridge } = networkName(node);
  const mtu = await smallestMtu();
  await engineCall(`make network ${name}`, async () => {
    try {
      await docker.createNetwork({
        Name: name,
        Driver: 'bridge',
        CheckDuplicate: true,
        Labels: { [LABEL_NODE]: node },
        Options:
          kind === 'podman'
            ? { 'com.docker.network.bridge.name': bridge, isolate: 'true', mtu: String(mtu) }
            : {
                'com.docker.network.bridge.name': bridge,
                'com.docker.network.bridge.enable_icc': 'false',
                'com.docker.network.driver.mtu': String(mtu),
              },
      });
    } catch (error) {
      // Somebody was faster.
      if (statusOf(error) !== 409) throw error;
    }
  });
  const made = await inspectNetwork(context);
  if (!made) throw new DriverError('Internal', `the network ${name} went away while it was made`);
  return made;
}

/** Gone is success; so is one that is in use, which then stays. True when it is gone. */
export function removeNetwork({ docker, node }: DockerContext): Promise<boolean> {
  const { name } = networkName(node);
  return engineCall(`remove network ${name}`, async () => {
    const found = await find(docker, name);
    if (!found || found.Labels?.[LABEL_NODE] !== node) return !found;
    try {
      await docker.getNetwork(found.Id).remove();
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return true;
      // In use: Docker says 403, Podman 409.
      if (status === 403 || status === 409) return false;
      throw error;
    }
  });
}

async function find(docker: Docker, name: string): Promise<Docker.NetworkInspectInfo | undefined> {
  try {
    return (await docker.getNetwork(name).inspect()) as Docker.NetworkInspectInfo;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}
