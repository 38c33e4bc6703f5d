import type { AgentContext, Backend } from '../agent-context.ts';
import { DriverError, type Instance } from '../driver.ts';
import { createGuestWatch } from '../engine/guest-watch.ts';
import type { GuestState } from '../guest/guest.ts';
import { createHealthMonitor } from '../health/health-monitor.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { hasItsVolume } from '../plan/plan-instance.ts';
import { hasStartedAnew, type Unit } from './unit.ts';

/** How long a start may keep off everything but the first connection. */
const LOGIN_FIRST_MS = 400;

interface Target {
  backend: Backend;
  unit: Unit;
  desired: Desired;
  instance?: Instance;
}

/** Keeps the tunnel, the watch of the inside and the health checks on the instance that runs now, and reads them. */
export async function followInside(
  context: AgentContext,
  target: Target,
): Promise<Pick<Observed, 'guest' | 'guestError' | 'health' | 'tunnel' | 'isHeldBack'>> {
  const { unit, desired, instance } = target;
  await followTunnel(context, target);
  const tunnel = unit.tunnel?.tunnel.state ?? ({ state: 'Idle' } as const);
  // One that somebody else made would keep the pass waiting for answers it cannot give.
  if (instance?.state !== 'Running' || !hasItsVolume(desired, instance)) {
    await unit.guest?.stop();
    unit.guest = undefined;
    unit.health?.sync(undefined, desired.services, []);
    return { health: {}, tunnel };
  }
  // A login comes first: what follows the inside would compete with it for the processor.
  const isFresh = unit.startedNowAt !== undefined && context.clock.now() - unit.startedNowAt < LOGIN_FIRST_MS;
  if (isFresh && tunnel.state === 'Connecting' && !unit.guest)
    return { health: unit.health?.read() ?? {}, tunnel, isHeldBack: true };
  const { guest, guestError } = await readGuest(context, target, instance);
  if (guest) followHealth(context, target, { guest, instance });
  // sshd was started since the last look: it need not wait for the backoff of the dialling.
  if (guest?.sshd.running && !unit.seen?.guest.sshd.running) unit.tunnel?.tunnel.kick();
  return {
    ...(guest && { guest }),
    ...(guestError !== undefined && { guestError }),
    health: unit.health?.read() ?? {},
    tunnel,
  };
}

async function readGuest(
  context: AgentContext,
  { backend, unit, desired }: Target,
  instance: Instance,
): Promise<{ guest?: GuestState; guestError?: string }> {
  if (unit.guest && unit.guest.instanceId !== instance.id) {
    await unit.guest.stop();
    unit.guest = undefined;
  }
  unit.guest ??= createGuestWatch({
    guest: backend.guest,
    instanceId: instance.id,
    clock: context.clock,
    log: context.log,
    random: context.random,
    onChange: () => context.wake(desired.name),
  });
  try {
    return { guest: await unit.guest.read() };
  } catch (error) {
    // It ended since it was listed.
    if (error instanceof DriverError && ['NotRunning', 'NotFound'].includes(error.code))
      backend.view.invalidate();
    context.log.debug({ placement: desired.name, err: error }, 'the inside could not be seen');
    return { guestError: (error as Error).message };
  }
}

function followHealth(
  context: AgentContext,
  { backend, unit, desired }: Target,
  { guest, instance }: { guest: GuestState; instance: Instance },
): void {
  if (!unit.health && !desired.services.some(service => service.check)) return;
  unit.health ??= createHealthMonitor({
    probe: backend.probe(unit),
    clock: context.clock,
    onChange: () => context.wake(desired.name),
    // What ran then ended with the container.
    healthyBefore: isAnother(unit, instance) ? new Set() : unit.healthyBefore,
  });
  unit.health.sync(unit.instanceId, desired.services, guest.services);
}

const isAnother = (unit: Unit, instance: Instance) =>
  (unit.start !== undefined && unit.start.instanceId !== instance.id) || hasStartedAnew(unit, instance);

async function followTunnel(
  context: AgentContext,
  { backend, unit, desired, instance }: Target,
): Promise<void> {
  const isRunning = instance?.state === 'Running' && desired.running && !desired.deleting;
  // While a changed Secret is on its way, what is connected stays so.
  if (isRunning && !desired.inside && unit.tunnel?.instanceId === instance.id) return;
  const wanted = isRunning && desired.inside;
  const published =
    instance?.publish.find(({ hostPort }) => hostPort === desired.sshPort) ?? instance?.publish[0];
  const addresses = [];
  if (published) {
    const host = ['0.0.0.0', '::', ''].includes(published.hostAddress) ? '127.0.0.1' : published.hostAddress;
    addresses.push({ host, port: published.hostPort });
  }
  if (instance?.address) addresses.push({ host: instance.address, port: published?.containerPort ?? 22 });
  const target = wanted && {
    instanceId: instance.id,
    ...(instance.startedAt !== undefined && { startedAt: instance.startedAt }),
    addresses,
    user: desired.user,
    hostPublicKey: desired.inside?.hostPublicKey ?? '',
  };
  const identity = target ? JSON.stringify(target) : '';
  if (unit.tunnel?.identity === identity || (!unit.tunnel && !target)) return;
  await unit.tunnel?.tunnel.stop();
  unit.tunnel = target
    ? {
        identity,
        instanceId: target.instanceId,
        addresses,
        tunnel: backend.tunnel(target, () => context.wake(desired.name)),
      }
    : undefined;
}
