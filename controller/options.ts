import { DEFAULT_LIMITS } from './apiserver/context.ts';
import { DEFAULT_GATEWAY_LIMITS } from './gateway/limits.ts';
import { LOG_OPTIONS } from './kit/log-options.ts';
import type { OptionTable } from './kit/options.ts';
import { VERSION } from './kit/version.ts';
import { REST_OPTIONS } from './rest/options.ts';

/** Of workspaces that name no image. It is on no registry: `nexus image` makes it. */
export const DEFAULT_IMAGE = `nexus-workspace:${VERSION}`;

/** The same for LXC, an alias of LXD: `nexus image --driver lxc` makes it. */
export const DEFAULT_LXC_IMAGE = `nexus-workspace/${VERSION}`;

/** Every option of the server: flags of `nexus controller` and `nexus up`, NEXUS_* in the environment, server.yaml. */
export const SERVER_OPTIONS = {
  listen: {
    type: 'string',
    default: '127.0.0.1:3001',
    env: 'NEXUS_LISTEN',
    help: 'Address and port of the API; 0.0.0.0:3001 for every address of the machine',
  },
  advertise: {
    type: 'list',
    env: 'NEXUS_ADVERTISE',
    help: "Further host names and addresses that the server's certificate is for",
  },
  defaultImage: {
    type: 'string',
    default: DEFAULT_IMAGE,
    env: 'NEXUS_DEFAULT_IMAGE',
    help: 'Image of workspaces that name none',
  },
  defaultLxcImage: {
    type: 'string',
    default: DEFAULT_LXC_IMAGE,
    env: 'NEXUS_DEFAULT_LXC_IMAGE',
    help: 'Image of workspaces that name none and run in LXC: an alias of LXD, or one of an image server as in images:debian/12',
  },
  localNode: {
    type: 'string',
    env: 'NEXUS_LOCAL_NODE',
    help: 'Name of a node on this machine to make credentials for (`nexus up` sets it)',
  },
  nodeGrace: {
    type: 'duration',
    default: '40s',
    min: 5000,
    env: 'NEXUS_NODE_GRACE',
    help: 'Time without a heartbeat after which a node is Unknown',
  },
  nodeLossDelete: {
    type: 'duration',
    default: '1h',
    min: 1000,
    env: 'NEXUS_NODE_LOSS_DELETE',
    help: 'Time after which a delete no longer waits for a node that is silent',
  },
  eventTtl: {
    type: 'duration',
    default: '1h',
    min: 60_000,
    env: 'NEXUS_EVENT_TTL',
    help: 'How long Events are kept',
  },
  clientCertTtl: {
    type: 'duration',
    default: '24h',
    min: 600_000,
    env: 'NEXUS_CLIENT_CERT_TTL',
    help: 'Longest lifetime of client certificates that are asked for by a CertificateSigningRequest',
  },
  workers: {
    type: 'number',
    default: 8,
    min: 1,
    max: 64,
    env: 'NEXUS_WORKERS',
    help: 'Objects of a kind that are reconciled side by side',
  },
  apiMaxRequests: {
    type: 'number',
    default: DEFAULT_LIMITS.requestsInFlight,
    min: 1,
    env: 'NEXUS_API_MAX_REQUESTS',
    help: 'Requests of users that the API handles at once; a list of many objects counts up to ten times',
  },
  apiMaxRequestsPerUser: {
    type: 'number',
    default: DEFAULT_LIMITS.requestsPerUser,
    min: 1,
    env: 'NEXUS_API_MAX_REQUESTS_PER_USER',
    help: 'Of them, of one user; some more wait, the rest is answered with 429',
  },
  apiMaxSystemRequests: {
    type: 'number',
    default: DEFAULT_LIMITS.systemRequestsInFlight,
    min: 2,
    env: 'NEXUS_API_MAX_SYSTEM_REQUESTS',
    help: 'Requests of agents at once, and as many of reconcilers, which no user takes anything from',
  },
  apiMaxWatches: {
    type: 'number',
    default: DEFAULT_LIMITS.watches,
    min: 1,
    env: 'NEXUS_API_MAX_WATCHES',
    help: 'Watches of users at once, as many of agents, and as many of reconcilers',
  },
  apiMaxWatchesPerUser: {
    type: 'number',
    default: DEFAULT_LIMITS.watchesPerUser,
    min: 1,
    env: 'NEXUS_API_MAX_WATCHES_PER_USER',
    help: 'Of them, of one user',
  },
  audit: {
    type: 'string',
    default: 'writes',
    choices: ['off', 'writes', 'all'],
    env: 'NEXUS_AUDIT',
    help: 'Requests that server/audit/audit.log records: none; writes, reads of Secrets and refusals; all',
  },
  auditMaxSize: {
    type: 'number',
    default: 20,
    min: 1,
    env: 'NEXUS_AUDIT_MAX_SIZE',
    help: 'MiB of the audit log after which a new file is begun',
  },
  auditMaxFiles: {
    type: 'number',
    default: 5,
    min: 1,
    env: 'NEXUS_AUDIT_MAX_FILES',
    help: 'Files of the audit log that are kept',
  },
  gatewayListen: {
    type: 'string',
    env: 'NEXUS_GATEWAY_LISTEN',
    help: "Address and port of the SSH gateway; `off` for none; port 3022 on the API's address when nobody says",
  },
  gatewayAddress: {
    type: 'string',
    env: 'NEXUS_GATEWAY_ADDRESS',
    help: 'host:port at which people and nodes reach the gateway; derived from --advertise when nobody says',
  },
  gatewayMaxConnections: {
    type: 'number',
    default: DEFAULT_GATEWAY_LIMITS.maxConnections,
    min: 1,
    env: 'NEXUS_GATEWAY_MAX_CONNECTIONS',
    help: 'Connections to the gateway at once',
  },
  gatewayMaxPerAddress: {
    type: 'number',
    default: DEFAULT_GATEWAY_LIMITS.maxPerAddress,
    min: 1,
    env: 'NEXUS_GATEWAY_MAX_PER_ADDRESS',
    help: 'Of them, from one address',
  },
  gatewayMaxPending: {
    type: 'number',
    default: DEFAULT_GATEWAY_LIMITS.maxPending,
    min: 1,
    env: 'NEXUS_GATEWAY_MAX_PENDING',
    help: 'Connections that have not logged in yet; more push out the oldest, and one address has half of them',
  },
  gatewayLoginGrace: {
    type: 'duration',
    default: '10s',
    min: 1_000,
    env: 'NEXUS_GATEWAY_LOGIN_GRACE',
    help: 'Time for a login at the gateway',
  },
  gatewayMaxFailures: {
    type: 'number',
    default: DEFAULT_GATEWAY_LIMITS.maxFailures,
    min: 0,
    env: 'NEXUS_GATEWAY_MAX_FAILURES',
    help: 'Failed logins from one address before it has to wait between attempts; 0: any number',
  },
  gatewayMaxChannels: {
    type: 'number',
    default: DEFAULT_GATEWAY_LIMITS.maxChannels,
    min: 1,
    env: 'NEXUS_GATEWAY_MAX_CHANNELS',
    help: "Channels of one user's connection at once",
  },
  gatewayMaxStuck: {
    type: 'number',
    default: DEFAULT_GATEWAY_LIMITS.maxStuck,
    min: 1,
    env: 'NEXUS_GATEWAY_MAX_STUCK',
    help: 'Channels of one user, over all connections, that nobody reads; of more, those that wait longest are closed',
  },
  ...REST_OPTIONS,
  ...LOG_OPTIONS,
} as const satisfies OptionTable;
