import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { sha256 } from '../../../controller/kit/hash.ts';
import { LABEL_NODE } from '../../../crds/names.ts';
import { DriverError } from '../../driver.ts';
import { cannotEnforce } from '../network/firewall.ts';
import { smallestMtu } from '../network/host-network.ts';
import type { NodeNetwork } from '../network/network-keeper.ts';
import { isStatus, lxdCall } from './api/lxd-error.ts';
import type { Config, LxdNetwork } from './api/types.ts';
import type { LxcContext } from './context.ts';
import { listInstances } from './instances.ts';
import { isOf, labelOf, toLabelConfig } from './names.ts';
import { chooseSubnet, parseSubnet, rangeText, type Subnet, subnetsOfRoutes } from './subnet.ts';

/** The bridge that instances are attached to. */
export interface LxcNetwork {
  name: string;
  subnet: Subnet;
  /** Whether it is the operator's, and its packet filter with it. */
  isGiven: boolean;
}

/** At most 15 characters, and another one than the Docker driver's of the same node. */
export function networkName(node: string): string {
  return `nexus${sha256(`lxc/${node}`).slice(0, 8)}`;
}

/** For the keeper of the network and its rules. */
export function lxcNetwork(context: LxcContext): NodeNetwork<LxcNetwork> {
  const { node, network: given, allowHostPorts } = context;
  const bridge = given ?? networkName(node);
  return {
    bridge,
    inspect: () => inspectNetwork(context),
    ensure: () => ensureNetwork(context),
    remove: () => (given === undefined ? removeNetwork(context) : Promise.resolve(false)),
    isUsed: async () => (await listInstances(context)).some(({ config }) => isOf(config, node)),
    async obstacle() {
      if (given !== undefined)
        return `The network ${given} was given by --lxd-network, and its packet filter is left to who made it.`;
      return noRules();
    },
    async firewall({ subnet }) {
      // Its name server is on the bridge.
      return {
        bridge,
        subnet: rangeText(subnet),
        hostPorts: allowHostPorts,
        nameServers: [subnet.gateway],
        dhcp: true,
        hasIpv6: true,
      };
    },
  };
}

const noRules = () => cannotEnforce({ local: true, rootless: false }, process.getuid?.());

/**
 * LXD's own rules stay behind where its iptables is one over nftables, and let into networks of other engines. They are
 * used where we cannot set any.
 */
const filterConfig = (): Config =>
  noRules() === undefined
    ? { 'ipv4.firewall': 'false', 'ipv4.nat': 'false' }
    : { 'ipv4.firewall': 'true', 'ipv4.nat': 'true' };

const pathOf = (name: string) => `/1.0/networks/${encodeURIComponent(name)}`;

/** Undefined when there is none. Throws Invalid when it is somebody else's, or the one that was asked for does not do. */
export function inspectNetwork({ lxd, node, network: given }: LxcContext): Promise<LxcNetwork | undefined> {
  const name = given ?? networkName(node);
  return lxdCall(`look at network ${name}`, async () => {
    const found = await lxd.find<LxdNetwork>(pathOf(name));
    if (!found && given === undefined) return undefined;
    const subnet = parseSubnet(found?.config['ipv4.address']);
    if (!found?.managed || found.type !== 'bridge' || !subnet)
      throw new DriverError(
        'Invalid',
        given === undefined
          ? `a network named ${name} is there that is no bridge with IPv4; rename or remove it`
          : `LXD has no bridge ${name} of its own with IPv4, as --lxd-network says; see \`lxc network list\``,
      );
    if (given === undefined && labelOf(found.config, LABEL_NODE) !== node)
      throw new DriverError(
        'Invalid',
        `a network named ${name} is there that does not belong to this node; rename or remove it`,
      );
    return { name, subnet, isGiven: given !== undefined };
  });
}

async function ensureNetwork(context: LxcContext): Promise<LxcNetwork> {
  const there = await inspectNetwork(context);
  if (there) return there;
  const { lxd, node } = context;
  const name = networkName(node);
  await lxdCall(`make network ${name}`, async () => {
    const subnet = await freeSubnet(context);
    const mtu = await smallestMtu();
    try {
      await lxd.change('POST', '/1.0/networks', {
        body: {
          name,
          type: 'bridge',
          description: `Workspaces of the Nexus node ${node}`,
          config: {
            ...toLabelConfig({ [LABEL_NODE]: node }),
            'ipv4.address': `${subnet.gateway}/${subnet.bits}`,
            ...filterConfig(),
            'ipv6.address': 'none',
            // Instances need not find each other.
            'dns.mode': 'none',
            ...(mtu < 1500 && { 'bridge.mtu': String(mtu) }),
          },
        },
      });
    } catch (error) {
      if (/dnsmasq.*(is required|not found)/is.test((error as Error).message))
        throw new DriverError(
          'EngineUnavailable',
          'LXD needs dnsmasq for a network; on Debian: apt-get install dnsmasq-base',
          { cause: error },
        );
      // Somebody was faster.
      if (!(await inspectNetwork(context))) throw error;
    }
  });
  const made = await inspectNetwork(context);
  if (!made) throw new DriverError('Internal', `the network ${name} went away while it was made`);
  return made;
}

/** Apart from what this machine has routes to and from LXD's other networks. */
async function freeSubnet({ lxd, node }: LxcContext): Promise<Subnet> {
  const networks = await lxd.list<LxdNetwork>('/1.0/networks?recursion=1');
  const taken = [
    ...networks.flatMap(({ config }) => parseSubnet(config?.['ipv4.address']) ?? []),
    ...subnetsOfRoutes(existsSync('/proc/net/route') ? await readFile('/proc/net/route', 'utf8') : ''),
  ];
  const subnet = chooseSubnet(node, taken);
  if (!subnet)
    throw new DriverError('Internal', 'no private IPv4 network is free; name a bridge with --lxd-network');
  return subnet;
}

/** Gone is success; so is one that is in use, which then stays. True when it is gone. */
function removeNetwork({ lxd, node }: LxcContext): Promise<boolean> {
  const name = networkName(node);
  return lxdCall(`remove network ${name}`, async () => {
    const found = await lxd.find<LxdNetwork>(pathOf(name));
    if (!found || labelOf(found.config, LABEL_NODE) !== node) return !found;
    try {
      await lxd.change('DELETE', pathOf(name));
      return true;
    } catch (error) {
      if (isStatus(error, 404)) return true;
      if (isStatus(error, 400) && /in use/i.test((error as Error).message)) return false;
      throw error;
    }
  });
}
