import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessWatch {
  /** Command lines and environments of all processes that were seen, each once. */
  seen(): string[];
  stop(): void;
}

/** A process is looked at so often: between fork and exec it has its parent's command line. */
const LOOKS = 4;

/** Looks at what processes come and go on this machine, those of containers too, until it is stopped. */
export function watchProcesses(everyMs = 25): ProcessWatch {
  const looks = new Map<string, number>();
  const texts = new Set<string>();
  const look = () => {
    const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
    const gone = new Set(looks.keys());
    for (const pid of pids) {
      gone.delete(pid);
      const count = looks.get(pid) ?? 0;
      if (count >= LOOKS) continue;
      looks.set(pid, count + 1);
      for (const file of ['cmdline', 'environ'])
        try {
          texts.add(readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' '));
        } catch {
          // It has ended, or is another user's.
        }
    }
    for (const pid of gone) looks.delete(pid);
  };
  look();
  const timer = setInterval(look, everyMs);
  return { seen: () => [...texts], stop: () => clearInterval(timer) };
}
