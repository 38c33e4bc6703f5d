import type { Instance } from '../../agent/driver.ts';
import type { GuestServiceState, GuestState } from '../../agent/guest/guest.ts';
import { GUEST_VERSION, guestCommand, guestTmpfs } from '../../agent/guest/program.ts';
import { renderGuest } from '../../agent/guest/render.ts';
import type { Desired } from '../../agent/model/desired.ts';
import type { NodeFacts } from '../../agent/model/node-facts.ts';
import type { Observed } from '../../agent/model/observed.ts';
import { resolve } from '../../agent/model/resolve.ts';
import { newAgentKey } from '../../agent/ssh/agent-key.ts';
import { sha256 } from '../../controller/kit/hash.ts';
import { secretHash } from '../../controller/kit/secret-hash.ts';
import { nodeNamespace, SECRET_HOST_KEY } from '../../crds/names.ts';
import type { Secret } from '../../crds/object.ts';
import type { Placement, PlacementSpec } from '../../crds/types.generated.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** An OpenSSH host key for all tests: making one takes its time. */
export const HOST_KEY = newAgentKey();
/** A key that may log in. */
export const USER_KEY = newAgentKey();

export const FACTS: NodeFacts = {
  nodeName: 'n1',
  sshBind: '127.0.0.1',
  agentKey: newAgentKey().publicKey,
  boot: { command: guestCommand(), env: {}, tmpfs: guestTmpfs() },
  render: renderGuest,
};

/** The Secret of a placement: a host key and what else is given, as text. */
export function placementSecret(node: string, name: string, values: Record<string, string> = {}): Secret {
  const all = { [SECRET_HOST_KEY]: HOST_KEY.privateKey, ...values };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: nodeNamespace(node) },
    data: Object.fromEntries(Object.entries(all).map(([key, value]) => [key, base64(value)])),
  };
}

export type SpecPatch = Partial<Omit<PlacementSpec, 'ssh'>> & { ssh?: Partial<PlacementSpec['ssh']> };

/** A running workspace on the in-memory driver without services, but for what is given. */
export function placementSpec(name: string, patch: SpecPatch = {}): PlacementSpec {
  const { ssh, ...rest } = patch;
  return {
    workspace: { name, namespace: 'default', uid: `uid-of-${name}`, generation: 1 },
    nodeName: 'n1',
    driver: 'memory',
    image: 'debian:12',
    running: true,
    secretName: `${name}.default`,
    ...rest,
    ssh: { user: 'dev', port: 2222, authorizedKeys: [USER_KEY.publicKey], ...ssh },
  };
}

export function placementOf(
  name: string,
  spec: PlacementSpec,
  metadata: Partial<Placement['metadata']> = {},
): Placement {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Placement',
    metadata: {
      name: `${name}.default`,
      namespace: nodeNamespace(spec.nodeName),
      uid: `placement-${name}`,
      generation: 1,
      ...metadata,
    },
    spec,
  };
}

/** What a placement resolves to, with the Secret that it speaks of. */
export function desiredOf(
  patch: SpecPatch = {},
  options: {
    metadata?: Partial<Placement['metadata']>;
    values?: Record<string, string>;
    secret?: boolean;
    /** That the node kept. */
    hostKey?: string;
  } = {},
): Desired {
  const spec = placementSpec('shop', patch);
  const secret = placementSecret('n1', 'shop.default', options.values);
  const placement = placementOf('shop', { ...spec, secretHash: secretHash(secret.data) }, options.metadata);
  return resolve(placement, options.secret === false ? undefined : secret, FACTS, options.hostKey);
}

/** The instance that a desired state asks for, running. */
export function instanceOf(desired: Desired, patch: Partial<Instance> = {}): Instance {
  const { instance } = desired;
  return {
    id: 'i1',
    name: instance.name,
    state: 'Running',
    labels: instance.labels,
    imageId: 'sha256:1',
    limits: instance.limits,
    address: '10.0.0.2',
    publish: instance.publish,
    mounts: { [instance.volume.mountPath]: instance.volume.name },
    startedAt: '2026-01-01T00:00:00Z',
    ...patch,
  };
}

/** A configured inside in which every service of the desired state runs. */
export function guestOf(desired: Desired, patch: Partial<GuestState> = {}): GuestState {
  const config = desired.inside?.config;
  const files = config ? [...config.boot, ...config.runtime, ...config.keys] : [];
  return {
    bootId: 'b1',
    version: GUEST_VERSION,
    configured: true,
    fenced: desired.mayMove,
    homeLost: false,
    sshd: { running: true, restarts: 0 },
    supervisor: { running: true, restarts: 0 },
    files: Object.fromEntries(files.map(({ path, content }) => [path, sha256(content)])),
    services: desired.services.map(({ name }) => serviceOf(desired, name)),
    jobs: {},
    ...patch,
  };
}

export function serviceOf(
  desired: Desired,
  name: string,
  patch: Partial<GuestServiceState> = {},
): GuestServiceState {
  return {
    name,
    wanted: 'Up',
    state: 'Running',
    digest: desired.inside?.config.services[name]?.digest ?? '',
    pid: 100,
    restarts: 0,
    since: 1_767_225_600,
    ...patch,
  };
}

/** Everything as it is asked for, unless told otherwise. */
export function settledOf(desired: Desired, patch: Partial<Observed> = {}): Observed {
  return {
    instance: instanceOf(desired),
    strays: [],
    hasVolume: true,
    guest: guestOf(desired),
    health: Object.fromEntries(
      desired.services
        .filter(({ check }) => check)
        .map(({ name }) => [name, { health: 'Healthy' as const, restartDue: false }]),
    ),
    tunnel: { state: 'Connected' },
    forwards: Object.fromEntries(
      desired.forwards.map(({ name, port, hostPort, exposure }) => [
        name,
        { port, hostPort, exposure, state: 'Open' as const },
      ]),
    ),
    known: 'Running',
    preStopExpired: false,
    failures: {},
    ...(desired.restartMark !== undefined && { restartMark: desired.restartMark }),
    ...patch,
  };
}

/** Nothing is there. */
export function nothingOf(patch: Partial<Observed> = {}): Observed {
  return {
    strays: [],
    hasVolume: false,
    health: {},
    tunnel: { state: 'Idle' },
    forwards: {},
    known: 'Missing',
    preStopExpired: false,
    failures: {},
    ...patch,
  };
}
