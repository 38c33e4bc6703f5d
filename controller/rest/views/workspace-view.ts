import type { Workspace, WorkspaceStatus } from '../../../crds/types.generated.ts';
import { workspaceId } from './workspace-id.ts';

type Phase = NonNullable<WorkspaceStatus['phase']>;
type ServiceStatus = NonNullable<WorkspaceStatus['services']>[number];

export const WORKSPACE_STATUSES = [
  'pending',
  'creating',
  'running',
  'degraded',
  'stopping',
  'stopped',
  'error',
  'unknown',
  'deleting',
] as const;
export type RestStatus = (typeof WORKSPACE_STATUSES)[number];

const STATUS: Readonly<Record<Phase, RestStatus>> = {
  Pending: 'pending',
  Creating: 'creating',
  Running: 'running',
  Degraded: 'degraded',
  Stopping: 'stopping',
  Stopped: 'stopped',
  Failed: 'error',
  Unknown: 'unknown',
  Deleting: 'deleting',
};

export const SERVICE_STATUSES = ['pending', 'starting', 'running', 'unhealthy', 'stopped', 'error'] as const;
export type RestServiceStatus = (typeof SERVICE_STATUSES)[number];
export const HEALTHS = ['healthy', 'unhealthy', 'unknown', 'timeout'] as const;
export type RestHealth = (typeof HEALTHS)[number];

const SERVICE_STATUS: Readonly<Record<ServiceStatus['state'], RestServiceStatus>> = {
  Pending: 'pending',
  Waiting: 'pending',
  Starting: 'starting',
  Running: 'running',
  Backoff: 'error',
  Stopped: 'stopped',
  Failed: 'error',
};

export function statusOf({ metadata, status }: Workspace): RestStatus {
  if (metadata.deletionTimestamp) return 'deleting';
  return STATUS[status?.phase ?? 'Pending'];
}

/** What is known beside the Workspace itself. */
export interface Surroundings {
  provider: string;
  /** The last heartbeat of its node, RFC 3339. */
  heartbeat?: string;
}

export function listView(workspace: Workspace, { provider }: Surroundings) {
  return {
    workspace_id: workspaceId(workspace),
    name: workspace.metadata.name,
    owner: workspace.metadata.namespace ?? '',
    status: statusOf(workspace),
    provider,
    ssh_port: workspace.status?.ssh?.port ?? null,
    created_at: workspace.metadata.creationTimestamp ?? '',
    services_count: workspace.spec.services?.length ?? 0,
  };
}

export function serviceViews({ status }: Workspace, { heartbeat }: Surroundings) {
  return (status?.services ?? []).map(service => ({
    name: service.name,
    status: serviceStatus(service),
    health: healthOf(service),
    port: service.port ?? null,
    mapped_port: service.hostPort ?? null,
    url: service.url ?? null,
    last_check: later(service.since, heartbeat) ?? null,
  }));
}

function serviceStatus({ state, health }: ServiceStatus): RestServiceStatus {
  return state === 'Running' && health === 'Unhealthy' ? 'unhealthy' : SERVICE_STATUS[state];
}

function healthOf({ health, message }: ServiceStatus): RestHealth {
  if (health === 'Healthy') return 'healthy';
  if (health !== 'Unhealthy') return 'unknown';
  return /timed? ?out/i.test(message ?? '') ? 'timeout' : 'unhealthy';
}

/** The service's last change, or its node's last heartbeat: whichever is later is when it was last seen so. */
function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Date.parse(a) >= Date.parse(b) ? a : b;
}

export function statusView(workspace: Workspace, around: Surroundings) {
  const { status, spec, metadata } = workspace;
  const services = serviceViews(workspace, around);
  return {
    workspace_id: workspaceId(workspace),
    owner: metadata.namespace ?? '',
    name: metadata.name,
    status: statusOf(workspace),
    message: status?.message ?? null,
    provider: around.provider,
    ssh: {
      host: status?.ssh?.host ?? null,
      port: status?.ssh?.port ?? null,
      user: status?.ssh?.user ?? spec.ssh?.user ?? 'dev',
      key_required: true,
    },
    services: Object.fromEntries(services.map(service => [service.name, service])),
    repository: spec.repo ? repositoryView(workspace) : null,
    node: status?.nodeName ?? null,
    created_at: metadata.creationTimestamp ?? '',
    updated_at: updatedAt(workspace),
  };
}

function repositoryView({ spec, status }: Workspace) {
  const url = spec.repo?.url ?? '';
  return {
    ...repositoryName(url),
    branch: status?.repository?.branch ?? spec.repo?.ref ?? null,
    commit: status?.repository?.commit ?? null,
    url,
  };
}

/** Owner and name at the end of a clone URL of any form. */
export function repositoryName(url: string): { owner: string | null; name: string | null } {
  const [, owner = null, name = null] = /([^/:]+)\/([^/]+?)(?:\.git)?\/?$/.exec(url) ?? [];
  return { owner, name };
}

/** When status or spec last changed, as far as the object tells. */
function updatedAt({ metadata, status }: Workspace): string {
  const times = [
    metadata.creationTimestamp,
    metadata.deletionTimestamp,
    ...(status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime),
    ...(status?.services ?? []).map(({ since }) => since),
  ].filter(time => time !== undefined);
  return times.sort((a, b) => Date.parse(a) - Date.parse(b)).at(-1) ?? '';
}
