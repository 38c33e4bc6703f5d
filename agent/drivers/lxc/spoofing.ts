import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { LxdFacts } from './lxd-facts.ts';

/**
 * Whether LXD can keep instances from using addresses of others: they are root on their interface. With the packet filter
 * of old it needs ebtables for that, and refuses to start an instance that asks for it where there is none.
 */
export function canFilterAddresses({ firewall }: LxdFacts): boolean {
  if (firewall === 'nftables') return true;
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some(dir => {
    try {
      accessSync(join(dir, 'ebtables'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
