import type { Secret } from '../../../crds/object.ts';
import type { Node, Placement, Workspace } from '../../../crds/types.generated.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import type { Clock, Milliseconds } from '../../kit/clock.ts';
import { formatKey, keyOf } from '../../kit/paths.ts';
import type { EventRecorder, Informer, Outcome, ReconcileContext } from '../../runtime/reconciler.ts';
import type { SharedKeys } from '../deps.ts';
import type { Heartbeats } from '../node/heartbeats.ts';
import { type OwnWrites, readYourWrites } from '../read-your-writes.ts';
import type { OwnerKeys } from '../user/owner-keys.ts';
import { type ConfigReader, type ConfigView, createConfigReader } from './config-view.ts';
import type { HostKey } from './host-key.ts';
import { NodeLedger } from './node-ledger.ts';
import type { DefaultImage, Problem } from './requests.ts';
import { referencedSecrets } from './resolve-secrets.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Placements by `namespace/name` of their workspace. */
const BY_WORKSPACE = 'workspace';
/** Placements by uid of their workspace. */
const BY_UID = 'workspace-uid';
/** Workspaces that are being moved, by the name of the node that they leave. */
export const BY_FORMER_NODE = 'former-node';
/** Workspaces by `namespace/name` of the Secrets they refer to. */
export const BY_SECRET = 'secret';
/** Workspaces by the users that they are shared with. */
export const BY_AUTHORIZED_USER = 'authorized-user';

export interface WorkspaceCaches {
  workspaces: Informer<Workspace>;
  placements: Informer<Placement>;
  nodes: Informer<Node>;
  secrets: Informer<Secret>;
}

export interface WorkspaceEnvironmentOptions extends WorkspaceCaches {
  client: Client;
  clock: Clock;
  recorder: EventRecorder;
  defaultImage: DefaultImage;
  authorizedKeys?: SharedKeys;
  /** Of the users, for the workspaces in their namespaces and those shared with them. */
  ownerKeys?: OwnerKeys;
  nodeLossDeleteMs: Milliseconds;
  heartbeats: Heartbeats;
}

/** What the steps share between passes. Everything in it can be rebuilt from the API. */
export interface WorkspaceEnvironment extends WorkspaceEnvironmentOptions {
  own: { workspaces: OwnWrites<Workspace>; placements: OwnWrites<Placement>; secrets: OwnWrites<Secret> };
  ledger: NodeLedger;
  /** Placements just made, by workspace, which the index may not show yet. */
  homes: Map<string, ObjectKey>;
  /** Placements whose creation was not answered, by workspace uid. */
  unanswered: Map<string, ObjectKey>;
  /** Workspaces that wait for a node, a port or room. */
  waiting: WaitingRoom;
  /** Repositories' configurations, read. */
  configs: ConfigReader;
}

/** One look at one workspace. */
export interface Pass {
  workspace: Workspace;
  placement?: Placement;
  hostKey?: HostKey;
  config?: ConfigView;
  /** The first thing that keeps the spec from being carried out. Steps that need none are skipped then. */
  problem?: Problem;
  /** Why a workspace that would be moved off a lost node stays. */
  cannotMove?: string;
  /** In how many milliseconds to look again, at the latest. */
  againMs?: Milliseconds;
  /** A write that status need not wait for; the pass does. */
  alongside?: Promise<void>;
  /** What the pass comes to, if status asks for nothing sooner. */
  outcome?: Outcome;
  context: ReconcileContext;
}

/** One thing to see to. Changes `pass`; an outcome ends the steps, never the summary. */
export type Step = (pass: Pass, env: WorkspaceEnvironment) => Promise<Outcome | undefined>;

/** Must be made before the informers run, so that it hears of everything. */
export function createWorkspaceEnvironment(options: WorkspaceEnvironmentOptions): WorkspaceEnvironment {
  const { clock, workspaces, placements, nodes, secrets } = options;
  const ledger = new NodeLedger(clock);
  placements.addIndex(BY_WORKSPACE, ({ spec }) => [formatKey(spec.workspace)]);
  placements.addIndex(BY_UID, ({ spec }) => [spec.workspace.uid]);
  workspaces.addIndex(BY_SECRET, secretKeys);
  workspaces.addIndex(BY_AUTHORIZED_USER, ({ spec }) => spec.ssh?.authorizedUsers ?? []);
  workspaces.addIndex(BY_FORMER_NODE, ({ status }) => (status?.move ? [status.move.from] : []));
  placements.onChange(({ old, now }) => ledger.observe(old, now));
  nodes.onChange(({ old, now }) => ledger.setNode((now ?? old)?.metadata.name ?? '', now));
  return {
    ...options,
    ledger,
    own: {
      workspaces: readYourWrites(workspaces, clock),
      placements: readYourWrites(placements, clock),
      secrets: readYourWrites(secrets, clock),
    },
    homes: new Map(),
    unanswered: new Map(),
    waiting: new WaitingRoom(),
    configs: createConfigReader(),
  };
}

/** Everything that is placed under a workspace's key, whichever uid it was made for, the oldest first. */
export function findPlacements(env: WorkspaceEnvironment, workspace: ObjectKey): Placement[] {
  const keys = env.placements.byIndex(BY_WORKSPACE, formatKey(workspace)).map(keyOf);
  const home = env.homes.get(formatKey(workspace));
  const unique = new Map([...keys, ...(home ? [home] : [])].map(key => [formatKey(key), key]));
  const found = [...unique.values()].flatMap(key => env.own.placements.get(key) ?? []);
  const age = ({ metadata }: Placement) => `${metadata.creationTimestamp ?? ''} ${metadata.uid ?? ''}`;
  return found.sort((a, b) => (age(a) < age(b) ? -1 : 1));
}

/** The workspace that a uid belongs to, by its placements. */
export function workspaceOfUid(env: WorkspaceEnvironment, uid: string): ObjectKey[] {
  return env.placements.byIndex(BY_UID, uid).map(({ spec }) => spec.workspace);
}

function secretKeys(workspace: Workspace): string[] {
  const { name, namespace } = workspace.metadata;
  return [...referencedSecrets(workspace.spec), `${name}-ssh-host-key`].map(secret =>
    formatKey({ name: secret, namespace }),
  );
}
