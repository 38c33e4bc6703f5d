import { DriverError } from '../../driver.ts';
import { lxdCall } from './api/lxd-error.ts';
import type { LxcContext } from './context.ts';
import { listInstances } from './instances.ts';
import type { LxcNetwork } from './network.ts';
import { chooseAddress } from './subnet.ts';

/**
 * Addresses of instances on the bridge. They are given out here, and not by DHCP: an instance has its one from its first
 * moment on, whatever is in its image, and keeps it.
 */
export class Addresses {
  readonly #context: LxcContext;
  /** Chosen for instances that LXD does not list yet. */
  readonly #chosen = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(context: LxcContext) {
    this.#context = context;
  }

  /** Runs `task` with an address that nobody else gets until it has ended; by then the instance holds it. */
  async use<T>(network: LxcNetwork, task: (address: string) => Promise<T>): Promise<T> {
    const chosen = this.#turn.then(() => this.#choose(network));
    this.#turn = chosen.catch(() => {});
    const address = await chosen;
    try {
      return await task(address);
    } finally {
      this.#chosen.delete(address);
    }
  }

  async #choose({ name, subnet, isGiven }: LxcNetwork): Promise<string> {
    const instances = await listInstances(this.#context);
    const used = instances.flatMap(({ devices }) =>
      Object.values(devices).flatMap(({ type, network, parent, 'ipv4.address': address }) =>
        type === 'nic' && (network ?? parent) === name && address !== undefined ? [address] : [],
      ),
    );
    // On a bridge of the operator's others have asked for theirs by DHCP.
    const leased = isGiven ? await this.#leases(name) : [];
    const address = chooseAddress(subnet, new Set([...used, ...leased, ...this.#chosen]));
    if (address === undefined)
      throw new DriverError('Internal', `all addresses of the network ${name} are given out`);
    this.#chosen.add(address);
    return address;
  }

  #leases(name: string): Promise<string[]> {
    return lxdCall(`look at network ${name}`, async () => {
      const path = `/1.0/networks/${encodeURIComponent(name)}/leases`;
      const leases = await this.#context.lxd.get<{ address: string }[]>(path);
      return leases.map(({ address }) => address);
    });
  }
}

/** One that goes with the address, so that who knew an earlier instance there finds the later one. */
export function hardwareAddress(address: string): string {
  const bytes = address
    .split('.')
    .slice(1)
    .map(part => Number(part).toString(16).padStart(2, '0'));
  return ['00', '16', '3e', ...bytes].join(':');
}
