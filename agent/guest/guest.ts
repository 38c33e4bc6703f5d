import type { Milliseconds } from '../../controller/kit/clock.ts';
import type { HealthCheck } from '../../crds/kinds.ts';
import type { GuestFile } from '../driver.ts';

/**
 * The inside of an instance: a small POSIX sh program (`/opt/nexus/guest`, put there before the first start) that runs
 * sshd and the services and tells what it sees. It outlives the agent and asks nothing of it: what it was told to keep
 * up, it keeps up. Dependency order, health and hooks' order are the agent's to decide; the guest only does.
 *
 * Secrets (host key, secret variables, Git credentials) are only ever in the memory file system `/run/nexus`, so a
 * restarted instance waits for the agent to hand them over again: `GuestState.configured` is then false. The files of a
 * GuestConfig may be some of them: those that it does not name stay as they are.
 */

/** What the inside should be, resolved from a Placement and its Secret. */
export interface GuestDesired {
  /** Login user, made with uid 1000, passwordless sudo, home on the volume. */
  user: string;
  /** OpenSSH public keys of people. */
  authorizedKeys: string[];
  /** Public key of the agent's own tunnel: port forwarding to the instance's loopback and nothing else. */
  agentKey?: string;
  /** OpenSSH private key, secret. */
  hostKey: string;
  /** For services, hooks and sessions; values may be secret. */
  env: Record<string, string>;
  /** About the workspace itself, for the same; what `env` says of the same name wins. A change restarts nothing. */
  about?: Record<string, string>;
  services: GuestService[];
  /** Absent: Git has no login. */
  git?: GitLogin;
}

/**
 * What Git logs in with where the repository is, for the clone and for whoever works in it: in memory alone, and asked
 * anew by each Git. Secret.
 */
export interface GitLogin {
  /** `scheme://host[:port]` that user name and password are for, and no other; empty: there are none. */
  origin: string;
  username: string;
  password: string;
  /** OpenSSH private key, offered in the repository alone. */
  sshKey?: string;
}

export interface GuestService {
  name: string;
  command: string;
  /** Absolute or relative to the repository. */
  workingDir?: string;
  /** Over GuestDesired.env. */
  env: Record<string, string>;
}

/** Files by what must happen when they change. Digests are SHA-256 in hex of the rendered files. */
export interface GuestConfig {
  /** Program, sshd_config: written before the first start, rewritten when the agent is newer. */
  boot: GuestFile[];
  /** Host key, environment and Git's login, in /run/nexus. */
  runtime: GuestFile[];
  /** Authorised keys: a change needs no restart of anything. */
  keys: GuestFile[];
  services: Record<string, { files: GuestFile[]; digest: string }>;
}

export interface GuestServiceState {
  name: string;
  /** What it was told. */
  wanted: 'Up' | 'Down';
  /** Backoff: it ended and waits to be started again. */
  state: 'Starting' | 'Running' | 'Backoff' | 'Stopped';
  /** Digest of the definition that the running process was started from. */
  digest: string;
  pid?: number;
  /** Of the last process that ended. */
  exitCode?: number;
  /** Ends by itself, and restarts asked for because of its health; since the instance was started. */
  restarts: number;
  /** Seconds since the epoch of the last change of state. */
  since: number;
}

export interface GuestJobState {
  state: 'Running' | 'Succeeded' | 'Failed';
  exitCode?: number;
  /** What it was started for, as the caller named it: a digest of the command, so that a job is run once for each. */
  token: string;
  /** Last lines of its output when it failed, at most 2 KiB. */
  tail?: string;
  /** Of a clone that runs, in MiB: looked at every ten seconds, from 10 on. */
  receivedMiB?: number;
}

export interface GuestState {
  /** Differs after each start of the instance. */
  bootId: string;
  /** When it was looked at, in hundredths of a second since the machine was started. Absent: the order is that of telling. */
  at?: number;
  /** Version of the guest program that runs. */
  version: string;
  /** Whether runtime files are there and the user was made. */
  configured: boolean;
  /** Whether it ends by itself unless its fence is renewed. */
  fenced: boolean;
  /** The home volume was unmounted, or its folder removed under it: only another start of the instance mends it. */
  homeLost: boolean;
  sshd: { running: boolean; restarts: number };
  supervisor: { running: boolean; restarts: number };
  /** SHA-256 in hex of managed files as they are on disk now, by path. A missing file is absent. */
  files: Record<string, string>;
  services: GuestServiceState[];
  /** Clone and hooks, since the instance was started. */
  jobs: Partial<Record<GuestJob, GuestJobState>>;
  repository?: {
    url: string;
    commit: string;
    branch: string;
    dirty: boolean;
    /** What is not as somebody who cloned it by hand would have it. */
    lacks?: GuestLack[];
    /** Its `.nexus/config.yaml`; `isTooLarge`: more than 16 KiB, which is not told. Absent: it has none. */
    config?: { text: string } | { isTooLarge: true };
  };
}

/** `git-lfs`: it is not installed, so files in Git LFS are pointers. `submodules`: some were not cloned. */
export type GuestLack = 'git-lfs' | 'submodules';

export type GuestJob = 'clone' | 'preStart' | 'postStart' | 'preStop';

export interface CloneRequest {
  url: string;
  ref?: string;
  /** Becomes the remote upstream. */
  upstream?: string;
  /** Who commits are by, where the user has not said it before. */
  author?: { name: string; email: string };
  token: string;
}

/** Ends of a clone, told by the exit code of the job. */
export const CLONE_EXIT = {
  failed: 1,
  authentication: 10,
  refNotFound: 11,
  unreachable: 12,
  notEmpty: 13,
} as const;

/**
 * What the agent asks of an instance's inside. Every method throws DriverError (NotRunning when the instance does not
 * run). All are idempotent. Implementations: over Driver.exec with the guest program, and in memory; one conformance suite.
 */
export interface Guest {
  /** Pure. */
  render(desired: GuestDesired): GuestConfig;
  /** Once. */
  state(id: string, signal?: AbortSignal): Promise<GuestState>;
  /** Now and after each change, over one long-lived process in the instance; ends when the instance does. */
  watch(id: string, signal: AbortSignal): AsyncIterable<GuestState>;
  /**
   * Pure. What Driver.start may hand over in place of a `configure` of an instance that starts; `isFirst`: for the first
   * time, so that it may have been made without the boot files. Whether it was taken is seen by GuestState.configured.
   * Absent: the guest takes none.
   */
  handover?(config: GuestConfig, isFirst: boolean, fenceMs?: Milliseconds): string;
  /**
   * Writes what differs, makes the user, starts sshd and supervisor when they do not run. Never restarts sshd or a service.
   * With `fenceMs` the fence stands before anything runs.
   */
  configure(id: string, config: GuestConfig, fenceMs?: Milliseconds): Promise<void>;
  /**
   * The instance ends by itself, within 15 s, once this was not said again for `fenceMs`; undefined: it does not. By its own
   * clock, whatever becomes of the agent. Costs no process while the instance is watched.
   */
  fence(id: string, fenceMs: Milliseconds | undefined): Promise<void>;
  /** Writes the definition and keeps the service up; one that runs from another digest is restarted, from the same is left alone. */
  serviceUp(id: string, name: string, service: { files: GuestFile[]; digest: string }): Promise<void>;
  /** Stops it: SIGTERM to its process group, SIGKILL after 10 s. Unknown is success. */
  serviceDown(id: string, name: string): Promise<void>;
  /** Stops and starts it, and counts it as a restart. */
  serviceRestart(id: string, name: string): Promise<void>;
  /** Down, and its definition and state removed; logs are kept. */
  serviceRemove(id: string, name: string): Promise<void>;
  /** Starts the clone in the background; its end is in GuestState.jobs.clone. One that runs or succeeded with this token is left alone. A working tree that is there is success without a look at it. */
  clone(id: string, request: CloneRequest): Promise<void>;
  /** Starts a hook in the background as the user in the repository; one that runs or ran with this token is left alone. */
  runHook(id: string, hook: Exclude<GuestJob, 'clone'>, command: string, token: string): Promise<void>;
  /** Runs an exec health check as the user. True when it exits 0 within the time. */
  check(
    id: string,
    check: NonNullable<HealthCheck['exec']>,
    timeoutMs: number,
  ): Promise<{ ok: boolean; message: string }>;
}

export const GUEST_RUN_DIR = '/run/nexus';
/** Port of sshd in the instance. */
export const GUEST_SSH_PORT = 22;
/** `nexus logs` reads `<dir>/<service>.log` (and `.log.1`); at most 2 × 5 MiB a service. Hooks: `hook-<name>.log`; the clone: `clone.log`. */
export const GUEST_LOG_DIR = '/var/log/nexus';
