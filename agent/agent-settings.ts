import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../controller/client/client.ts';
import type { Clock, Milliseconds } from '../controller/kit/clock.ts';
import type { Logger } from '../controller/kit/log.ts';
import type { Metrics } from '../controller/kit/metrics.ts';
import { nodeNameFrom } from '../controller/kit/node-name.ts';
import { OptionError } from '../controller/kit/options.ts';
import { parseBytes, parseCpuMillis } from '../controller/kit/quantity.ts';
import { nodeNamespace } from '../crds/names.ts';
import type { EngineSettings, GivenDriver } from './backends.ts';
import type { DriverName } from './driver.ts';
import { lxdSocketPath } from './drivers/lxc/find-lxd.ts';
import { parseRemote } from './drivers/lxc/images/reference.ts';
import type { AgentOptionValues } from './options.ts';

export interface AgentOptions extends Partial<Omit<AgentOptionValues, 'drivers'>> {
  /** Path of a kubeconfig; or a client. Defaults to `<home>/agent/kubeconfig`. */
  kubeconfig?: string;
  client?: Client;
  /** NEXUS_HOME; the agent keeps its key and checkpoint in `agent/` of it. Absent: in memory alone. */
  home?: string;
  /** Names, or drivers made elsewhere. Defaults to what answers. */
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

/** Options with what follows from them. */
export interface AgentSettings {
  nodeName: string;
  namespace: string;
  address: string;
  sshBind: string;
  /** Of the key and the checkpoint. */
  folder?: string;
  /** Absent: what answers. */
  drivers?: (DriverName | GivenDriver)[];
  engines: EngineSettings;
  allowHostPorts: number[];
  /** Of health and metrics. Absent: nowhere. */
  listen?: string;
  reserve: { cpuMillis: number; memoryBytes: number; diskBytes: number };
  heartbeatMs: Milliseconds;
  fenceMs: Milliseconds;
  keepMovedVolumesMs: Milliseconds;
  keepImagesMs: Milliseconds;
}

/** Throws on a quantity that is none. */
export function agentSettings(options: AgentOptions): AgentSettings {
  const nodeName = options.nodeName ?? nodeNameFrom(hostname());
  const { home, address } = options;
  const folder = home === undefined ? undefined : join(home, 'agent');
  const listen = options.agentMetrics ?? (folder === undefined ? undefined : socketIn(folder));
  return {
    nodeName,
    namespace: nodeNamespace(nodeName),
    address: address ?? '127.0.0.1',
    sshBind: options.sshBind ?? (address === undefined ? '127.0.0.1' : '0.0.0.0'),
    ...(folder !== undefined && { folder }),
    ...(listen !== undefined && { listen }),
    ...(options.drivers && options.drivers.length > 0 && { drivers: options.drivers as DriverName[] }),
    engines: {
      dockerSocket: options.dockerSocket ?? '/var/run/docker.sock',
      lxdSocket: lxdSocketPath(options.lxdSocket),
      ...(options.lxdPool !== undefined && { lxdPool: options.lxdPool }),
      ...(options.lxdNetwork !== undefined && { lxdNetwork: options.lxdNetwork }),
      lxdRemotes: new Map((options.lxdRemote ?? []).map(parseRemote)),
    },
    allowHostPorts: (options.allowHostPort ?? []).map(parsePort),
    reserve: reserveOf(options),
    ...fenceOf(options),
    keepImagesMs: options.keepImages ?? 86_400_000,
    keepMovedVolumesMs: options.keepMovedVolumes ?? 86_400_000,
  };
}

/** One lost heartbeat must not stop anything. */
function fenceOf({ heartbeat = 10_000, fenceTime = 60_000 }: AgentOptions) {
  if (fenceTime < 2 * heartbeat)
    throw new OptionError(
      `--fence-time (${fenceTime / 1000}s) must be at least twice --heartbeat (${heartbeat / 1000}s)`,
    );
  return { heartbeatMs: heartbeat, fenceMs: fenceTime };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new OptionError(`--allow-host-port: ${JSON.stringify(text)} is no TCP port`);
  return port;
}

function reserveOf(options: AgentOptions): { cpuMillis: number; memoryBytes: number; diskBytes: number } {
  const read = (name: string, text: string | undefined, parse: (text: string) => number | undefined) => {
    if (text === undefined) return 0;
    const value = parse(text);
    if (value === undefined)
      throw new OptionError(`${name}: ${JSON.stringify(text)} is no quantity; write it as in 500m or 512Mi`);
    return value;
  };
  return {
    cpuMillis: read('reserveCpu', options.reserveCpu, parseCpuMillis),
    memoryBytes: read('reserveMemory', options.reserveMemory, parseBytes),
    diskBytes: read('reserveDisk', options.reserveDisk, parseBytes),
  };
}

/** Undefined when the path is longer than the system takes. */
function socketIn(folder: string): string | undefined {
  const path = join(folder, 'agent.sock');
  return Buffer.byteLength(path) < 104 ? path : undefined;
}
