import { DEFAULT_PIDS } from '../../../crds/names.ts';
import type { Limits } from '../../driver.ts';
import type { Config } from './api/types.ts';

/** The kernel counts a share of processor time in periods of this length, which is short enough not to be noticed. */
const PERIOD_MS = 100;
/** For shares that are no whole milliseconds of the short one. */
const LONG_PERIOD_MS = 1000;

const CPU = 'limits.cpu.allowance';
const MEMORY = 'limits.memory';
const SWAP = 'limits.memory.swap';
const PIDS = 'limits.processes';

/** Keys that limits are made of; those that are not limited are absent. */
export const LIMIT_KEYS: readonly string[] = [CPU, MEMORY, SWAP, PIDS];

/** No swap where memory is limited: a workspace that swaps slows down the whole node. */
export function limitConfig({ cpuMillis, memoryBytes, pids }: Limits): Config {
  return {
    ...(cpuMillis !== undefined && { [CPU]: allowance(cpuMillis) }),
    ...(memoryBytes !== undefined && { [MEMORY]: String(memoryBytes), [SWAP]: 'false' }),
    [PIDS]: String(pids > 0 ? pids : DEFAULT_PIDS),
  };
}

function allowance(cpuMillis: number): string {
  const isWhole = (cpuMillis * PERIOD_MS) % 1000 === 0;
  const period = isWhole ? PERIOD_MS : LONG_PERIOD_MS;
  return `${Math.max(1, (cpuMillis * period) / 1000)}ms/${period}ms`;
}

/** What LXD holds an instance to; what somebody wrote in another form than ours counts as no limit. */
export function limitsOf(config: Config): Limits {
  const [, quota, period] = /^(\d+)ms\/(\d+)ms$/.exec(config[CPU] ?? '') ?? [];
  const memory = /^\d+$/.exec(config[MEMORY] ?? '')?.[0];
  return {
    ...(quota !== undefined && { cpuMillis: Math.round((Number(quota) * 1000) / Number(period)) }),
    ...(memory !== undefined && { memoryBytes: Number(memory) }),
    pids: Number.parseInt(config[PIDS] ?? '0', 10) || 0,
  };
}
