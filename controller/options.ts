import { LOG_OPTIONS } from './kit/log-options.ts';
import type { OptionTable } from './kit/options.ts';

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
    default: 'nexus-workspace:0.1.0',
    env: 'NEXUS_DEFAULT_IMAGE',
    help: 'Image of workspaces that name none',
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
  workers: {
    type: 'number',
    default: 8,
    min: 1,
    max: 64,
    env: 'NEXUS_WORKERS',
    help: 'Objects of a kind that are reconciled side by side',
  },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;
