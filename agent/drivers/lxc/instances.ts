import { LABEL_NODE } from '../../../crds/names.ts';
import { DriverError } from '../../driver.ts';
import { isStatus, LxdError, lxdCall } from './api/lxd-error.ts';
import type { LxdInstance } from './api/types.ts';
import type { LxcContext } from './context.ts';
import { KEY, labelOf, parseInstanceId } from './names.ts';

/** How long another's work on an instance is waited for. */
const BUSY_MS = 60_000;
const BUSY_LOOK_MS = 100;

export const instancePath = (name: string): string => `/1.0/instances/${encodeURIComponent(name)}`;

/** Every container of LXD's; others than ours too. */
export function listInstances({ lxd }: LxcContext, signal?: AbortSignal): Promise<LxdInstance[]> {
  return lxdCall(
    'list instances',
    () => lxd.list<LxdInstance>('/1.0/instances?recursion=1&instance-type=container', signal),
    signal,
  );
}

/** An instance by LXD's name; undefined when there is none. */
export function findInstance(
  { lxd }: LxcContext,
  name: string,
  signal?: AbortSignal,
): Promise<LxdInstance | undefined> {
  return lxdCall(`look at ${name}`, () => lxd.find<LxdInstance>(instancePath(name), signal), signal);
}

/** A whole instance of this node. Throws NotFound, and Invalid when it is somebody else's. */
export async function inspectOurs(context: LxcContext, id: string): Promise<LxdInstance> {
  const parsed = parseInstanceId(id);
  const found = parsed && (await findInstance(context, parsed.name));
  if (!found || (found.config[KEY.id] ?? '') !== parsed.mark)
    throw new DriverError('NotFound', `no instance ${id.slice(0, 70)}`);
  if (labelOf(found.config, LABEL_NODE) !== context.node)
    throw new DriverError('Invalid', `the instance ${found.name} does not belong to node ${context.node}`);
  return found;
}

/** Undefined when there is none of this id. Throws Invalid when it is somebody else's. */
export async function findOurs(context: LxcContext, id: string): Promise<LxdInstance | undefined> {
  try {
    return await inspectOurs(context, id);
  } catch (error) {
    if (error instanceof DriverError && error.code === 'NotFound') return undefined;
    throw error;
  }
}

/** Does something that LXD refuses while it is at other work on the instance; waits for the end of that. */
export async function whenIdle<T>({ clock }: LxcContext, task: () => Promise<T>): Promise<T> {
  const deadline = clock.now() + BUSY_MS;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      const isBusy = error instanceof LxdError && /\bbusy\b/i.test(error.message);
      if (!isBusy || clock.now() > deadline) throw error;
    }
    await clock.sleep(BUSY_LOOK_MS);
  }
}

/** Gone is success. By force, when it runs. Its volumes stay. */
export async function removeInstance(context: LxcContext, name: string): Promise<void> {
  const { lxd } = context;
  await lxdCall(`remove ${name}`, () =>
    whenIdle(context, async () => {
      try {
        const found = await lxd.find<LxdInstance>(instancePath(name));
        if (!found) return;
        await halt(context, name);
        await lxd.change('DELETE', instancePath(name));
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }),
  );
}

/** Ends what runs in an instance, at once. Not running is success. */
export async function halt({ lxd }: LxcContext, name: string): Promise<void> {
  try {
    await lxd.change('PUT', `${instancePath(name)}/state`, {
      body: { action: 'stop', force: true, timeout: -1 },
    });
  } catch (error) {
    if (!(error instanceof LxdError && /already stopped|not running/i.test(error.message))) throw error;
  }
}

function isGone(error: unknown): boolean {
  return isStatus(error, 404) || (error instanceof LxdError && /instance not found/i.test(error.message));
}
