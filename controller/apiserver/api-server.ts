import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { CLUSTER_ROLE } from '../../crds/kinds.ts';
import type { ClusterRole, KubeObject } from '../../crds/object.ts';
import { type Clock, systemClock } from '../kit/clock.ts';
import { type Logger, silentLogger } from '../kit/log.ts';
import { Metrics } from '../kit/metrics.ts';
import type { Store } from '../store/store.ts';
import { Admission, type AdmissionPlugin } from './admission/admission.ts';
import { certificateRequestAdmission } from './admission/certificate-requests.ts';
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
import { nodeRestriction } from './admission/node-restriction.ts';
import { ownerReferences } from './admission/owner-references.ts';
import { rbacEscalation } from './admission/rbac-escalation.ts';
import { systemDefinitions } from './admission/system-definitions.ts';
import { userAdmission } from './admission/user.ts';
import { workspaceAdmission } from './admission/workspace.ts';
import { type AuditLog, NO_AUDIT } from './audit/audit-log.ts';
import type { Authorizer } from './auth/authorizer.ts';
import { ClientCertificates } from './auth/client-certificates.ts';
import { credentialFeeds } from './auth/credential-feeds.ts';
import type { Authenticator } from './auth/identity.ts';
import { loginHolds } from './auth/login-holds.ts';
import { Aggregator } from './auth/rbac/aggregation.ts';
import { Policy } from './auth/rbac/policy.ts';
import { policyFeed } from './auth/rbac/policy-feed.ts';
import { rbacAuthorizer } from './auth/rbac/rbac-authorizer.ts';
import { Tokens } from './auth/tokens.ts';
import { applyAggregated, bootstrap, saveQuotaStatus } from './bootstrap.ts';
import { type ApiContext, DEFAULT_LIMITS, type Limits } from './context.ts';
import { Discovery } from './discovery/discovery.ts';
import { FlowControl } from './flow-control/flow-control.ts';
import { toApiError } from './http/failure.ts';
import { OpenWatches } from './http/open-watches.ts';
import { registerRoutes, sendStatus } from './http/routes.ts';
import { serverMetrics } from './metrics.ts';
import { OpenApi } from './openapi/openapi.ts';
import { QuotaGuard } from './quota/quota-guard.ts';
import { quotaStatusFeed } from './quota/quota-status.ts';
import { builtinResources } from './registry/builtin.ts';
import type { CustomResourceDefinition } from './registry/crd.ts';
import { CrdController } from './registry/crd-controller.ts';
import { Registry } from './registry/registry.ts';
import { prefixOf } from './registry/served-resource.ts';
import type { TlsMaterial } from './tls.ts';
import { SharedEvents } from './verbs/watch-encoder.ts';

export interface ApiServerOptions {
  /** The caller's: it stays open when the server is closed. */
  readonly store: Store;
  /** Definitions that are served from the start, as parsed from their files. They are written to the store when they differ. */
  readonly crds?: readonly CustomResourceDefinition[];
  /** Roles, bindings and namespaces that are there from the start, beside Kubernetes' own. What is missing of them is added. */
  readonly policy?: readonly KubeObject[];
  /** Defaults to the bearer tokens kept in the store. */
  readonly authenticator?: Authenticator;
  /** Rules beside those that are built in. */
  readonly admission?: readonly AdmissionPlugin[];
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly metrics?: Metrics;
  /** Without it the server speaks plain HTTP: for tests only. */
  readonly tls?: TlsMaterial;
  readonly limits?: Partial<Limits>;
  /** Defaults to none. */
  readonly audit?: AuditLog;
  /** This server's version, e.g. 0.1.0. */
  readonly version?: string;
}

export interface ApiServer {
  /** More routes may be registered until the first request. Its `inject` needs no socket. */
  readonly app: FastifyInstance;
  /** Tokens that the default authenticator takes. */
  readonly tokens: Tokens;
  /** Client certificates, where there is an authority for them, and whatever was given. */
  readonly authenticator: Authenticator;
  /** Answers by the roles and bindings that are served. */
  readonly authorizer: Authorizer;
  /** Adds what is missing of `crds` and `policy`, as at the start: after a restore. */
  ensureDefaults(): Promise<void>;
  /** Port 0 lets the system choose. */
  listen(options: { host: string; port: number }): Promise<{ url: string }>;
  /** Ends watches, answers what is under way and stops; after two seconds whatever is left is cut off. */
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 2000;
/** Longer than the clients' and load balancers' own, so that they close first. */
const KEEP_ALIVE_MS = 75_000;
/** For a whole request to arrive. */
const REQUEST_TIMEOUT_MS = 60_000;

/** The Kubernetes API over a store. Resolves when everything in `crds` is served. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const {
    store,
    crds = [],
    policy = [],
    clock = systemClock,
    log = silentLogger,
    version = '0.0.0',
    tls,
  } = options;
  const metrics = options.metrics ?? new Metrics();
  const registry = new Registry(builtinResources());
  const rights = new Policy();
  const authorizer = rbacAuthorizer(rights);
  const watches = new OpenWatches(clock);
  const tokens = new Tokens(store, clock, {
    onRevoked: () => watches.changed(),
    holds: loginHolds(store),
  });
  const context: ApiContext = {
    store,
    registry,
    clock,
    log,
    version,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    authorizer,
    tokens,
    metrics: serverMetrics(metrics, store),
    quotas: new QuotaGuard(store),
    admission: new Admission([
      namespaceLifecycle(store),
      systemDefinitions(new Set(crds.map(crd => crd.metadata.name))),
      rbacEscalation(authorizer, rights),
      nodeRestriction,
      ownerReferences(authorizer, registry),
      certificateRequestAdmission(authorizer),
      workspaceAdmission,
      userAdmission(store),
      ...(options.admission ?? []),
    ]),
  };
  const ensureDefaults = () => bootstrap(context, { crds, policy });
  await ensureDefaults();
  const controller = new CrdController({ store, registry, clock, log });
  await controller.start();
  const aggregator = new Aggregator({
    list: () => store.list(prefixOf(CLUSTER_ROLE)).entries.map(({ object }) => object as ClusterRole),
    apply: role => applyAggregated(context, role),
    clock,
    log,
  });
  const feeds = [
    policyFeed({
      store,
      policy: rights,
      clock,
      log,
      onChange: clusterRoles => {
        watches.changed();
        if (clusterRoles) void aggregator.wake();
      },
    }),
    ...credentialFeeds({ store, onChange: () => watches.changed(), clock, log }),
    quotaStatusFeed({ store, save: (live, status) => saveQuotaStatus(context, live, status), clock, log }),
  ];
  for (const feed of feeds) feed.start();
  await aggregator.wake();

  const closing = new AbortController();
  const bearers = options.authenticator ?? tokens;
  const authenticator = tls?.clientCa ? new ClientCertificates(tls.clientCa, bearers, clock) : bearers;
  const app = createApp(context, tls);
  await app.register(scope =>
    registerRoutes(scope, {
      context,
      authenticator,
      shared: new SharedEvents(),
      closing: closing.signal,
      watches,
      audit: options.audit ?? NO_AUDIT,
      flows: new FlowControl({ ...context, metrics }),
      paths: {
        discovery: new Discovery(registry),
        openApi: new OpenApi(registry, version),
        metrics,
        version,
        gzipAboveBytes: context.limits.gzipAboveBytes,
        unready: () => (closing.signal.aborted ? 'the server is stopping' : undefined),
      },
    }),
  );
  const offRenew = tls?.onRenew?.(material => {
    (app.server as unknown as { setSecureContext(of: object): void }).setSecureContext(
      secureContext(material, tls),
    );
  });
  let closed: Promise<void> | undefined;
  return {
    app,
    tokens,
    authenticator,
    authorizer,
    ensureDefaults,
    async listen({ host, port }) {
      await app.listen({ host, port });
      const address = app.server.address() as AddressInfo;
      const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      return { url: `${tls ? 'https' : 'http'}://${name}:${address.port}` };
    },
    close() {
      closed ??= (async () => {
        closing.abort();
        watches.stop();
        offRenew?.();
        const cancel = clock.after(CLOSE_GRACE_MS, () => app.server.closeAllConnections());
        await app.close();
        cancel();
        await Promise.all([controller, aggregator, ...feeds].map(part => part.stop()));
      })();
      return closed;
    },
  };
}

/** A client's certificate is asked for, and looked into by the authenticator: without one there are tokens. */
function secureContext({ key, cert }: Pick<TlsMaterial, 'key' | 'cert'>, { clientCa }: TlsMaterial) {
  return {
    key,
    cert,
    minVersion: 'TLSv1.2' as const,
    ...(clientCa && { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
}

function createApp({ limits, log }: ApiContext, tls: TlsMaterial | undefined): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    // Answered as a Status by our own hook.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 8192 },
    frameworkErrors: (error, _request, reply) => {
      sendStatus(reply, toApiError(error, log, limits.bodyBytes));
    },
    ...(tls && {
      https: { ...secureContext(tls, tls), ALPNProtocols: ['http/1.1'] },
    }),
  });
  return app as unknown as FastifyInstance;
}
