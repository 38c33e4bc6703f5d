import { digest, sha256 } from '../../controller/kit/hash.ts';
import type { PlacementService } from '../../crds/kinds.ts';
import {
  DEFAULT_PIDS,
  LABEL_NODE,
  LABEL_PLACEMENT,
  LABEL_SPEC_HASH,
  LABEL_WORKSPACE_UID,
  SECRET_HOST_KEY,
  SECRET_IMAGE_LOGIN,
} from '../../crds/names.ts';
import type { Secret } from '../../crds/object.ts';
import type { Placement, PlacementSpec } from '../../crds/types.generated.ts';
import type { DriverName, ImageLogin, InstanceSpec } from '../driver.ts';
import { GUEST_SSH_PORT } from '../guest/guest.ts';
import type { Desired, DesiredLogin, DesiredService, Immutable, ResolvedCheck } from './desired.ts';
import type { NodeFacts } from './node-facts.ts';
import {
  givenCredentials,
  guestDesired,
  insideOf,
  type SecretValues,
  secretValues,
} from './resolve-inside.ts';
import { specHash } from './spec-hash.ts';

/** On a volume that outlives its placement. */
export const LABEL_RETAINED = 'nexus.dev/retained';

/**
 * Pure. A Secret that is not there, or not yet the one that the spec speaks of, leaves `inside` out; where there is none
 * at all, but the host key that the node kept, `inside` is what can be known without it.
 */
export function resolve(
  placement: Placement,
  secret: Secret | undefined,
  facts: NodeFacts,
  hostKey?: string,
): Desired {
  const { spec, metadata } = placement;
  const values = secretValues(spec, secret, hostKey);
  const instance = instanceOf(placement, facts);
  const immutable = immutableOf(spec, instance);
  const inside = values.missing === undefined ? insideOf(spec, values, facts) : undefined;
  const problem =
    values.missing ?? (typeof inside === 'string' ? { message: inside, isPending: false } : undefined);
  const nothing = (): undefined => undefined;
  return {
    name: metadata.name,
    workspaceUid: spec.workspace.uid,
    generation: metadata.generation ?? 0,
    workspaceGeneration: spec.workspace.generation,
    driver: spec.driver as DriverName,
    deleting: metadata.deletionTimestamp !== undefined,
    running: spec.running,
    retainVolume: spec.retainVolume === true,
    mayMove: spec.onNodeLoss === 'Reschedule',
    ...(spec.fence !== undefined && { fenceMark: spec.fence }),
    isMoving: spec.onNodeLoss === 'Reschedule' && spec.evictedBy !== undefined,
    image: spec.image,
    ...(spec.imageLogin && { imageLogin: imageLoginOf(values) }),
    instance: {
      ...instance,
      labels: { ...instance.labels, [LABEL_SPEC_HASH]: specHash(immutable) },
    },
    immutable,
    ...(spec.restartedAt !== undefined && { restartMark: spec.restartedAt }),
    ...(typeof inside === 'object' && { inside }),
    ...(problem !== undefined && { insideMissing: problem }),
    bootFiles:
      typeof inside === 'object' ? inside.config.boot : facts.render(guestDesired(spec, nothing, facts)).boot,
    user: spec.ssh.user,
    ...(spec.repo && {
      repo: {
        url: spec.repo.url,
        ...(spec.repo.ref !== undefined && { ref: spec.repo.ref }),
        ...(spec.repo.upstream !== undefined && { upstream: spec.repo.upstream }),
        ...(spec.repo.author && { author: spec.repo.author }),
        token: digest([spec.repo, spec.repo.credentials ? givenCredentials(spec, values.read) : null], 16),
      },
    }),
    hooks: hooksOf(placement),
    services: (spec.services ?? []).map(serviceOf),
    forwards: spec.forwards ?? [],
    sshPort: spec.ssh.port,
  };
}

/** Its token is salted with the host key: what a log shows of it must not help to guess a password. */
function imageLoginOf({ read, missing }: SecretValues): DesiredLogin {
  const text = missing?.isPending ? undefined : read(SECRET_IMAGE_LOGIN);
  const token = digest([text ?? null, read(SECRET_HOST_KEY) ?? null], 16);
  return { token, ...(text !== undefined && { login: JSON.parse(text) as ImageLogin }) };
}

function instanceOf(
  { metadata, spec }: Placement,
  facts: NodeFacts,
): Omit<InstanceSpec, 'imageId' | 'files'> {
  const name = `nexus-${metadata.name}-${sha256(spec.workspace.uid).slice(0, 8)}`;
  const labels = {
    [LABEL_WORKSPACE_UID]: spec.workspace.uid,
    [LABEL_PLACEMENT]: metadata.name,
    [LABEL_NODE]: facts.nodeName,
  };
  return {
    name,
    labels,
    hostname: spec.workspace.name,
    volume: {
      name: `${name}-home`,
      labels: { ...labels, ...(spec.retainVolume && { [LABEL_RETAINED]: 'true' }) },
      mountPath: `/home/${spec.ssh.user}`,
      ...(spec.resources?.diskBytes !== undefined && { sizeBytes: spec.resources.diskBytes }),
    },
    publish: [{ containerPort: GUEST_SSH_PORT, hostPort: spec.ssh.port, hostAddress: facts.sshBind }],
    limits: {
      ...(spec.resources?.cpuMillis !== undefined && { cpuMillis: spec.resources.cpuMillis }),
      ...(spec.resources?.memoryBytes !== undefined && { memoryBytes: spec.resources.memoryBytes }),
      pids: spec.resources?.pids ?? DEFAULT_PIDS,
    },
    // What may run elsewhere by then is started by an agent that has asked, and by nothing else.
    autoStart: spec.onNodeLoss !== 'Reschedule',
    ...facts.boot,
  };
}

function immutableOf(spec: PlacementSpec, instance: Omit<InstanceSpec, 'imageId' | 'files'>): Immutable {
  const { volume, publish } = instance;
  return {
    driver: spec.driver as DriverName,
    image: spec.image,
    user: spec.ssh.user,
    volume: volume.name,
    mountPath: volume.mountPath,
    publish,
  };
}

/** preStop runs before each stop, which another generation asks for; the others once a start. */
function hooksOf({ spec, metadata }: Placement): Desired['hooks'] {
  const { preStart, postStart, preStop } = spec.lifecycle ?? {};
  const hook = (command: string, ...more: unknown[]) => ({ command, token: digest([command, ...more], 16) });
  return {
    ...(preStart && { preStart: hook(preStart) }),
    ...(postStart && { postStart: hook(postStart) }),
    ...(preStop && {
      preStop: hook(preStop, metadata.generation ?? 0, metadata.deletionTimestamp !== undefined),
    }),
  };
}

function serviceOf({ name, port, dependsOn, healthCheck }: PlacementService): DesiredService {
  const check = healthCheck && checkOf(healthCheck, port);
  return {
    name,
    ...(port !== undefined && { port }),
    dependsOn: dependsOn ?? [],
    ...(check && { check }),
  };
}

/** Undefined when there is nothing to ask: a check of a port that nobody named. */
function checkOf(
  check: NonNullable<PlacementService['healthCheck']>,
  servicePort?: number,
): ResolvedCheck | undefined {
  const times = {
    intervalMs: (check.intervalSeconds ?? 10) * 1000,
    timeoutMs: (check.timeoutSeconds ?? 5) * 1000,
    initialDelayMs: (check.initialDelaySeconds ?? 0) * 1000,
    failureThreshold: check.failureThreshold ?? 3,
  };
  if (check.exec) return { exec: check.exec, ...times };
  const port = check.http?.port ?? check.tcp?.port ?? servicePort;
  if (port === undefined) return undefined;
  if (check.http) return { http: { path: check.http.path ?? '/', port }, ...times };
  return check.tcp ? { tcp: { port }, ...times } : undefined;
}
