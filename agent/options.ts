import { LOG_OPTIONS } from '../controller/kit/log-options.ts';
import type { OptionTable, OptionValues } from '../controller/kit/options.ts';

/** Every option of the agent: flags of `nexus agent` and `nexus up`, NEXUS_* in the environment. */
export const AGENT_OPTIONS = {
  nodeName: {
    type: 'string',
    env: 'NEXUS_NODE_NAME',
    help: 'Name of the Node that this agent is; the host name when nobody says',
  },
  address: {
    type: 'string',
    env: 'NEXUS_ADDRESS',
    help: 'Host name or address at which people reach this node; 127.0.0.1, and SSH on loopback alone, when nobody says',
  },
  sshBind: {
    type: 'string',
    env: 'NEXUS_SSH_BIND',
    help: 'Address on which SSH and ports exposed on the node listen; 0.0.0.0 with --address, else 127.0.0.1',
  },
  drivers: {
    type: 'list',
    choices: ['docker', 'lxc', 'memory'],
    env: 'NEXUS_DRIVERS',
    help: 'What runs workspaces here; docker and lxc, those that answer, when nobody says',
  },
  dockerSocket: {
    type: 'string',
    default: '/var/run/docker.sock',
    env: 'NEXUS_DOCKER_SOCKET',
    help: "Socket of Docker's API; Podman's works too",
  },
  lxdSocket: {
    type: 'string',
    env: 'NEXUS_LXD_SOCKET',
    help: 'Socket of the API of LXD or Incus; the first of the usual ones that is there when nobody says',
  },
  lxdPool: {
    type: 'string',
    env: 'NEXUS_LXD_POOL',
    help: "Storage pool of LXD for workspaces; that of LXD's default profile, or its first one, when nobody says",
  },
  lxdNetwork: {
    type: 'string',
    env: 'NEXUS_LXD_NETWORK',
    help: 'Bridge of LXD for workspaces, whose packet filter is then not touched; one of its own when nobody says',
  },
  lxdRemote: {
    type: 'list',
    env: 'NEXUS_LXD_REMOTE',
    help: 'Image servers as name=https://… (simplestreams), beside images, ubuntu and ubuntu-daily',
  },
  allowHostPort: {
    type: 'list',
    env: 'NEXUS_ALLOW_HOST_PORT',
    help: 'TCP ports of the node that workspaces may reach, at the name node.nexus.internal; none when nobody says',
  },
  agentWorkers: {
    type: 'number',
    default: 8,
    min: 1,
    max: 64,
    env: 'NEXUS_AGENT_WORKERS',
    help: 'Workspaces of the node that are worked on side by side',
  },
  resync: {
    type: 'duration',
    default: '5m',
    min: 1_000,
    env: 'NEXUS_RESYNC',
    help: 'How often everything is looked at although nothing happened',
  },
  heartbeat: {
    type: 'duration',
    default: '10s',
    min: 500,
    env: 'NEXUS_HEARTBEAT',
    help: 'How often the node says that it is there',
  },
  fenceTime: {
    type: 'duration',
    default: '60s',
    min: 1_000,
    env: 'NEXUS_FENCE_TIME',
    help: 'Time without an answer of the server after which workspaces that may be moved (onNodeLoss: Reschedule) are stopped here',
  },
  keepMovedVolumes: {
    type: 'duration',
    default: '24h',
    min: 0,
    env: 'NEXUS_KEEP_MOVED_VOLUMES',
    help: 'How long the home volume of a workspace that moved away is kept here',
  },
  keepImages: {
    type: 'duration',
    default: '24h',
    min: 0,
    env: 'NEXUS_KEEP_IMAGES',
    help: 'How long images that SSH and Git were added to are kept here after their last use',
  },
  reserveCpu: {
    type: 'string',
    default: '0',
    env: 'NEXUS_RESERVE_CPU',
    help: 'Processor set aside for the node itself, a quantity',
  },
  reserveMemory: {
    type: 'string',
    default: '512Mi',
    env: 'NEXUS_RESERVE_MEMORY',
    help: 'Memory set aside for the node itself, a quantity',
  },
  reserveDisk: {
    type: 'string',
    default: '1Gi',
    env: 'NEXUS_RESERVE_DISK',
    help: 'Disk set aside for the node itself, a quantity',
  },
  agentMetrics: {
    type: 'string',
    env: 'NEXUS_AGENT_METRICS',
    help: 'Loopback port (0: any), host:port or path of a Unix socket for /livez, /readyz and /metrics; agent.sock beside the checkpoint when nobody says',
  },
  ...LOG_OPTIONS,
} as const satisfies OptionTable;

export type AgentOptionValues = OptionValues<typeof AGENT_OPTIONS>;
