import { join } from 'node:path';
import { aborted, slept } from '../controller/kit/abort.ts';
import { systemClock } from '../controller/kit/clock.ts';
import { readGatewayFile } from '../controller/kit/gateway-file.ts';
import { createLogger } from '../controller/kit/logger.ts';
import { Metrics } from '../controller/kit/metrics.ts';
import { createController, watch } from '../controller/runtime/controller.ts';
import { createEventRecorder } from '../controller/runtime/event-recorder.ts';
import { createInformer } from '../controller/runtime/informer.ts';
import { NODE_COMMAND, PLACEMENT, SECRET } from '../crds/kinds.ts';
import type { Secret } from '../crds/object.ts';
import type { NodeCommand, Placement } from '../crds/types.generated.ts';
import type { AgentContext, Backend } from './agent-context.ts';
import { createAgentMetrics } from './agent-metrics.ts';
import { type AgentOptions, agentSettings } from './agent-settings.ts';
import { agentWatches } from './agent-watches.ts';
import { type BackendDeps, createBackend, driverCandidates } from './backends.ts';
import { openCheckpoint } from './checkpoint.ts';
import { createCommandReconciler } from './commands/command-reconciler.ts';
import { connectServer } from './connect-server.ts';
import { detectDrivers } from './detect-drivers.ts';
import type { DriverName } from './driver.ts';
import { Fence } from './fence/fence.ts';
import { openFence } from './fence/open-fence.ts';
import { renewGuests } from './fence/renew-guests.ts';
import { openHostKeys } from './host-keys.ts';
import { openHttpEndpoint } from './http-endpoint.ts';
import { keepNodeLease } from './node/node-lease.ts';
import { createNodeReporter } from './node/node-reporter.ts';
import { createPlacementSource } from './placement-source.ts';
import { PlacementReconciler } from './reconcile/placement-reconciler.ts';
import type { Unit } from './reconcile/unit.ts';
import { whatWaits } from './reconcile/what-waits.ts';
import { ServerClock } from './server-clock.ts';
import { loadAgentKey, newAgentKey } from './ssh/agent-key.ts';
import { createStatusWriter } from './status/status-writer.ts';
import { runSweepLoop } from './sweep-loop.ts';
import { followGateway } from './uplink/follow-gateway.ts';

export type { AgentOptions } from './agent-settings.ts';
export type { GivenDriver } from './backends.ts';
export { AGENT_OPTIONS } from './options.ts';
export { JoinError, joinServer } from './uplink/join.ts';

/** Without a server for this long at the start, the node goes on from its checkpoint. */
const CHECKPOINT_AFTER_MS = 2_000;
/** What was observed last is still told for this long when the agent stops. */
const FLUSH_MS = 2_000;

/**
 * Runs a node's agent until `signal` is aborted; workspaces are left as they are. Resolves when everything has stopped.
 * Rejects when it cannot start: no kubeconfig, no key, a driver that is not known.
 *
 * @example
 * await runAgent({ nodeName: 'node-1', kubeconfig, home, drivers: ['docker'] }, signal);
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  while ((await runOnce(options, signal)) === 'restart' && !signal.aborted);
}

/** One life: until it is stopped, or asked to begin anew. */
async function runOnce(options: AgentOptions, signal: AbortSignal): Promise<'stopped' | 'restart'> {
  const gateway = options.home === undefined ? undefined : await readGatewayFile(join(options.home, 'agent'));
  const settings = agentSettings({ ...options, nodeName: options.nodeName ?? gateway?.nodeName });
  const { nodeName, namespace, folder } = settings;
  const clock = options.clock ?? systemClock;
  const serverClock = new ServerClock(clock);
  const random = options.random ?? Math.random;
  const metrics = options.metrics ?? new Metrics();
  const level = options.logLevel as 'info' | undefined;
  const log =
    options.log ?? createLogger({ level, pretty: options.logFormat === 'pretty', component: 'agent' });
  const own = new AbortController();
  const stop = AbortSignal.any([signal, own.signal]);
  /** Of what still tells what was observed when everything else has stopped. */
  const silence = new AbortController();

  const units = new Map<string, Unit>();
  let isSynced = false;
  const ready = () => {
    if (isSynced) return undefined;
    const waiting = [...units.values()].flatMap(
      ({ resolved }) => (resolved && whatWaits(resolved.desired)) ?? [],
    );
    return ['the caches are not in sync with the server yet', ...waiting].join('\n');
  };
  const { listen } = settings;
  // First: on the socket in its folder one agent finds another.
  const endpoint = listen === undefined ? undefined : await openHttpEndpoint({ listen, metrics, ready });
  if (endpoint) options.onListen?.(endpoint.url);
  const key = folder === undefined ? newAgentKey() : await loadAgentKey(folder);
  const shared = { folder, gateway, key, units, clock, serverClock, log, random, metrics };
  const { client, uplink } = await connectServer(options, shared);
  const path = folder === undefined ? undefined : join(folder, 'checkpoint.json');
  const checkpoint = await openCheckpoint({ path, clock, log });
  const keysFolder = folder === undefined ? undefined : join(folder, 'host-keys');
  const hostKeys = await openHostKeys({ folder: keysFolder, log });
  const common = { client, nodeName, namespace, clock, log, random, metrics };

  const placements = createInformer<Placement>({ ...common, resource: PLACEMENT });
  const secrets = createInformer<Secret>({ ...common, resource: SECRET });
  const source = createPlacementSource({ placements, secrets, checkpoint, namespace });
  const wake = (name: string) => controller.enqueue({ namespace, name });
  const wakeAll = () => {
    for (const name of new Set([...source.names(), ...units.keys()])) wake(name);
  };

  const deps: BackendDeps = {
    ...settings,
    ...common,
    key,
    units,
    wake,
    onEngineEvent(placement, type) {
      if (placement === undefined) wakeAll();
      else {
        if (type === 'died' || type === 'removed') units.get(placement)?.guest?.interrupt();
        wake(placement);
      }
      if (type === 'lost' || type === 'back') reporter.wake();
    },
  };
  const backends = new Map<DriverName, Backend>();
  const placed = Object.values(checkpoint.data.placements).map(({ spec }) => spec.driver);
  for (const given of settings.drivers ?? (await detectDrivers(driverCandidates(deps), placed, clock))) {
    const backend = await createBackend(given, deps);
    backends.set(backend.name, backend);
  }

  const agentMetrics = createAgentMetrics(metrics, units, backends);
  const events = createEventRecorder({
    ...common,
    clock: serverClock,
    component: 'nexus-agent',
    signal: silence.signal,
    outbox: { left: checkpoint.data.events ?? [], keep: waiting => checkpoint.keepEvents(waiting) },
  });
  const onWrite = agentMetrics.statusWrite;
  const statuses = createStatusWriter({ ...common, signal: silence.signal, onWrite });
  const fence = new Fence({
    clock,
    fenceMs: settings.fenceMs,
    onExpiry() {
      log.warn(
        { fenceMs: settings.fenceMs },
        'no server was reached for too long: what may be moved is stopped',
      );
      wakeAll();
    },
  });
  const context: AgentContext = {
    ...common,
    serverClock,
    fence,
    keepImagesMs: settings.keepImagesMs,
    keepMovedVolumesMs: settings.keepMovedVolumesMs,
    backends,
    events,
    checkpoint,
    hostKeys,
    statuses,
    wake,
    metrics: agentMetrics,
  };
  const drivers = new Map([...backends].map(([name, { view }]) => [name, view.driver]));
  const reporter = createNodeReporter({ ...common, ...settings, clock: serverClock, drivers });
  const reconciler = new PlacementReconciler(context, source, units, () => sweep.wake());
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const controller = createController({
    ...common,
    reconciler,
    watches: agentWatches({ placements, secrets, begun, namespace }),
    workers: options.agentWorkers ?? 8,
    passTimeoutMs: 600_000,
  });
  let isRestart = false;
  const commands = createInformer<NodeCommand>({ ...common, resource: NODE_COMMAND });
  const commander = createController({
    ...common,
    reconciler: createCommandReconciler({
      client,
      clock: serverClock,
      agent: context,
      placements,
      restart() {
        isRestart = true;
        own.abort();
      },
    }),
    // Once it is at work: what is pruned is what no placement asks for.
    watches: [{ ...watch(commands), synced: Promise.all([commands.synced, source.synced]).then(() => {}) }],
    workers: 1,
  });
  const resyncMs = options.resync ?? 300_000;
  const sweep = runSweepLoop({ context, units, placements, stop, resyncMs, wakeAll });
  placements.onChange(({ now }) => {
    if (!now) sweep.wake();
  });

  const onRenewed = async (sentAt: number, signal: AbortSignal) => {
    fence.renewed(sentAt);
    if (!fence.isOpen) {
      await openFence(context, signal);
      wakeAll();
    }
    renewGuests(context, units.values());
  };

  /** From the checkpoint while the server is away, then from the API; orphans only after that. */
  const start = async () => {
    const late = slept(clock, CHECKPOINT_AFTER_MS, stop).then(passed => passed && 'late');
    if ((await Promise.race([source.synced, late])) === 'late' && source.names().length > 0) {
      log.warn({}, 'the server is away; healing from the last desired state');
      begin();
      wakeAll();
    }
    await source.synced;
    isSynced = true;
    const placed = placements.list({ namespace }).map(({ spec }) => spec.workspace.uid);
    await hostKeys.keepOnly(new Set(placed));
    begin();
    wakeAll();
    sweep.start(await reporter.registered);
    log.info({ node: nodeName, placements: source.names().length }, 'the agent is at work');
    options.onReady?.();
  };

  /** A part that dies takes the others down. */
  const guard = async (part: Promise<unknown>) => {
    try {
      await part;
    } catch (error) {
      if (stop.aborted) return;
      own.abort(error);
      throw error;
    }
  };
  // To the very end: what was observed last is told over it.
  const linked = uplink?.run(silence.signal);
  const following = uplink && folder !== undefined && followGateway({ client, folder, clock, log }, stop);
  try {
    const ends = await Promise.allSettled(
      [
        Promise.race([start(), aborted(stop)]),
        placements.run(stop),
        secrets.run(stop),
        commands.run(stop),
        commander.run(stop),
        ...[...backends.values()].map(({ view }) => view.run(stop)),
        reporter.run(stop),
        keepNodeLease({ ...common, ...settings, clock: serverClock, onRenewed }, stop),
        controller.run(stop),
        sweep.ended,
      ].map(guard),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    const cancel = clock.after(FLUSH_MS, () => silence.abort());
    const told = Promise.all([statuses.flush(silence.signal), events.flush()]);
    await Promise.race([told, aborted(silence.signal)]);
    cancel();
    silence.abort();
    fence.stop();
    await reconciler.stop();
    for (const { forwarder, view } of backends.values()) {
      await forwarder.stop();
      await view.driver.close();
    }
    await checkpoint.flush().catch(error => log.warn({ err: error, path }, 'the checkpoint was not written'));
    await hostKeys.flush();
    await endpoint?.close();
    if (!options.client) await client.close();
    await Promise.all([linked, following]);
    log.info({ node: nodeName }, 'the agent has stopped; workspaces go on');
  }
  return isRestart ? 'restart' : 'stopped';
}
