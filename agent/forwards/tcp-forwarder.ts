import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { splice } from '../../controller/kit/splice.ts';
import type { PlacementForward } from '../../crds/kinds.ts';
import type { ObservedForward } from '../model/observed.ts';
import type { Forwarder } from './forwarder.ts';

export interface TcpForwarderOptions {
  /** Where `Private` listens. Defaults to 127.0.0.1. */
  privateAddress?: string;
  /** Where `Node` listens. */
  nodeAddress: string;
  /** A stream to a port inside the workspace of `owner`. */
  dial: (owner: string, port: number) => Promise<Duplex>;
  /** A listener broke by itself. */
  onFailure: (owner: string) => void;
  /** Of one forward; more are refused. Defaults to 512. */
  maxConnections?: number;
}

interface Entry {
  owner: string;
  forward: PlacementForward;
  state: ObservedForward;
  server?: Server;
  sockets: Set<Socket>;
}

const KEEPALIVE_MS = 30_000;

/** Listeners of this process. */
export function createTcpForwarder(options: TcpForwarderOptions): Forwarder {
  const entries = new Map<string, Entry>();
  /** Ports that are being opened or are open, by `host port`: never two servers for one. */
  const holders = new Map<number, string>();
  const idOf = (owner: string, name: string) => `${owner}\n${name}`;

  const accept = (entry: Entry) => async (socket: Socket) => {
    entry.sockets.add(socket);
    socket.once('close', () => entry.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.pause();
    try {
      const inner = await options.dial(entry.owner, entry.forward.port);
      if (socket.destroyed) return void inner.destroy();
      splice(socket, inner);
    } catch {
      socket.destroy();
    }
  };

  const listen = async (entry: Entry) => {
    const { forward } = entry;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept(entry));
    server.maxConnections = options.maxConnections ?? 512;
    const host = forward.exposure === 'Node' ? options.nodeAddress : (options.privateAddress ?? '127.0.0.1');
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port: forward.hostPort, exclusive: true }, resolve);
    });
    server.on('error', error => {
      entry.state = { ...entry.state, state: 'Failed', reason: 'Error', message: error.message };
      options.onFailure(entry.owner);
    });
    entry.server = server;
  };

  const shut = async (entry: Entry) => {
    entries.delete(idOf(entry.owner, entry.forward.name));
    const { server } = entry;
    if (server) {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of entry.sockets) socket.destroy();
      await closed;
    }
    if (holders.get(entry.forward.hostPort) === idOf(entry.owner, entry.forward.name))
      holders.delete(entry.forward.hostPort);
  };

  const forwarder: Forwarder = {
    async open(owner, forward) {
      const id = idOf(owner, forward.name);
      const there = entries.get(id);
      const { port, hostPort, exposure } = forward;
      if (there?.server?.listening && there.state.state === 'Open') {
        const same = there.forward.hostPort === hostPort && there.forward.exposure === exposure;
        if (same) {
          there.forward = forward;
          there.state = { port, hostPort, exposure, state: 'Open' };
          return;
        }
      }
      if (there) await shut(there);
      const state: ObservedForward = { port, hostPort, exposure, state: 'Open' };
      const entry: Entry = { owner, forward, state, sockets: new Set() };
      entries.set(id, entry);
      if (holders.has(hostPort)) {
        const message = `port ${hostPort} is still held by another workspace of this node`;
        entry.state = { ...state, state: 'Failed', reason: 'Busy', message };
        return;
      }
      holders.set(hostPort, id);
      try {
        await listen(entry);
      } catch (error) {
        holders.delete(hostPort);
        entry.state = { ...state, ...explain(error as NodeJS.ErrnoException, hostPort) };
      }
    },
    async close(owner, name) {
      const entry = entries.get(idOf(owner, name));
      if (entry) await shut(entry);
    },
    async closeAll(owner) {
      await Promise.all([...entries.values()].filter(entry => entry.owner === owner).map(shut));
    },
    list(owner) {
      const found: Record<string, ObservedForward> = {};
      for (const entry of entries.values())
        if (entry.owner === owner) found[entry.forward.name] = { ...entry.state };
      return found;
    },
    get connections() {
      return [...entries.values()].reduce((sum, entry) => sum + entry.sockets.size, 0);
    },
    get count() {
      return entries.size;
    },
    async stop() {
      await Promise.all([...entries.values()].map(shut));
    },
  };
  return forwarder;
}

function explain(error: NodeJS.ErrnoException, port: number): Partial<ObservedForward> {
  if (error.code === 'EADDRINUSE')
    return {
      state: 'Failed',
      reason: 'Conflict',
      message: `port ${port} is taken by something else on the node`,
    };
  const hint = error.code === 'EACCES' ? 'the agent may not open it' : error.message;
  return { state: 'Failed', reason: 'Error', message: `port ${port}: ${hint}` };
}
