import type { Clock } from '../controller/kit/clock.ts';
import type { Logger } from '../controller/kit/log.ts';
import type { Backend } from './agent-context.ts';
import type { Candidate } from './detect-drivers.ts';
import type { Driver, DriverName, EngineEvent } from './driver.ts';
import type { MemoryDriver } from './drivers/memory/memory-driver.ts';
import { createEngineView } from './engine/engine-view.ts';
import { createMemoryForwarder } from './forwards/memory-forwarder.ts';
import { createTcpForwarder } from './forwards/tcp-forwarder.ts';
import type { Guest } from './guest/guest.ts';
import { createMemoryGuest } from './guest/memory-guest.ts';
import { guestCommand, guestTmpfs } from './guest/program.ts';
import { createScriptGuest } from './guest/script-guest.ts';
import { createMemoryProbe } from './health/memory-probe.ts';
import { createProbe } from './health/probe.ts';
import type { NodeFacts } from './model/node-facts.ts';
import type { Unit } from './reconcile/unit.ts';
import type { AgentKey } from './ssh/agent-key.ts';
import { dialPort } from './ssh/dial.ts';
import { memoryTunnels } from './ssh/memory-tunnel.ts';
import { createTunnel } from './ssh/tunnel.ts';

export interface BackendDeps {
  nodeName: string;
  sshBind: string;
  engines: EngineSettings;
  allowHostPorts: readonly number[];
  key: AgentKey;
  clock: Clock;
  log: Logger;
  random: () => number;
  units: ReadonlyMap<string, Unit>;
  wake: (placement: string) => void;
  onEngineEvent: (placement: string | undefined, type: EngineEvent['type'] | 'lost' | 'back') => void;
}

/** Where engines are, and what is used of them. */
export interface EngineSettings {
  dockerSocket: string;
  lxdSocket: string;
  lxdPool?: string;
  lxdNetwork?: string;
  /** Image servers by name. */
  lxdRemotes: ReadonlyMap<string, string>;
}

/** A driver made elsewhere (tests share engines and inject faults), with the guest that goes with it. */
export interface GivenDriver {
  driver: Driver;
  guest?: Guest;
}

/** A driver with its guest, forwarder, tunnels and checks. */
export async function createBackend(given: DriverName | GivenDriver, deps: BackendDeps): Promise<Backend> {
  const { clock, log, random } = deps;
  const driver = typeof given === 'string' ? await makeDriver(given, deps) : given.driver;
  const guest = (typeof given === 'string' ? undefined : given.guest) ?? makeGuest(driver, deps);
  const facts: NodeFacts = {
    nodeName: deps.nodeName,
    sshBind: deps.sshBind,
    agentKey: deps.key.publicKey,
    boot: { command: guestCommand(), env: {}, tmpfs: guestTmpfs() },
    render: desired => guest.render(desired),
  };
  const view = createEngineView({ driver, clock, log, random, onEvent: deps.onEngineEvent });
  const base = { name: driver.name, view, guest, facts };
  if (driver.name === 'memory')
    return {
      ...base,
      forwarder: createMemoryForwarder(isMemory(driver) ? { taken: driver.engine.takenPorts } : {}),
      tunnel: memoryTunnels(guest),
      probe: () => createMemoryProbe(guest),
    };
  const dial = (unit: Unit | undefined, port: number) => {
    const tunnel = unit?.tunnel?.tunnel;
    const reach = {
      ...(unit?.address !== undefined && { address: unit.address }),
      ...(tunnel && { tunnel: tunnel.open }),
    };
    return dialPort(reach, port, clock);
  };
  return {
    ...base,
    forwarder: createTcpForwarder({
      nodeAddress: deps.sshBind,
      dial: (owner, port) => dial(deps.units.get(owner), port),
      onFailure: deps.wake,
    }),
    tunnel: (target, onChange) =>
      createTunnel({ target, privateKey: deps.key.privateKey, clock, log, random, onChange }),
    probe: unit => createProbe({ guest, clock, dial: port => dial(unit, port) }),
  };
}

type DriverDeps = Pick<BackendDeps, 'nodeName' | 'clock' | 'log' | 'engines' | 'allowHostPorts'>;

/** Loads those alone that are asked for: the client of Docker is a tenth of an agent's start. */
async function makeDriver(name: DriverName, deps: DriverDeps): Promise<Driver> {
  const { nodeName: node, clock, log, engines, allowHostPorts } = deps;
  const common = { node, clock, log, allowHostPorts };
  switch (name) {
    case 'docker': {
      const { createDockerDriver } = await import('./drivers/docker/docker-driver.ts');
      return createDockerDriver({ ...common, socketPath: engines.dockerSocket });
    }
    case 'lxc': {
      const { createLxcDriver } = await import('./drivers/lxc/lxc-driver.ts');
      return createLxcDriver({
        ...common,
        socketPath: engines.lxdSocket,
        remotes: engines.lxdRemotes,
        ...(engines.lxdPool !== undefined && { pool: engines.lxdPool }),
        ...(engines.lxdNetwork !== undefined && { network: engines.lxdNetwork }),
      });
    }
    case 'memory': {
      const { createMemoryDriver } = await import('./drivers/memory/memory-driver.ts');
      return createMemoryDriver({ node, clock });
    }
    default:
      throw new Error(`this agent has no driver ${name}; it has docker, lxc and memory`);
  }
}

/** Engines that are looked for when nobody says which, the preferred one first. */
export function driverCandidates(deps: DriverDeps): Candidate[] {
  const { dockerSocket, lxdSocket } = deps.engines;
  return [
    { name: 'docker', socketPath: dockerSocket, make: () => makeDriver('docker', deps) },
    { name: 'lxc', socketPath: lxdSocket, make: () => makeDriver('lxc', deps) },
  ];
}

function makeGuest(driver: Driver, { clock, log }: BackendDeps): Guest {
  return isMemory(driver) ? createMemoryGuest({ driver, clock }) : createScriptGuest({ driver, clock, log });
}

const isMemory = (driver: Driver): driver is MemoryDriver => driver.name === 'memory' && 'engine' in driver;
