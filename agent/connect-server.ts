import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../controller/client/client.ts';
import { connect } from '../controller/client/connect.ts';
import { createClient } from '../controller/client/create-client.ts';
import { httpsTransport } from '../controller/client/https-transport.ts';
import type { Clock } from '../controller/kit/clock.ts';
import { type GatewayFile, readGatewayFile } from '../controller/kit/gateway-file.ts';
import type { Logger } from '../controller/kit/log.ts';
import type { Metrics } from '../controller/kit/metrics.ts';
import { StartError } from '../controller/kit/start-error.ts';
import { VERSION } from '../controller/kit/version.ts';
import type { AgentOptions } from './agent-settings.ts';
import type { Unit } from './reconcile/unit.ts';
import type { ServerClock } from './server-clock.ts';
import type { AgentKey } from './ssh/agent-key.ts';
import { locatePlacement } from './uplink/locate-placement.ts';
import { createUplink, type Uplink } from './uplink/uplink.ts';

export interface ServerConnection {
  client: Client;
  /** Of a node that has a gateway: streams to workspaces come over it. */
  uplink?: Uplink;
}

/** Few: each is a channel of one connection. */
const UPLINK_SOCKETS = 16;

/** Connections of a node, beside those of the caller. Nothing is sent yet. Throws when nobody said where the server is. */
export async function connectServer(
  options: AgentOptions,
  deps: {
    /** Of key and checkpoint. */
    folder?: string;
    gateway?: GatewayFile;
    key: AgentKey;
    units: ReadonlyMap<string, Unit>;
    clock: Clock;
    serverClock: ServerClock;
    log: Logger;
    random: () => number;
    metrics: Metrics;
  },
): Promise<ServerConnection> {
  const { folder, gateway, key, units, clock, serverClock, log, random, metrics } = deps;
  const uplink =
    gateway &&
    createUplink({
      gateway: async () => (folder ? await readGatewayFile(folder) : undefined) ?? gateway,
      privateKey: key.privateKey,
      locate: locatePlacement(units),
      clock,
      log,
      random,
    });
  const common = { userAgent: `nexus-agent/${VERSION}`, metrics, clock, onDate: serverClock.heard };
  const client = async () => {
    if (options.client) return options.client;
    const file = options.kubeconfig ?? join(folder ?? '.', 'kubeconfig');
    // A gateway that a controller on this machine told of has a socket, and a kubeconfig beside it; a join needs none.
    if (!uplink || options.kubeconfig || (gateway.socket && existsSync(file))) {
      if (!options.kubeconfig && !existsSync(file))
        throw new StartError(
          'this machine belongs to no server yet: make a token there with `nexus node token create` and type what it prints',
        );
      return (await connect({ file, ...common })).client;
    }
    const transport = httpsTransport({
      server: 'http://gateway',
      connect: () => uplink.connect(),
      maxSockets: UPLINK_SOCKETS,
      clock,
    });
    return createClient({ transport, ...common });
  };
  return { client: await client(), ...(uplink && { uplink }) };
}
