import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiServer, createApiServer } from './apiserver/api-server.ts';
import type { AuditScope } from './apiserver/audit/audit-event.ts';
import { createAuditLog } from './apiserver/audit/audit-log.ts';
import {
  type Authenticator,
  bearerToken,
  CONTROLLER_USER,
  GROUP_MASTERS,
  type Identity,
} from './apiserver/auth/identity.ts';
import type { Tokens } from './apiserver/auth/tokens.ts';
import { registerMaintenance } from './apiserver/maintenance.ts';
import { openClientAuthority, openTls } from './apiserver/tls.ts';
import { watchAuthorizedKeys } from './authorized-keys.ts';
import { createClient } from './client/create-client.ts';
import { injectTransport } from './client/inject-transport.ts';
import { ensureAdminCredential, ensureNodeCredential } from './credentials.ts';
import { loadCrds, loadPolicy } from './defaults.ts';
import { type Clock, systemClock } from './kit/clock.ts';
import type { Logger } from './kit/log.ts';
import { createLogger, type LogLevel } from './kit/logger.ts';
import { machineLabels } from './kit/machine-labels.ts';
import { Metrics } from './kit/metrics.ts';
import type { OptionValues } from './kit/options.ts';
import { RotatedFile } from './kit/rotated-file.ts';
import { VERSION } from './kit/version.ts';
import { parseListen } from './listen-address.ts';
import { listenOnSocket } from './local-socket.ts';
import type { SERVER_OPTIONS } from './options.ts';
import { createReconcilers } from './reconcilers/create-reconcilers.ts';
import { ensureNode } from './reconcilers/node/ensure-node.ts';
import { startRest } from './rest/start-rest.ts';
import { createEventRecorder } from './runtime/event-recorder.ts';
import { createManager } from './runtime/manager.ts';
import { createSessions } from './sessions.ts';
import { localAgentKey, startGateway } from './start-gateway.ts';
import { openSqliteStore } from './store/sqlite.ts';

export interface ControllerOptions extends OptionValues<typeof SERVER_OPTIONS> {
  /** `$NEXUS_HOME`. */
  home: string;
  /** Called once the API answers and caches are full. */
  onReady?: () => void;
  clock?: Clock;
  log?: Logger;
}

const CONTROLLER: Identity = { name: CONTROLLER_USER, groups: [GROUP_MASTERS] };

/**
 * Runs the server until `signal` is aborted: store, API and reconcilers, closed in the reverse order. Rejects when it
 * cannot start or a part of it died.
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const clock = options.clock ?? systemClock;
  const log =
    options.log ??
    createLogger({
      level: options.logLevel as LogLevel,
      pretty: options.logFormat === 'pretty',
      component: 'server',
    });
  const metrics = new Metrics();
  const dir = join(options.home, 'server');
  for (const path of [options.home, dir]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const address = parseListen(options.listen);

  const closers: (() => Promise<unknown>)[] = [];
  try {
    const store = await openSqliteStore({ file: join(dir, 'nexus.db'), clock, log });
    closers.unshift(() => store.close());
    const tls = await openTls({
      dir: join(dir, 'tls'),
      hosts: [address.host, ...options.advertise],
      clock,
      log,
    });
    closers.unshift(async () => tls.close());
    const clients = await openClientAuthority(join(dir, 'tls'), clock);
    const auditFile = new RotatedFile({
      file: join(dir, 'audit', 'audit.log'),
      maxBytes: options.auditMaxSize * 1024 * 1024,
      maxFiles: options.auditMaxFiles,
      clock,
    });
    closers.unshift(() => auditFile.close());
    const audit = createAuditLog({ scope: options.audit as AuditScope, file: auditFile, metrics, log });
    const own = ownCredential();
    const server = await createApiServer({
      store,
      crds: loadCrds(),
      policy: loadPolicy(),
      authenticator: own.over(() => server.tokens),
      clock,
      log,
      metrics,
      tls,
      audit,
      version: VERSION,
      limits: {
        requestsInFlight: options.apiMaxRequests,
        requestsPerUser: options.apiMaxRequestsPerUser,
        systemRequestsInFlight: options.apiMaxSystemRequests,
        watches: options.apiMaxWatches,
        watchesPerUser: options.apiMaxWatchesPerUser,
      },
    });
    closers.unshift(() => server.close());
    const announced: { url: string; socket?: string } = { url: '' };
    const tell = () => announce(options, { server, ...announced, ca: tls.ca, log });
    await registerMaintenance(server.app, {
      store,
      authenticator: server.authenticator,
      authorizer: server.authorizer,
      dir,
      clock,
      audit,
      log,
      onRestored: async () => {
        await server.ensureDefaults();
        await tell();
      },
    });
    const keys = watchAuthorizedKeys(join(options.home, 'authorized_keys'), log);
    closers.unshift(() => keys.close());

    const transport = injectTransport(server.app, { authorization: `Bearer ${own.token}` });
    const client = createClient({
      transport,
      userAgent: `nexus-controller/${VERSION}`,
      metrics,
      clock,
    });
    const recorder = createEventRecorder({
      client,
      component: 'nexus-controller',
      clock,
      log,
      metrics,
      signal,
    });
    const localNode = options.localNode
      ? {
          name: options.localNode,
          labels: machineLabels(),
          agentKeys: [await localAgentKey(options.home)],
        }
      : undefined;
    const { informers, controllers, users } = createReconcilers(
      { client, clock, log, metrics, recorder },
      {
        defaultImage: options.defaultImage,
        defaultImages: { lxc: options.defaultLxcImage },
        authorizedKeys: keys,
        embedded: true,
        ...(localNode && { localNode }),
        leaseGraceMs: options.nodeGrace,
        nodeLossDeleteMs: options.nodeLossDelete,
        eventTtlMs: options.eventTtl,
        signer: {
          sign: async (request, ttlMs) => {
            const { signClientRequest } = await import('./apiserver/certificates.ts');
            return signClientRequest(clients, request, ttlMs, clock.now());
          },
          maxTtlMs: options.clientCertTtl,
        },
        workers: options.workers,
      },
    );
    await startRest(server.app, options, {
      client,
      users: () => users.list(),
      transportWith: headers =>
        injectTransport(server.app, { authorization: `Bearer ${own.token}`, ...headers }),
      clock,
      log,
      version: VERSION,
      sessions: createSessions(server.tokens, { authority: tls.ca, ttlMs: options.loginTtl, clock }),
      signal,
      listenHost: address.host,
    });
    const gateway = await startGateway(options, {
      home: options.home,
      client,
      transport,
      clock,
      log,
      metrics,
    });
    closers.unshift(() => gateway.close());
    const manager = createManager({ clock, log });
    informers.push(...gateway.informers);
    manager.add(...informers);
    manager.addLeading(...controllers, ...gateway.controllers);

    // Before anybody can ask, so that the agent of this machine finds its rights at its first look.
    if (localNode)
      await ensureNode(client, localNode, signal).catch(error =>
        log.warn({ err: error, node: localNode.name }, 'the local node is made later'),
      );
    const { url } = await server.listen(address);
    announced.url = url;
    const local = await listenOnSocket(server.app, join(dir, 'api.sock'), log);
    if (local) closers.unshift(local.close);
    announced.socket = local?.path;
    await tell();
    const stopping = new AbortController();
    const running = manager.run(AbortSignal.any([signal, stopping.signal]));
    // Also when the start fails after this.
    closers.unshift(async () => {
      stopping.abort();
      await running;
    });
    await Promise.race([Promise.all(informers.map(part => part.ready)), running]);
    if (!signal.aborted) {
      await gateway.open();
      log.info({ url }, 'ready');
      options.onReady?.();
    }
    await running;
    await recorder.flush();
  } finally {
    log.info({}, 'stopping');
    for (const close of closers)
      await close().catch(error => log.warn({ err: error }, 'could not close cleanly'));
    log.info({}, 'stopped');
  }
}

/** Writes who may reach the server, and as whom: the admin's kubeconfig, and a local agent's. */
async function announce(
  options: ControllerOptions,
  at: { server: ApiServer; url: string; ca: string; socket?: string; log: Logger },
): Promise<void> {
  const { ca, socket, log } = at;
  const { tokens } = at.server;
  const common = { url: reachable(at.url), ca, socket, tokens, log };
  await ensureAdminCredential({ ...common, file: join(options.home, 'kubeconfig') });
  if (!options.localNode) return;
  const file = join(options.home, 'agent', 'kubeconfig');
  await ensureNodeCredential({ ...common, file, node: options.localNode });
}

/** A token of this process alone, for calls that never leave it. */
function ownCredential(): { token: string; over(tokens: () => Tokens): Authenticator } {
  const token = randomBytes(32).toString('base64url');
  return {
    token,
    over: tokens => ({
      authenticate: request => (bearerToken(request) === token ? CONTROLLER : tokens().authenticate(request)),
    }),
  };
}

/** A server that listens everywhere is reached on loopback from here. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
