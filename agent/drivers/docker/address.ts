import { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { type Clock, systemClock } from '../../../controller/kit/clock.ts';
import { boundCalls } from './bound-calls.ts';

/** Where an engine listens: a Unix socket, or TCP with TLS when a certificate is given. */
export interface EngineAddress {
  socketPath?: string;
  host?: string;
  port?: number;
  /** PEM. All three or none. */
  ca?: string;
  cert?: string;
  key?: string;
}

export interface Connection {
  docker: Docker;
  close(): void;
}

/** A client with sockets of its own. Connects with the first call. */
export function connect(address: EngineAddress, clock: Clock = systemClock): Connection {
  const { socketPath, host, port, ca, cert, key } = address;
  const tls = cert !== undefined;
  const agent = tls ? new HttpsAgent({ keepAlive: true, ca, cert, key }) : new Agent({ keepAlive: true });
  // The client renders what it calls with for its debug log, switched on or not: all that is below the sockets was more than
  // half of the agent's processor time.
  Object.assign(agent, { [inspect.custom]: () => 'Agent' });
  // The client takes an agent; its types do not know of it.
  const options: Docker.DockerOptions & { agent: Agent } = {
    ...(socketPath ? { socketPath } : { host, port, protocol: tls ? 'https' : 'http', ca, cert, key }),
    agent,
  };
  const docker = new Docker(options);
  boundCalls(docker, clock);
  return { docker, close: () => agent.destroy() };
}

/** As a person would write it. */
export function describeAddress({ socketPath, host, port }: EngineAddress): string {
  return socketPath ? `unix://${socketPath}` : `tcp://${host}:${port}`;
}
