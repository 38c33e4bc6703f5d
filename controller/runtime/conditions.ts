import type { Condition } from '../../crds/object.ts';
import { type Milliseconds, timestamp } from '../kit/clock.ts';
import { jsonEqual } from '../kit/json.ts';

export type NewCondition = Omit<Condition, 'lastTransitionTime'>;

/**
 * The conditions with `c` set. lastTransitionTime moves with the status only. The same array when nothing changed;
 * the given one is never altered. Messages hold no times: they would make every pass a change.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  c: NewCondition,
  nowMs: Milliseconds,
): Condition[] {
  const list = (conditions ?? []) as Condition[];
  const index = list.findIndex(present => present.type === c.type);
  const old = list[index];
  const moved = old?.status !== c.status;
  const next: Condition = { ...c, lastTransitionTime: moved ? timestamp(nowMs) : old.lastTransitionTime };
  if (old && jsonEqual(old, next)) return list;
  return old ? list.with(index, next) : [...list, next];
}

/** The conditions without that type; the same array when it is not there. */
export function removeCondition(conditions: readonly Condition[] | undefined, type: string): Condition[] {
  const list = (conditions ?? []) as Condition[];
  return list.some(c => c.type === type) ? list.filter(c => c.type !== type) : list;
}

export function getCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find(c => c.type === type);
}

/** Whether the condition is there and True; of this generation, when one is given. */
export function isTrue(
  conditions: readonly Condition[] | undefined,
  type: string,
  generation?: number,
): boolean {
  const found = getCondition(conditions, type);
  return (
    found?.status === 'True' && (generation === undefined || (found.observedGeneration ?? 0) >= generation)
  );
}
