import { BlockList, isIP } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';
import { isCidr } from '../formats.ts';
import { fail, SYNC } from './fail.ts';

class Ip {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  get family(): 4 | 6 {
    return isIP(this.text) === 4 ? 4 : 6;
  }
  within(network: string, bits: number): boolean {
    return new Cidr(`${network}/${bits}`).holds(this);
  }
}

class Cidr {
  readonly network: Ip;
  readonly bits: number;
  constructor(text: string) {
    const slash = text.indexOf('/');
    this.network = new Ip(text.slice(0, slash));
    this.bits = Number(text.slice(slash + 1));
  }
  holds(ip: Ip): boolean {
    if (ip.family !== this.network.family) return false;
    const list = new BlockList();
    const family = ip.family === 4 ? 'ipv4' : 'ipv6';
    list.addSubnet(this.network.text, this.bits, family);
    return list.check(ip.text, family);
  }
}

class Url {
  readonly url: URL;
  readonly text: string;
  constructor(text: string) {
    this.text = text;
    this.url = new URL(text, 'relative://');
  }
  get relative(): boolean {
    return this.text.startsWith('/');
  }
}

function isUrl(text: string): boolean {
  return URL.canParse(text) || (text.startsWith('/') && URL.canParse(text, 'relative://'));
}

/** `ip()`, `cidr()` and `url()` with their methods. */
export function registerNetwork(env: Environment): void {
  const ip = (text: string) =>
    isIP(text) ? new Ip(text) : fail(`not an IP address: ${JSON.stringify(text)}`);
  const cidr = (text: string) =>
    isCidr(text) ? new Cidr(text) : fail(`not a CIDR: ${JSON.stringify(text)}`);
  const url = (text: string) => (isUrl(text) ? new Url(text) : fail(`not a URL: ${JSON.stringify(text)}`));
  env
    .registerType('Ip', Ip)
    .registerType('Cidr', Cidr)
    .registerType('Url', Url)
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0, SYNC)
    .registerFunction('ip(string): Ip', ip, SYNC)
    .registerFunction('Ip.family(): int', (a: Ip) => BigInt(a.family), SYNC)
    .registerFunction(
      'Ip.isLoopback(): bool',
      (a: Ip) => (a.family === 4 ? a.within('127.0.0.0', 8) : a.within('::1', 128)),
      SYNC,
    )
    .registerFunction(
      'Ip.isUnspecified(): bool',
      (a: Ip) => (a.family === 4 ? a.within('0.0.0.0', 32) : a.within('::', 128)),
      SYNC,
    )
    .registerFunction(
      'Ip.isLinkLocalUnicast(): bool',
      (a: Ip) => (a.family === 4 ? a.within('169.254.0.0', 16) : a.within('fe80::', 10)),
      SYNC,
    )
    .registerOperator('Ip == Ip', (a: Ip, b: Ip) => a.within(b.text, b.family === 4 ? 32 : 128))
    .registerFunction('isCIDR(string): bool', isCidr, SYNC)
    .registerFunction('cidr(string): Cidr', cidr, SYNC)
    .registerFunction('Cidr.ip(): Ip', (a: Cidr) => a.network, SYNC)
    .registerFunction('Cidr.prefixLength(): int', (a: Cidr) => BigInt(a.bits), SYNC)
    .registerFunction('Cidr.containsIP(Ip): bool', (a: Cidr, b: Ip) => a.holds(b), SYNC)
    .registerFunction('Cidr.containsIP(string): bool', (a: Cidr, b: string) => a.holds(ip(b)), SYNC)
    .registerFunction(
      'Cidr.containsCIDR(Cidr): bool',
      (a: Cidr, b: Cidr) => b.bits >= a.bits && a.holds(b.network),
      SYNC,
    )
    .registerFunction(
      'Cidr.containsCIDR(string): bool',
      (a: Cidr, b: string) => cidr(b).bits >= a.bits && a.holds(cidr(b).network),
      SYNC,
    )
    .registerFunction('isURL(string): bool', isUrl, SYNC)
    .registerFunction('url(string): Url', url, SYNC)
    .registerFunction(
      'Url.getScheme(): string',
      (a: Url) => (a.relative ? '' : a.url.protocol.slice(0, -1)),
      SYNC,
    )
    .registerFunction('Url.getHost(): string', (a: Url) => (a.relative ? '' : a.url.host), SYNC)
    .registerFunction(
      'Url.getHostname(): string',
      (a: Url) => (a.relative ? '' : a.url.hostname.replace(/^\[|\]$/g, '')),
      SYNC,
    )
    .registerFunction('Url.getPort(): string', (a: Url) => (a.relative ? '' : a.url.port), SYNC)
    .registerFunction('Url.getEscapedPath(): string', (a: Url) => a.url.pathname, SYNC)
    .registerFunction('Url.getQuery(): map<string, list<string>>', (a: Url) => query(a.url), SYNC);
}

function query(url: URL): Map<string, string[]> {
  return new Map([...new Set(url.searchParams.keys())].map(key => [key, url.searchParams.getAll(key)]));
}
