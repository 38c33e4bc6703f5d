import { existsSync } from 'node:fs';
import { withTimeout } from '../controller/kit/abort.ts';
import type { Clock } from '../controller/kit/clock.ts';
import type { Driver, DriverName } from './driver.ts';

/** Long enough for an engine that is started by the first who connects. */
const ANSWER_MS = 10_000;
/** What is told to be down where nothing answers. */
const FALLBACK: DriverName = 'docker';

export interface Candidate {
  name: DriverName;
  /** Nobody listens where there is none. */
  socketPath: string;
  make(): Promise<Driver>;
}

/**
 * What runs workspaces here when nobody says: every engine that answers, and what workspaces of this node were placed on.
 * Later ones are not noticed until the agent is started again.
 */
export async function detectDrivers(
  candidates: readonly Candidate[],
  placed: Iterable<string>,
  clock: Clock,
): Promise<DriverName[]> {
  const known = new Set(placed);
  const answers = await Promise.all(
    candidates.map(async candidate => known.has(candidate.name) || (await doesAnswer(candidate, clock))),
  );
  const found = candidates.filter((_, i) => answers[i]).map(({ name }) => name);
  return found.length > 0 ? found : [FALLBACK];
}

async function doesAnswer({ socketPath, make }: Candidate, clock: Clock): Promise<boolean> {
  if (!existsSync(socketPath)) return false;
  const driver = await make();
  try {
    await withTimeout(driver.list(), ANSWER_MS, clock, () => new Error('it does not answer'));
    return true;
  } catch {
    return false;
  } finally {
    await driver.close();
  }
}
