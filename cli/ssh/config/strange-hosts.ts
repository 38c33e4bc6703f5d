import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The last parts of host names that people reach by ssh, in the internet and in networks of their own. */
const DOMAINS = new Set(
  (
    'aero app arpa biz cloud com corp dev edu gov home host info int internal intranet lan local localdomain mil name net ' +
    'network online org pro services shop site software space store systems tech top website work xyz zone'
  ).split(' '),
);

/**
 * Whether `<anything>.<last>` is likely a host of the internet or of the person's own network: whoever names a namespace and
 * a workspace in it must not be given `github.com`.
 */
export const isDomain = (last: string): boolean => DOMAINS.has(last) || /^[a-z]{2}$/.test(last);

/**
 * Hosts that the person's ssh has met before, by the names in its files of known hosts, hashed ones too. A name that is one
 * of theirs goes on meaning that host. What cannot be read holds none.
 */
export function metHosts(home: string): { has(alias: string): boolean } {
  const names = new Set<string>();
  const hashed: { salt: Buffer; digest: string }[] = [];
  for (const file of [
    join(home, '.ssh', 'known_hosts'),
    join(home, '.ssh', 'known_hosts2'),
    '/etc/ssh/ssh_known_hosts',
  ])
    for (const line of linesOf(file)) {
      const [, hosts] = /^\s*(?:@\S+\s+)?([^\s#]\S*)\s/.exec(line) ?? [];
      if (!hosts) continue;
      const [, salt, digest] = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(hosts) ?? [];
      if (salt && digest) hashed.push({ salt: Buffer.from(salt, 'base64'), digest });
      else for (const host of hosts.split(',')) names.add(host.toLowerCase());
    }
  return {
    has: alias =>
      names.has(alias) ||
      hashed.some(({ salt, digest }) => createHmac('sha1', salt).update(alias).digest('base64') === digest),
  };
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
