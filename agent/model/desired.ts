import type { HealthCheck, PlacementForward } from '../../crds/kinds.ts';
import type { DriverName, GuestFile, ImageLogin, InstanceSpec } from '../driver.ts';
import type { CloneRequest, GuestConfig } from '../guest/guest.ts';

/** What a Placement and its Secret ask of this node, resolved: no reference left, nothing to look up. */
export interface Desired {
  /** Name of the Placement. */
  name: string;
  workspaceUid: string;
  generation: number;
  workspaceGeneration: number;
  driver: DriverName;
  deleting: boolean;
  running: boolean;
  retainVolume: boolean;
  /** The workspace may be moved: it runs here only while the fence is open. */
  mayMove: boolean;
  /** Since when it may be moved, to be told back. */
  fenceMark?: string;
  /** It is moving away: its volume is kept for a while. */
  isMoving: boolean;
  image: string;
  /** Absent: the image is pulled without a login. */
  imageLogin?: DesiredLogin;
  /** Everything but the image's id and the files, which are known when it is made. */
  instance: Omit<InstanceSpec, 'imageId' | 'files'>;
  /** The parts of the spec-hash. */
  immutable: Immutable;
  /** Opaque; a change restarts the instance once. */
  restartMark?: string;
  /** Absent while nothing is known of the Secret that this spec speaks of: the inside is left as it is. */
  inside?: Inside;
  /** Why `inside` is absent, for people. Pending: what is missing is on its way. */
  insideMissing?: { message: string; isPending: boolean };
  /** Files that the instance needs before its first start, known without the Secret. */
  bootFiles: GuestFile[];
  user: string;
  repo?: DesiredRepo;
  hooks: Partial<Record<'preStart' | 'postStart' | 'preStop', DesiredHook>>;
  services: DesiredService[];
  forwards: PlacementForward[];
  sshPort: number;
}

/** What cannot change in place. */
export interface Immutable {
  driver: DriverName;
  /** As asked for; a tag that moves does not disturb a workspace. */
  image: string;
  user: string;
  volume: string;
  mountPath: string;
  publish: InstanceSpec['publish'];
}

export interface Inside {
  /** What is known of it: with `withheld` neither the files nor the services that need the Secret. */
  config: GuestConfig;
  /** OpenSSH private key, secret. */
  hostKey: string;
  /** `ssh-ed25519 AAAA…` of the host key. */
  hostPublicKey: string;
  /** The Secret is not there, but the host key that the node kept is. Absent: everything is known. */
  withheld?: Withheld;
  /** As much as is known of files that are not in `config`: for a start, as a later look may find them whole. */
  atStart?: GuestFile[];
}

/** What a workspace lacks whose Secret is out of reach: it goes on as it is where it runs, and waits where it does not. */
export interface Withheld {
  /** Why, for people. */
  message: string;
  /** Of the workspace: hooks and every service need it. */
  env: boolean;
  /** Git's login. */
  git: boolean;
  /** Names of services whose environment is not known. */
  services: string[];
}

export interface DesiredRepo {
  url: string;
  ref?: string;
  upstream?: string;
  author?: CloneRequest['author'];
  /** Digest of all that a clone depends on; attempts are told apart by a suffix. */
  token: string;
}

export interface DesiredLogin {
  /** Tells one login from another, and nothing about it. */
  token: string;
  /** Secret. Absent while the Secret that holds it is not known. */
  login?: ImageLogin;
}

export interface DesiredHook {
  command: string;
  token: string;
}

export interface DesiredService {
  name: string;
  port?: number;
  dependsOn: string[];
  check?: ResolvedCheck;
}

/** A health check with its defaults filled in. Exactly one of http, tcp and exec is there. */
export interface ResolvedCheck {
  http?: { path: string; port: number };
  tcp?: { port: number };
  exec?: NonNullable<HealthCheck['exec']>;
  intervalMs: number;
  timeoutMs: number;
  initialDelayMs: number;
  failureThreshold: number;
}
