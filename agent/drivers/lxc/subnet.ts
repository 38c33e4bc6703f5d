import { sha256 } from '../../../controller/kit/hash.ts';

/** An IPv4 network and the node's address in it. */
export interface Subnet {
  gateway: string;
  bits: number;
}

const NEW_BITS = 24;
/** How many are tried before giving up. */
const TRIES = 1000;

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(number: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(number / 2 ** shift) % 256).join('.');
}

/** `10.1.2.1/24`; undefined for anything else. */
export function parseSubnet(text: string | undefined): Subnet | undefined {
  const [, gateway, bits] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(text ?? '') ?? [];
  return gateway === undefined ? undefined : { gateway, bits: Number(bits) };
}

/** First and last address. */
function rangeOf({ gateway, bits }: Subnet): [number, number] {
  const size = 2 ** (32 - bits);
  const first = Math.floor(toNumber(gateway) / size) * size;
  return [first, first + size - 1];
}

/** As in `10.1.2.0/24`. */
export function rangeText(subnet: Subnet): string {
  return `${toText(rangeOf(subnet)[0])}/${subnet.bits}`;
}

function overlap(a: Subnet, b: Subnet): boolean {
  const [a1, a2] = rangeOf(a);
  const [b1, b2] = rangeOf(b);
  return a1 <= b2 && b1 <= a2;
}

/** What /proc/net/route leads to, the way out of everything else left out. */
export function subnetsOfRoutes(routes: string): Subnet[] {
  const fromHex = (hex: string) => toText(Number.parseInt(hex.match(/../g)?.reverse().join('') ?? '', 16));
  return routes
    .split('\n')
    .slice(1)
    .map(line => line.split(/\s+/))
    .filter(([, destination, , , , , , mask]) => destination !== '00000000' && mask !== undefined)
    .map(([, destination = '', , , , , , mask = '']) => ({
      gateway: fromHex(destination),
      bits: Math.round(32 - Math.log2(2 ** 32 - toNumber(fromHex(mask)))),
    }));
}

/** A free network of 10.0.0.0/8 for a node: the same one as last time unless that is taken. */
export function chooseSubnet(node: string, taken: readonly Subnet[]): Subnet | undefined {
  const start = Number.parseInt(sha256(`subnet/${node}`).slice(0, 4), 16);
  for (let i = 0; i < TRIES; i++) {
    // Not the lowest ones, which people choose by hand.
    const number = 64 * 256 + ((start + i * 257) % (192 * 256));
    const candidate = { gateway: `10.${number >> 8}.${number & 255}.1`, bits: NEW_BITS };
    if (!taken.some(other => overlap(candidate, other))) return candidate;
  }
  return undefined;
}

/** The lowest address that is neither the node's nor taken; undefined when all are. */
export function chooseAddress(subnet: Subnet, taken: ReadonlySet<string>): string | undefined {
  const [first, last] = rangeOf(subnet);
  for (let at = first + 2; at < last; at++) {
    const address = toText(at);
    if (address !== subnet.gateway && !taken.has(address)) return address;
  }
  return undefined;
}
