import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../controller/client/client.ts';
import { connect } from '../controller/client/connect.ts';
import { slept } from '../controller/kit/abort.ts';
import { type Clock, systemClock } from '../controller/kit/clock.ts';
import type { Logger } from '../controller/kit/log.ts';
import { createLogger } from '../controller/kit/logger.ts';
import { Metrics } from '../controller/kit/metrics.ts';
import { parseBytes, parseCpuMillis } from '../controller/kit/quantity.ts';
import { VERSION } from '../controller/kit/version.ts';
import { type ControllerWatch, createController, watch } from '../controller/runtime/controller.ts';
import { createEventRecorder } from '../controller/runtime/event-recorder.ts';
import { createInformer } from '../controller/runtime/informer.ts';
import { PLACEMENT, SECRET } from '../crds/kinds.ts';
import { nodeNamespace } from '../crds/names.ts';
import type { Secret } from '../crds/object.ts';
import type { Placement } from '../crds/types.generated.ts';
import type { AgentContext, Backend } from './agent-context.ts';
import { createAgentMetrics } from './agent-metrics.ts';
import { createBackend, type GivenDriver } from './backends.ts';
import { openCheckpoint } from './checkpoint.ts';
import type { Driver, DriverName } from './driver.ts';
import { openHttpEndpoint } from './http-endpoint.ts';
import { keepNodeLease } from './node/node-lease.ts';
import { createNodeReporter } from './node/node-reporter.ts';
import type { AgentOptionValues } from './options.ts';
import { keepStrangeVolumes, removeOrphans } from './orphans.ts';
import { createPlacementSource } from './placement-source.ts';
import { PlacementReconciler } from './reconcile/placement-reconciler.ts';
import type { Unit } from './reconcile/unit.ts';
import { loadAgentKey, newAgentKey } from './ssh/agent-key.ts';
import { createStatusWriter } from './status/status-writer.ts';

export { AGENT_OPTIONS } from './options.ts';

export interface AgentOptions extends Partial<Omit<AgentOptionValues, 'drivers'>> {
  /** Path of a kubeconfig; or a client. Defaults to `<home>/agent/kubeconfig`. */
  kubeconfig?: string;
  client?: Client;
  /** NEXUS_HOME; the agent keeps its key and checkpoint in `agent/` of it. Absent: in memory alone. */
  home?: string;
  /** Names, or drivers made elsewhere. Defaults to docker. */
  drivers?: (DriverName | string | GivenDriver)[];
  clock?: Clock;
  log?: Logger;
  random?: () => number;
  metrics?: Metrics;
  /** Called once the node is registered, the caches are in sync and everything was looked at once. */
  onReady?: () => void;
  /** Called with the URL of the metrics endpoint, when there is one. */
  onListen?: (url: string) => void;
}

/** Without a server for this long at the start, the node goes on from its checkpoint. */
const CHECKPOINT_AFTER_MS = 2_000;
const FLUSH_MS = 2_000;

/**
 * Runs a node's agent until `signal` is aborted; workspaces are left as they are. Resolves when everything has stopped.
 * Rejects when it cannot start: no kubeconfig, no key, a driver that is not known.
 *
 * @example
 * await runAgent({ nodeName: 'node-1', kubeconfig, home, drivers: ['docker'] }, signal);
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const metrics = options.metrics ?? new Metrics();
  const log =
    options.log ??
    createLogger({
      level: options.logLevel as 'info',
      pretty: options.logFormat === 'pretty',
      component: 'agent',
    });
  const nodeName = options.nodeName ?? defaultNodeName();
  const namespace = nodeNamespace(nodeName);
  const address = options.address ?? '127.0.0.1';
  const sshBind = options.sshBind ?? (options.address === undefined ? '127.0.0.1' : '0.0.0.0');
  const folder = options.home === undefined ? undefined : join(options.home, 'agent');
  const own = new AbortController();
  const stop = AbortSignal.any([signal, own.signal]);
  const key = folder === undefined ? newAgentKey() : await loadAgentKey(folder);
  const client =
    options.client ??
    (
      await connect({
        file: options.kubeconfig ?? join(folder ?? '.', 'kubeconfig'),
        userAgent: `nexus-agent/${VERSION}`,
        metrics,
        clock,
      })
    ).client;
  const checkpoint = await openCheckpoint({
    ...(folder !== undefined && { path: join(folder, 'checkpoint.json') }),
    clock,
    log,
  });

  const informing = { client, namespace, clock, log, random, metrics };
  const placements = createInformer<Placement>({ ...informing, resource: PLACEMENT });
  const secrets = createInformer<Secret>({ ...informing, resource: SECRET });
  const source = createPlacementSource({ placements, secrets, checkpoint, namespace });
  const units = new Map<string, Unit>();
  const wake = (name: string) => controller.enqueue({ namespace, name });
  const wakeAll = () => {
    const names = source.isSynced
      ? placements.list({ namespace }).map(({ metadata }) => metadata.name)
      : Object.keys(checkpoint.data.placements);
    for (const name of new Set([...names, ...units.keys()])) wake(name);
  };

  const backends = new Map<DriverName, Backend>();
  const given = options.drivers && options.drivers.length > 0 ? options.drivers : ['docker'];
  for (const item of given) {
    const backend = createBackend(item as DriverName | GivenDriver, {
      nodeName,
      sshBind,
      dockerSocket: options.dockerSocket ?? '/var/run/docker.sock',
      key,
      clock,
      log,
      random,
      units,
      wake,
      onEngineEvent(placement, type) {
        if (placement === undefined) wakeAll();
        else wake(placement);
        if (type === 'lost' || type === 'back') reporter.wake();
      },
    });
    backends.set(backend.name, backend);
  }

  const statusStop = new AbortController();
  const events = createEventRecorder({
    client,
    component: `nexus-agent`,
    clock,
    log,
    random,
    metrics,
    signal: statusStop.signal,
  });
  const agentMetrics = createAgentMetrics(metrics, () => readMetrics(units, backends));
  const statuses = createStatusWriter({
    client,
    namespace,
    clock,
    log,
    random,
    signal: statusStop.signal,
    onWrite: agentMetrics.statusWrite,
  });
  const context: AgentContext = {
    nodeName,
    namespace,
    client,
    clock,
    log,
    random,
    backends,
    events,
    checkpoint,
    statuses,
    metrics: agentMetrics,
    wake,
  };
  const reporter = createNodeReporter({
    client,
    nodeName,
    namespace,
    address,
    hostname: hostname(),
    drivers: new Map<DriverName, Driver>([...backends].map(([name, { view }]) => [name, view.driver])),
    reserve: reserveOf(options),
    clock,
    log,
    random,
  });
  const reconciler = new PlacementReconciler(context, source, units);
  const started = Promise.withResolvers<void>();
  const controller = createController({
    reconciler,
    watches: [...agentWatches({ placements, secrets, started: started.promise, namespace })],
    workers: options.agentWorkers ?? 8,
    clock,
    log,
    metrics,
    random,
    passTimeoutMs: 600_000,
  });

  const sweeper = sweepLoop({
    context,
    units,
    placements,
    stop,
    resyncMs: options.resync ?? 300_000,
    wakeAll,
  });
  placements.onChange(({ now }) => {
    if (!now) sweeper.wake();
  });

  const begin = async () => {
    const synced = Promise.all([placements.synced, secrets.synced]).then(() => true);
    const late = slept(clock, CHECKPOINT_AFTER_MS, stop).then(() => false);
    if (
      !(await Promise.race([synced, late])) &&
      !stop.aborted &&
      Object.keys(checkpoint.data.placements).length > 0
    ) {
      log.warn({}, 'the server is away; healing from the last desired state');
      started.resolve();
      wakeAll();
    }
    await synced;
    started.resolve();
    wakeAll();
    const uid = await reporter.registered;
    await keepStrangeVolumes(context, placements, uid).catch(error =>
      log.warn({ err: error }, 'the volumes that are there could not be looked at'),
    );
    sweeper.start();
    log.info({ node: nodeName, placements: placements.list({ namespace }).length }, 'the agent is at work');
    options.onReady?.();
  };

  const endpoint =
    options.agentMetrics === undefined
      ? undefined
      : await openHttpEndpoint({
          listen: options.agentMetrics,
          metrics,
          ready: () => (source.isSynced ? undefined : 'the caches are not in sync with the server yet'),
        });
  if (endpoint) options.onListen?.(endpoint.url);

  const guard = <T>(work: Promise<T>) =>
    work.catch(error => {
      if (stop.aborted) return;
      own.abort();
      throw error;
    });
  void begin().catch(error => {
    if (!stop.aborted) log.error({ err: error }, 'the agent could not begin');
  });
  try {
    await Promise.all(
      [
        placements.run(stop),
        secrets.run(stop),
        ...[...backends.values()].map(({ view }) => view.run(stop)),
        reporter.run(stop),
        keepNodeLease({ client, nodeName, namespace, clock, log }, stop),
        controller.run(stop),
        sweeper.ended,
      ].map(guard),
    );
  } finally {
    // What was observed last is still told, for a moment; then nothing is written any more.
    const limit = new AbortController();
    const cancel = clock.after(FLUSH_MS, () => limit.abort());
    await Promise.race([
      Promise.all([statuses.flush(limit.signal), events.flush()]),
      new Promise<void>(resolve => limit.signal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
    cancel();
    statusStop.abort();
    await reconciler.stop();
    for (const { forwarder, view } of backends.values()) {
      await forwarder.stop();
      await view.driver.close();
    }
    await checkpoint.flush().catch(error => log.warn({ err: error }, 'the checkpoint was not written'));
    await endpoint?.close();
    if (!options.client) await client.close();
    log.info({ node: nodeName }, 'the agent has stopped; workspaces go on');
  }
}

/** Placements, and their Secrets by the placement that names them. Keys come once there is something to look at. */
function agentWatches(options: {
  placements: ReturnType<typeof createInformer<Placement>>;
  secrets: ReturnType<typeof createInformer<Secret>>;
  started: Promise<void>;
  namespace: string;
}): ControllerWatch[] {
  const { placements, secrets, started, namespace } = options;
  const bySecret = 'secretName';
  placements.addIndex(bySecret, ({ spec }) => (spec.secretName === undefined ? [] : [spec.secretName]));
  const ofPlacements = watch(placements, undefined, ({ old, now }) => isNews(old, now));
  const ofSecrets = watch(secrets, secret =>
    placements
      .byIndex(bySecret, secret.metadata.name)
      .map(({ metadata }) => ({ namespace, name: metadata.name })),
  );
  return [
    { ...ofPlacements, synced: started },
    { ...ofSecrets, synced: started },
  ];
}

/** A status that this agent wrote itself is no reason to look again. */
function isNews(old: Placement | undefined, now: Placement | undefined): boolean {
  if (!old || !now) return true;
  return (
    old.metadata.uid !== now.metadata.uid ||
    old.metadata.generation !== now.metadata.generation ||
    old.metadata.deletionTimestamp !== now.metadata.deletionTimestamp
  );
}

/** Looks at everything now and then, and for orphans after each Placement that went. */
function sweepLoop(options: {
  context: AgentContext;
  units: ReadonlyMap<string, Unit>;
  placements: ReturnType<typeof createInformer<Placement>>;
  stop: AbortSignal;
  resyncMs: number;
  wakeAll: () => void;
}): { start(): void; wake(): void; ended: Promise<void> } {
  const { context, units, placements, stop, resyncMs, wakeAll } = options;
  const { promise: begun, resolve: start } = Promise.withResolvers<void>();
  let nap = new AbortController();
  const run = async () => {
    await Promise.race([
      begun,
      new Promise<void>(resolve => stop.addEventListener('abort', () => resolve(), { once: true })),
    ]);
    while (!stop.aborted) {
      nap = new AbortController();
      await removeOrphans(context, placements, stop);
      const passed = await slept(context.clock, resyncMs, AbortSignal.any([stop, nap.signal]));
      if (!passed || stop.aborted) continue;
      for (const { view } of context.backends.values()) view.invalidate();
      for (const unit of units.values()) unit.guest?.invalidate();
      wakeAll();
    }
  };
  return { start, wake: () => nap.abort(), ended: run() };
}

function readMetrics(units: ReadonlyMap<string, Unit>, backends: ReadonlyMap<DriverName, Backend>) {
  const instances: Record<string, number> = {};
  let tunnels = 0;
  for (const { known, tunnel } of units.values()) {
    instances[known] = (instances[known] ?? 0) + 1;
    if (tunnel?.tunnel.state.state === 'Connected') tunnels++;
  }
  const forwarders = [...backends.values()].map(({ forwarder }) => forwarder);
  return {
    instances,
    tunnels,
    forwards: forwarders.reduce((sum, { count }) => sum + count, 0),
    connections: forwarders.reduce((sum, { connections }) => sum + connections, 0),
  };
}

function reserveOf(options: AgentOptions): { cpuMillis: number; memoryBytes: number; diskBytes: number } {
  const read = (name: string, text: string | undefined, parse: (text: string) => number | undefined) => {
    if (text === undefined) return 0;
    const value = parse(text);
    if (value === undefined)
      throw new Error(`${name}: ${JSON.stringify(text)} is no quantity; write it as in 500m or 512Mi`);
    return value;
  };
  return {
    cpuMillis: read('reserveCpu', options.reserveCpu, parseCpuMillis),
    memoryBytes: read('reserveMemory', options.reserveMemory, parseBytes),
    diskBytes: read('reserveDisk', options.reserveDisk, parseBytes),
  };
}

/** The host's name, made fit to name a Node. */
function defaultNodeName(): string {
  const label = hostname().toLowerCase().split('.')[0] ?? '';
  return (
    label
      .replace(/[^a-z0-9-]+/g, '-')
      .slice(0, 50)
      .replace(/^-+|-+$/g, '') || 'node'
  );
}
