import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { DriverInfo } from '../../driver.ts';
import { nameServers } from './host-network.ts';
import { type Family, findIptables, type Iptables } from './iptables.ts';
import {
  type Chain,
  filter4,
  filter6,
  isInForce,
  nat4,
  parseSaved,
  type RuleInput,
  removeScript,
  restoreScript,
  type Saved,
  type Table,
} from './rules.ts';

export type Isolation = DriverInfo['isolation'];

/** What is to be filtered: everything that comes from one bridge. */
export interface FirewallTarget extends Omit<RuleInput, 'prefix'> {
  /** Whether the bridge may be missing as yet. */
  comesLater?: boolean;
  /** Whether instances have IPv6 addresses, be they link-local, so that it is no success unless those are filtered too. */
  hasIpv6: boolean;
}

const ENFORCED: Isolation = {
  enforced: true,
  message: 'Workspaces cannot reach each other or the node.',
};

/** Why nothing can be enforced from here; undefined when it can be tried. */
export function cannotEnforce(
  engine: { local: boolean; rootless: boolean },
  uid: number | undefined,
): string | undefined {
  if (!engine.local)
    return 'The engine runs on another machine or in a virtual machine: run the agent beside it.';
  if (engine.rootless) return 'The engine runs without root, so the agent cannot set its packet filter.';
  if (uid !== 0) return 'The agent does not run as root, so it cannot set the packet filter.';
  return undefined;
}

/** Whether the tools are there, without changing anything. */
export async function canEnforce(): Promise<Isolation> {
  try {
    await findIptables();
    return ENFORCED;
  } catch (error) {
    return notEnforced(error);
  }
}

/** Puts the rules in force; changes nothing when they are. Never throws. */
export async function enforce(target: FirewallTarget): Promise<Isolation> {
  if (!target.comesLater && !existsSync(`/sys/class/net/${target.bridge}`))
    return {
      enforced: false,
      message: `The bridge ${target.bridge} is not in the agent's network namespace: run the agent on the node itself, not in a container.`,
    };
  try {
    const iptables = await findIptables();
    await filterBridgedPackets();
    const servers = [...(await nameServers()), ...target.nameServers];
    const input = { ...target, prefix: prefixOf(target.bridge), nameServers: [...new Set(servers)] };
    await apply(iptables, [4, 'filter'], there => filter4(input, there));
    if (target.subnet !== undefined) await apply(iptables, [4, 'nat'], () => nat4(input));
    try {
      await apply(iptables, [6, 'filter'], there => filter6(input, there));
    } catch (error) {
      if (target.hasIpv6 && existsSync('/proc/net/if_inet6')) throw error;
    }
    return ENFORCED;
  } catch (error) {
    return notEnforced(error);
  }
}

/** Takes the rules of a bridge away. */
export async function stopEnforcing(bridge: string): Promise<void> {
  const iptables = await findIptables();
  for (const [family, table] of TABLES) {
    const there = parseSaved(await iptables.save(family, table).catch(() => ''));
    const script = removeScript(table, prefixOf(bridge), there);
    if (script) await iptables.restore(family, script);
  }
}

const TABLES = [
  [4, 'filter'],
  [4, 'nat'],
  [6, 'filter'],
] as const;

async function apply(
  iptables: Iptables,
  [family, table]: [Family, Table],
  chainsFor: (there: Saved) => Chain[],
): Promise<void> {
  const there = parseSaved(await iptables.save(family, table));
  const chains = chainsFor(there);
  if (!isInForce(chains, there)) await iptables.restore(family, restoreScript(table, chains, there));
}

function prefixOf(bridge: string): string {
  return bridge.toUpperCase().replace('NEXUS', 'NEXUS-');
}

/** Packets between two ports of one bridge pass iptables only when the kernel is told so. */
async function filterBridgedPackets(): Promise<void> {
  const dir = '/proc/sys/net/bridge';
  if (!existsSync(dir)) await promisify(execFile)('modprobe', ['br_netfilter']).catch(() => {});
  for (const name of ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables']) {
    const path = `${dir}/${name}`;
    try {
      if ((await readFile(path, 'utf8')).trim() !== '1') await writeFile(path, '1');
    } catch (error) {
      throw new Error(`the kernel module br_netfilter is missing; load it with \`modprobe br_netfilter\``, {
        cause: error,
      });
    }
  }
}

function notEnforced(error: unknown): Isolation {
  return {
    enforced: false,
    message: `The packet filter could not be set: ${(error as Error).message}.`,
  };
}
