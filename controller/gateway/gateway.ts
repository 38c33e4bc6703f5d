import { createServer, type Server, type Socket } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import { NODE, USER } from '../../crds/kinds.ts';
import type { Node, User } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import { slept } from '../kit/abort.ts';
import { boundChannel } from '../kit/bound-channel.ts';
import type { Clock } from '../kit/clock.ts';
import { hastenCiphers } from '../kit/hasten-ciphers.ts';
import type { Logger } from '../kit/log.ts';
import { Metrics } from '../kit/metrics.ts';
import { SSH_ALGORITHMS } from '../kit/ssh-algorithms.ts';
import type { SshKey } from '../kit/ssh-key-file.ts';
import { createInformer } from '../runtime/informer.ts';
import type { Part } from '../runtime/manager.ts';
import { type Arrival, Arrivals } from './arrivals.ts';
import { gatewayMetrics } from './gateway-metrics.ts';
import { createIdentities, type Peer } from './identities.ts';
import { findToken, sweepTokens } from './join-tokens.ts';
import { serveUser, type UserChannel } from './jump-host.ts';
import { DEFAULT_GATEWAY_LIMITS, type GatewayLimits, Limiter } from './limits.ts';
import { type Joiner, login } from './login.ts';
import type { Published } from './publish.ts';
import { watchRights } from './rights.ts';
import { serveJoin } from './serve-join.ts';
import { socketOf } from './ssh2-internals.ts';
import { StuckBudget } from './stuck-budget.ts';
import { createUplinkApi } from './uplink-api.ts';
import { Uplinks } from './uplinks.ts';

export interface GatewayOptions {
  /** The API, with the rights to read Users, Nodes and Workspaces and to ask what users may. */
  client: Client;
  /** The same, for what agents ask: with the right to act as any node. */
  transport: Transport;
  hostKey: SshKey;
  clock: Clock;
  log: Logger;
  random?: () => number;
  metrics?: Metrics;
  limits?: Partial<GatewayLimits>;
  /** What a machine that joins is told; asked once the gateway listens. */
  published: () => Published;
}

/** The SSH server: jump host of users, uplink of agents. */
export interface Gateway {
  /** Must run, and be ready before anybody is let in. */
  readonly informers: Part[];
  /** Port 0 lets the system choose. */
  listen(at: { host: string; port: number } | { path: string }): Promise<{ port: number }>;
  /** With which it answers from now on; connections that are open go on. */
  setHostKey(key: SshKey): void;
  /** Lets nobody in any more, ends users' connections, then agents', and frees the ports. */
  close(): Promise<void>;
}

/** ssh2's own pings, for people: a laptop that sleeps or loses its network for a minute keeps its sessions. */
const USER_KEEPALIVE = { keepaliveInterval: 30_000, keepaliveCountMax: 4 };
/** For connections that were told to end. */
const CLOSE_GRACE_MS = 1_000;

interface Session {
  who: Peer | Joiner;
  connection: Connection;
  arrival: Arrival;
  channels: Set<UserChannel>;
  over: Promise<void>;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { client, clock } = options;
  const log = options.log.child({ part: 'gateway' });
  const random = options.random ?? Math.random;
  const common = { client, clock, log, random, metrics: options.metrics };
  const users = createInformer<User>({ ...common, resource: USER });
  const nodes = createInformer<Node>({ ...common, resource: NODE, transform: keysAlone });
  const identities = createIdentities({ users, nodes });
  const limits = { ...DEFAULT_GATEWAY_LIMITS, ...options.limits };
  const limiter = new Limiter(limits, clock);
  const metrics = gatewayMetrics(options.metrics ?? new Metrics(), () => limiter.pending);
  const arrivals = new Arrivals({ limiter, limits, clock, log, metrics });
  const stuck = new StuckBudget({
    max: limits.maxStuck,
    stuckMs: limits.stuckMs,
    clock,
    onExceeded(user) {
      metrics.refused('TooManyStuck');
      log.warn({ user }, 'a channel is closed: too many of the user’s are not read');
    },
  });
  const api = createUplinkApi({ transport: options.transport, clock, log });
  const uplinks = new Uplinks(clock, api.serve);
  const sessions = new Set<Session>();
  const servers: Server[] = [];

  const answerWith = (key: SshKey) => {
    const server = new ssh2.Server({
      hostKeys: [key.privateKey],
      algorithms: SSH_ALGORITHMS,
      ident: 'Nexus',
      ...USER_KEEPALIVE,
    });
    return server.on('connection', connection => {
      hastenCiphers(connection);
      const arrival = arrivals.of(socketOf(connection));
      if (arrival) void serve(connection, arrival);
    });
  };
  let ssh = answerWith(options.hostKey);

  async function serve(connection: Connection, arrival: Arrival): Promise<void> {
    const { address, socket } = arrival;
    connection.on('error', error => {
      log.debug({ address, why: error.message }, 'a connection broke');
      // What ssh2 has to say of it is on its way.
      socket.destroySoon();
      clock.after(CLOSE_GRACE_MS, () => socket.destroy());
    });
    const who = await login(connection, {
      identities,
      findToken: password => findToken(client, password),
      onRefused(attempt) {
        metrics.refused(attempt.why);
        log.info({ address, ...attempt }, 'a login was refused');
      },
    });
    // The key may have been taken away just now.
    if (who.kind !== 'join' && !identities.holds(who)) return void socket.destroy();
    arrival.admit();
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const session: Session = { who, connection, arrival, channels: new Set(), over };
    sessions.add(session);
    metrics.loggedIn(who.kind);
    metrics.opened(who.kind);
    const name = who.kind === 'join' ? who.token.id : who.name;
    log.info({ kind: who.kind, name, address }, 'logged in');
    connection.once('close', () => {
      sessions.delete(session);
      metrics.closed(who.kind);
      log.info({ kind: who.kind, name, address }, 'a connection was closed');
      end();
    });
    const bound = (channel: ServerChannel) =>
      boundChannel(channel, () => {
        if (socket.destroyed) return;
        socket.destroy();
        metrics.refused('WindowExceeded');
        log.warn({ kind: who.kind, name, address }, 'more was sent than was granted; its connection is cut');
      });
    if (who.kind === 'user')
      serveUser(
        connection,
        { peer: who, arrival, bound, channels: session.channels },
        { client, identities, uplinks, maxChannels: limits.maxChannels, stuck, clock, log, metrics },
      );
    else {
      serveJoin(connection, who, { client, identities, published: options.published, clock, log });
      if (who.kind === 'node') uplinks.add(who.name, { connection, arrival, bound });
    }
  }

  identities.onLoss(({ kind, name }) => {
    for (const { who, arrival } of sessions) {
      if (who.kind !== kind || who.name !== name || identities.holds(who)) continue;
      metrics.refused('Revoked');
      log.warn({ kind, name, address: arrival.address }, 'the key was revoked; its connection is cut');
      arrival.socket.destroy();
    }
  });
  const rights = watchRights({ client, clock, log, random }, () =>
    [...sessions].flatMap(one => [...one.channels]),
  );

  const accept = (isLocal: boolean) => (socket: Socket) => {
    if (arrivals.enter(socket, isLocal)) ssh.injectSocket(socket);
  };

  return {
    informers: [
      { name: 'gateway users', run: users.run, ready: users.synced },
      { name: 'gateway nodes', run: nodes.run, ready: nodes.synced },
      ...rights.informers,
      { name: 'join tokens', run: signal => sweepTokens(common, signal) },
    ],
    setHostKey(key) {
      ssh = answerWith(key);
    },
    async listen(at) {
      // Only the listener knows: a TCP connection that was reset has no address either.
      const server = createServer(accept('path' in at));
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(at, resolve);
      });
      const bound = server.address();
      return { port: typeof bound === 'object' && bound ? bound.port : 0 };
    },
    async close() {
      rights.stop();
      stuck.stop();
      const closed = servers.map(server => new Promise<void>(resolve => server.close(() => resolve())));
      const ended = async (isOf: (who: Peer | Joiner) => boolean) => {
        const some = [...sessions].filter(({ who }) => isOf(who));
        for (const { connection } of some) connection.end();
        const grace = new AbortController();
        const all = Promise.all(some.map(({ over }) => over)).finally(() => grace.abort());
        if (await slept(clock, CLOSE_GRACE_MS, grace.signal))
          for (const { arrival } of some) arrival.socket.destroy();
        await all;
      };
      // Agents last: their API goes over these connections.
      await ended(({ kind }) => kind !== 'node');
      await ended(({ kind }) => kind === 'node');
      uplinks.close();
      api.close();
      arrivals.destroyAll();
      await Promise.all(closed);
    },
  };
}

/** All that the gateway wants of a Node. */
function keysAlone({ apiVersion, kind, metadata, spec }: Node): Node {
  const { name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, metadata: { name, uid, resourceVersion }, spec: { agentKeys: spec?.agentKeys } };
}
