import { readFileSync } from 'node:fs';

/** When a process began, in ticks since the machine did: with its id it names it for good. */
export function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
