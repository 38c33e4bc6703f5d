import type { PlacementService, WorkspaceService } from '../../../crds/kinds.ts';
import { ANNOTATION_RESTARTED_AT, DEFAULT_USER, placementName } from '../../../crds/names.ts';
import type { PlacementSpec, Workspace } from '../../../crds/types.generated.ts';
import { secretHash } from '../../kit/secret-hash.ts';
import type { Decision } from './decide-placement.ts';
import { type Eviction, FENCED_FROM_THE_BEGINNING } from './evictions.ts';
import { toResources } from './requests.ts';
import type { ResolvedSecrets } from './resolve-secrets.ts';

export interface Defaults {
  /** Image of workspaces that name none. */
  image: string;
  /** Public keys that may log in beside the workspace's own. */
  authorizedKeys?: readonly string[];
  /** What keeps the workspace from running where it is placed. */
  evictedBy?: Eviction;
  /** What is there; absent: it is made. */
  placed?: PlacementSpec;
}

/** A workspace on its node with nothing left to look up. `secretData` is all of the placement's Secret. */
export function resolvePlacement(
  workspace: Workspace,
  decision: Decision,
  secrets: ResolvedSecrets & { secretData: Record<string, string> },
  defaults: Defaults,
): PlacementSpec {
  const { metadata, spec } = workspace;
  const namespace = metadata.namespace ?? '';
  const restartedAt = metadata.annotations?.[ANNOTATION_RESTARTED_AT];
  const authorizedKeys = [
    ...new Set([...(defaults.authorizedKeys ?? []), ...(spec.ssh?.authorizedKeys ?? [])]),
  ];
  const services = (spec.services ?? []).map(service => resolveService(service, secrets));
  return {
    workspace: {
      name: metadata.name,
      namespace,
      uid: metadata.uid ?? '',
      generation: metadata.generation ?? 0,
    },
    nodeName: decision.nodeName,
    driver: decision.driver,
    image: spec.image ?? defaults.image,
    ...(secrets.imageLogin && { imageLogin: true }),
    running: spec.running !== false && !defaults.evictedBy,
    secretName: placementName(metadata.name, namespace),
    secretHash: secretHash(secrets.secretData),
    resources: toResources(decision.amounts, spec.resources?.pids),
    ...(secrets.env.length > 0 && { env: secrets.env }),
    ...(spec.repo && {
      repo: {
        url: spec.repo.url,
        ...(spec.repo.ref !== undefined && { ref: spec.repo.ref }),
        ...(spec.repo.upstream !== undefined && { upstream: spec.repo.upstream }),
        ...(spec.repo.author && { author: spec.repo.author }),
        ...(secrets.credentials && { credentials: true }),
      },
    }),
    ...(services.length > 0 && { services }),
    ...(decision.forwards.length > 0 && { forwards: decision.forwards }),
    ssh: {
      user: spec.ssh?.user ?? DEFAULT_USER,
      port: decision.ssh,
      ...(authorizedKeys.length > 0 && { authorizedKeys }),
    },
    ...(spec.lifecycle && { lifecycle: spec.lifecycle }),
    ...(restartedAt !== undefined && { restartedAt }),
    ...(spec.retainVolume && { retainVolume: true }),
    ...(spec.onNodeLoss === 'Reschedule' && {
      onNodeLoss: spec.onNodeLoss,
      fence: fenceMark(workspace, defaults.placed),
    }),
    ...(defaults.evictedBy && { evictedBy: defaults.evictedBy }),
  };
}

/** Stays for as long as the workspace may be moved. What is made so has never run without its node's fence. */
function fenceMark({ metadata }: Workspace, placed: PlacementSpec | undefined): string {
  return placed ? (placed.fence ?? `generation-${metadata.generation}`) : FENCED_FROM_THE_BEGINNING;
}

function resolveService(service: WorkspaceService, secrets: ResolvedSecrets): PlacementService {
  const { name, command, workingDir, port, dependsOn, healthCheck } = service;
  const env = secrets.serviceEnv.get(name) ?? [];
  return {
    name,
    command,
    ...(workingDir !== undefined && { workingDir }),
    ...(port !== undefined && { port }),
    ...(dependsOn?.length && { dependsOn }),
    ...(env.length > 0 && { env }),
    ...(healthCheck && { healthCheck: resolveHealthCheck(healthCheck, port) }),
  };
}

/** Defaults are those of the CRD, for servers that did not fill them in. */
function resolveHealthCheck(
  check: NonNullable<WorkspaceService['healthCheck']>,
  servicePort: number | undefined,
): NonNullable<PlacementService['healthCheck']> {
  const { http, tcp, exec } = check;
  return {
    ...(http && { http: { path: http.path ?? '/', port: http.port ?? servicePort } }),
    ...(tcp && { tcp: { port: tcp.port ?? servicePort } }),
    ...(exec && { exec }),
    intervalSeconds: check.intervalSeconds ?? 10,
    timeoutSeconds: check.timeoutSeconds ?? 5,
    failureThreshold: check.failureThreshold ?? 3,
    initialDelaySeconds: check.initialDelaySeconds ?? 0,
  };
}
