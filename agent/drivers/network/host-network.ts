import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';

const DEFAULT_MTU = 1500;

/**
 * MTU of the node's way out, at most 1500: a bridge with a larger one than what is behind it (VPN, cloud overlay) loses
 * large packets wherever ICMP is filtered.
 */
export async function smallestMtu(): Promise<number> {
  try {
    const routes = (await readFile('/proc/net/route', 'utf8')).split('\n').slice(1);
    const mtus = await Promise.all(
      routes
        .map(line => line.split('\t'))
        .filter(([, destination]) => destination === '00000000')
        .map(async ([device]) => Number(await readFile(`/sys/class/net/${device}/mtu`, 'utf8'))),
    );
    return Math.min(DEFAULT_MTU, ...mtus.filter(mtu => mtu >= 576));
  } catch {
    return DEFAULT_MTU;
  }
}

/** Whether an IPv4 address is one of this machine's own, interfaces without carrier included (Node leaves those out). */
export async function isOwnAddress(address: string): Promise<boolean> {
  try {
    const lines = (await readFile('/proc/net/fib_trie', 'utf8')).split('\n').map(line => line.trim());
    return lines.some((line, i) => line === `|-- ${address}` && lines[i + 1] === '/32 host LOCAL');
  } catch {
    return false;
  }
}

/** IPv4 name servers of this machine outside loopback: what engines hand on to containers. */
export async function nameServers(): Promise<string[]> {
  const found = new Set<string>();
  for (const file of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const [, server] of text.matchAll(/^\s*nameserver\s+(\S+)/gm))
      if (server && isIPv4(server) && !server.startsWith('127.')) found.add(server);
  }
  return [...found];
}
