import { setTimeout as pause } from 'node:timers/promises';
import type { Fault } from './faults.ts';

export interface StormOptions {
  faults: Fault[];
  random: () => number;
  durationMs: number;
  /** Which may begin, by how much of the time is over: 0 to 1. */
  mayBegin(fault: Fault, over: number): boolean;
  /** Before each begins; it is waited for. */
  onFault(fault: Fault): Promise<void>;
  onMended(fault: Fault): void;
  /** Called now and then: what people do meanwhile. */
  onMoment(): Promise<void>;
  say(line: string): void;
}

const AT_ONCE = 4;
const PAUSE_MS = 3_000;

/** Lets faults come and go at random until the time is over and all are mended; each kind comes at least once. */
export async function storm(options: StormOptions): Promise<void> {
  const { faults, random, durationMs, mayBegin, onFault, onMended, onMoment, say } = options;
  const begun = performance.now();
  const leftMs = () => begun + durationMs - performance.now();
  const second = () => ((performance.now() - begun) / 1000).toFixed(1);
  const harmed = new Map<string, Promise<void>>();
  /** Kinds that did not come yet, in random order. */
  const due = shuffled([...new Set(faults.map(({ name }) => name))], random);
  const draw = (from: Fault[]) => from[Math.floor(random() * from.length)];

  const harm = async (fault: Fault) => {
    const lastsMs = Math.min(random() * fault.lastsMs, Math.max(0, leftMs()));
    say(`${second()} s: ${fault.what}: ${fault.name}, for ${(lastsMs / 1000).toFixed(1)} s`);
    await onFault(fault);
    const mend = await fault.begin();
    await pause(lastsMs);
    await mend();
    onMended(fault);
    say(`${second()} s: ${fault.what}: ${fault.name} is over`);
    harmed.delete(fault.what);
  };
  while (leftMs() > 0) {
    await pause(Math.min(random() * PAUSE_MS, Math.max(0, leftMs())));
    await onMoment();
    if (harmed.size >= AT_ONCE) {
      await Promise.race([...harmed.values(), pause(Math.max(0, leftMs()))]);
      continue;
    }
    const over = 1 - leftMs() / durationMs;
    const free = faults.filter(fault => !harmed.has(fault.what) && mayBegin(fault, over));
    const kind = due.find(name => free.some(fault => fault.name === name));
    const fault = draw(kind === undefined ? free : free.filter(({ name }) => name === kind));
    if (!fault) continue;
    if (kind !== undefined) due.splice(due.indexOf(kind), 1);
    const harming = harm(fault);
    // It is told at the end.
    harming.catch(() => {});
    harmed.set(fault.what, harming);
  }
  await Promise.all(harmed.values());
  if (due.length > 0) say(`there was no time for: ${due.join(', ')}`);
}

export function shuffled<T>(items: T[], random: () => number): T[] {
  return items
    .map(item => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
