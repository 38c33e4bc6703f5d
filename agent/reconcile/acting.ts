import type { Milliseconds } from '../../controller/kit/clock.ts';
import type { Placement } from '../../crds/types.generated.ts';
import type { AgentContext } from '../agent-context.ts';
import { DriverError } from '../driver.ts';
import type { GuestConfig } from '../guest/guest.ts';
import type { Desired, Inside } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import type { Unit } from './unit.ts';

/** What the actions of one plan share. */
export interface Acting {
  context: AgentContext;
  unit: Unit;
  placement: Placement;
  desired: Desired;
  observed: Observed;
  /** Of the instance; changes when one is made. */
  instanceId?: string;
  /** What `configure` writes went in with the start. */
  isHandedOver?: boolean;
}

/** What an inside is begun with that has nothing yet. */
export function startConfig({ config, atStart = [] }: Inside): GuestConfig {
  return { ...config, runtime: [...config.runtime, ...atStart] };
}

/** How long a workspace that may be moved goes on by itself. */
export function fenceMs({ context, desired }: Acting): Milliseconds | undefined {
  return desired.mayMove ? context.fence.leftMs : undefined;
}

export function idOf({ instanceId }: Acting): string {
  if (instanceId === undefined) throw new DriverError('NotFound', 'there is no instance');
  return instanceId;
}
