import { execFile } from 'node:child_process';
import type { Table } from './rules.ts';

/** The three builds of iptables; two of them may be on a machine with tables of their own. */
const VARIANTS = ['iptables', 'iptables-nft', 'iptables-legacy'] as const;
type Variant = (typeof VARIANTS)[number];
export type Family = 4 | 6;

/** Large machines have large tables. */
const MAX_OUTPUT_BYTES = 64 * 2 ** 20;
const TIMEOUT_MS = 20_000;

/** The tables of the packet filter, by way of the programs that the engine uses too. */
export class Iptables {
  readonly variant: Variant;

  constructor(variant: Variant) {
    this.variant = variant;
  }

  /** A table as iptables-save prints it. */
  save(family: Family, table: Table = 'filter'): Promise<string> {
    return run(this.#program(family, 'save'), ['-t', table]);
  }

  /** Applies a script in one transaction and leaves what it does not name. */
  async restore(family: Family, script: string): Promise<void> {
    await run(this.#program(family, 'restore'), ['--noflush', '-w', '15'], script);
  }

  #program(family: Family, verb: 'save' | 'restore'): string {
    return `${family === 6 ? this.variant.replace('ip', 'ip6') : this.variant}-${verb}`;
  }
}

/** The build in whose tables the engine keeps its rules, else the machine's default. Throws when there is none. */
export async function findIptables(): Promise<Iptables> {
  for (const variant of VARIANTS) {
    const iptables = new Iptables(variant);
    const saved = await iptables.save(4).catch(() => '');
    if (/^:DOCKER/m.test(saved)) return iptables;
  }
  const fallback = new Iptables('iptables');
  await fallback.save(4);
  return fallback;
}

function run(program: string, args: string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { maxBuffer: MAX_OUTPUT_BYTES, timeout: TIMEOUT_MS },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
        const why = missing ? 'is not installed' : stderr.trim().split('\n').at(-1) || error.message;
        reject(new Error(`${program}: ${why}`, { cause: error }));
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
