import { DriverError, type Instance, type Limits } from '../../driver.ts';
import { LxdError, lxdCall } from './api/lxd-error.ts';
import { type LxdInstance, type LxdInstanceState, STATUS } from './api/types.ts';
import type { LxcContext } from './context.ts';
import { editInstance } from './edit-instance.ts';
import { setAutoStart } from './instance-options.ts';
import { halt, inspectOurs, instancePath, whenIdle } from './instances.ts';
import { LIMIT_KEYS, limitConfig, limitsOf } from './limits.ts';
import { droppableBytes } from './memory.ts';
import { takenPorts } from './taken-ports.ts';
import { toInstance } from './to-instance.ts';

/** How long LXD may take to close the ports of an instance that has ended. */
const GIVEN_BACK_MS = 1000;
/** Between two requests to shut down. */
const ASK_SECONDS = 3;

export async function startInstance(context: LxcContext, id: string): Promise<void> {
  await bringUp(context, await inspectOurs(context, id));
}

/** Starts it, or ends its freeze. Running is success. */
export async function bringUp(context: LxcContext, found: LxdInstance): Promise<void> {
  const { name, status_code: status } = found;
  if (isRunning(found)) return;
  const published = publishedBy(found);
  const taken = await stillTaken(context, published);
  if (taken.length > 0) throw portInUse(taken);
  await lxdCall(`start ${name}`, () =>
    whenIdle(context, async () => {
      try {
        await changeState(context, name, { action: status === STATUS.frozen ? 'unfreeze' : 'start' });
      } catch (error) {
        if (error instanceof LxdError && /already running/i.test(error.message)) return;
        throw portTaken(published, error) ?? error;
      }
    }),
  );
}

/** The signal is the one by which LXD asks the instance's init to shut down, and the command with it. */
export async function stopInstance(context: LxcContext, id: string, timeoutSeconds: number): Promise<void> {
  const { name, status_code: status } = await inspectOurs(context, id);
  await lxdCall(`stop ${name}`, () =>
    whenIdle(context, async () => {
      if (status === STATUS.frozen) await changeState(context, name, { action: 'unfreeze' });
      const isDown = timeoutSeconds > 0 && (await shutDown(context, name, timeoutSeconds));
      if (!isDown) await halt(context, name);
    }),
  );
}

/**
 * False when it was asked and did not come to an end. Asked again and again: an init that is not ready to be asked yet does
 * not hear it.
 */
async function shutDown(context: LxcContext, name: string, timeoutSeconds: number): Promise<boolean> {
  const deadline = context.clock.now() + timeoutSeconds * 1000;
  for (let left = timeoutSeconds; left > 0; left = Math.round((deadline - context.clock.now()) / 1000)) {
    try {
      await changeState(context, name, { action: 'stop', timeout: Math.min(left, ASK_SECONDS) });
      return true;
    } catch (error) {
      if (!(error instanceof LxdError)) throw error;
      if (/already stopped|not running/i.test(error.message)) return true;
      if (/\bbusy\b/i.test(error.message)) throw error;
    }
  }
  return false;
}

/** Throws Invalid when the instance uses more memory than it would get: LXD would fail halfway, or the kernel kill it. */
export async function updateLimits(context: LxcContext, id: string, limits: Limits): Promise<void> {
  const found = await inspectOurs(context, id);
  const { name } = found;
  const before = limitsOf(found.config).memoryBytes ?? Number.POSITIVE_INFINITY;
  const { memoryBytes } = limits;
  if (memoryBytes !== undefined && memoryBytes < before && isRunning(found)) {
    const used = await memoryUsed(context, name);
    if (used > memoryBytes)
      throw new DriverError(
        'Invalid',
        `${name} uses ${mebibytes(used)} MiB of memory, more than the ${mebibytes(memoryBytes)} MiB it would get; stop something in it or restart it`,
      );
  }
  await lxdCall(`change the limits of ${name}`, () =>
    whenIdle(context, () =>
      editInstance(context, name, config => {
        for (const key of LIMIT_KEYS) delete config[key];
        Object.assign(config, limitConfig(limits));
      }),
    ),
  );
}

export async function changeAutoStart(context: LxcContext, id: string, autoStart: boolean): Promise<void> {
  const { name } = await inspectOurs(context, id);
  await lxdCall(`change how ${name} starts`, () =>
    whenIdle(context, () => editInstance(context, name, config => setAutoStart(config, autoStart))),
  );
}

const isRunning = ({ status_code: status }: LxdInstance) =>
  status === STATUS.running || status === STATUS.thawed;

function changeState({ lxd }: LxcContext, name: string, change: { action: string; timeout?: number }) {
  return lxd.change('PUT', `${instancePath(name)}/state`, { body: { timeout: -1, force: false, ...change } });
}

/** Bytes in use that the kernel cannot simply drop. */
async function memoryUsed({ lxd }: LxcContext, name: string): Promise<number> {
  const state = await lxdCall(`measure ${name}`, () =>
    lxd.get<LxdInstanceState>(`${instancePath(name)}/state`),
  );
  return Math.max(0, (state.memory?.usage ?? 0) - (await droppableBytes(state.pid)));
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

/**
 * Ports that something else holds. LXD finds out as well, but takes seconds to undo a start. It gives those of an instance
 * that has just ended back a moment after its end.
 */
async function stillTaken({ clock }: LxcContext, published: Instance['publish']): Promise<number[]> {
  const deadline = clock.now() + GIVEN_BACK_MS;
  for (;;) {
    const taken = await takenPorts(published);
    if (taken.length === 0 || clock.now() > deadline) return taken;
    await clock.sleep(GIVEN_BACK_MS / 20);
  }
}

function publishedBy(found: LxdInstance): Instance['publish'] {
  return toInstance(found, { volumes: new Map(), isReachable: false }).publish;
}

/** The ports are those that the message names; all of them when it names none. */
function portTaken(publish: Instance['publish'], error: unknown): DriverError | undefined {
  const { message } = error as Error;
  if (!/address already in use|failed to listen/i.test(message)) return undefined;
  const ports = publish.map(({ hostPort }) => hostPort);
  const named = ports.filter(port => new RegExp(`(?<!\\d)${port}(?!\\d)`).test(message));
  return portInUse(named.length > 0 ? named : ports, error);
}

function portInUse(ports: number[], cause?: unknown): DriverError {
  return new DriverError('PortInUse', `port ${ports.join(', ')} of the node is taken by something else`, {
    cause,
    ports,
  });
}
