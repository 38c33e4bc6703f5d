import type { Readable, Writable } from 'node:stream';

/** What runs instances (containers) and keeps volumes. Drivers hold no state of their own: the engine's labels do. */
export type DriverName = 'docker' | 'lxc' | 'kubernetes' | 'memory';

export interface DriverInfo {
  /** Name and version of the engine, as in `Docker 20.10.24`. */
  version: string;
  capacity: { cpuMillis: number; memoryBytes: number; diskBytes: number };
  /** Whether instances are kept from each other and from the node, and if not, why. */
  isolation: { enforced: boolean; message: string };
  /** Whether this process reaches an instance's address directly. */
  directNetwork: boolean;
  /** Images that are there, as ensureImage takes them, the largest first. Absent: not known. */
  images?: string[];
}

/** Everything that cannot change in place is in `immutable`; its digest is the label nexus.dev/spec-hash. */
export interface InstanceSpec {
  /** Name in the engine, unique on the node: `nexus-<placement>` with an 8-digit digest of the workspace's uid. */
  name: string;
  labels: Record<string, string>;
  /** Content id as returned by ensureImage. */
  imageId: string;
  hostname: string;
  /** Kept across instances. Made if it is not there. `sizeBytes` holds where the engine can limit a volume. */
  volume: { name: string; labels: Record<string, string>; mountPath: string; sizeBytes?: number };
  /** Ports published by the engine; only SSH. */
  publish: { containerPort: number; hostPort: number; hostAddress: string }[];
  limits: Limits;
  /** Whether the engine starts it again by itself, after its own end or restart, or the machine's. Changes in place. */
  autoStart: boolean;
  /** Run as root under an init that reaps; ends only when the instance stops. */
  command: string[];
  /** Non-secret environment of `command`. */
  env: Record<string, string>;
  /** Memory file systems, by path. Never persisted: secrets live here. */
  tmpfs: Record<string, { sizeBytes: number; mode: number }>;
  /** Put into the instance before its first start. */
  files: GuestFile[];
}

export interface Limits {
  /** Absent: no limit. */
  cpuMillis?: number;
  memoryBytes?: number;
  pids: number;
}

export interface GuestFile {
  /** Absolute. Missing parents are made, root:root 0755. */
  path: string;
  content: string | Buffer;
  /** Permission bits. */
  mode: number;
  /** Defaults to root (0). */
  uid?: number;
  gid?: number;
}

export type InstanceState = 'Created' | 'Running' | 'Stopped';

/** An instance as the engine shows it. Only those with the label nexus.dev/node of this node are listed. */
export interface Instance {
  id: string;
  name: string;
  state: InstanceState;
  labels: Record<string, string>;
  imageId: string;
  limits: Limits;
  /** Absent: this engine cannot change it in place. */
  autoStart?: boolean;
  /** Where this process may reach it, when it runs and directNetwork holds. */
  address?: string;
  publish: { containerPort: number; hostPort: number; hostAddress: string }[];
  /** Mounts that are there, by path → volume name. */
  mounts: Record<string, string>;
  /** RFC 3339. */
  startedAt?: string;
  /** When it is not running and the engine knows it. */
  exitCode?: number;
}

export interface Volume {
  name: string;
  labels: Record<string, string>;
}

export interface DerivedImage {
  /** As removeDerivedImage takes it. */
  name: string;
  /** An instance is made of it, of this node or not, running or not. */
  isInUse: boolean;
  /** ensureImage answers with it for one of the wanted images. */
  isWanted: boolean;
  /** Name of the node whose agent added something to it. Absent: nothing was added, it is a name of what is there. */
  madeBy?: string;
}

export interface EngineEvent {
  /** Label nexus.dev/placement of what it is about; absent: look at everything. */
  placement?: string;
  type: 'started' | 'died' | 'removed' | 'changed' | 'volume-removed';
}

export interface ImageProgress {
  phase: 'pulling' | 'building';
  /** 0 to 100, absent when unknown. */
  percent?: number;
  /** One line for people. */
  message: string;
}

/** Of a registry: username and password, or a token that it gave. */
export interface ImageLogin {
  username?: string;
  password?: string;
  identityToken?: string;
}

export interface ExecOptions {
  /** Defaults to root. */
  user?: string;
  env?: Record<string, string>;
  workingDir?: string;
  /** The stdin of the process; absent: none. */
  stdin?: boolean;
  signal?: AbortSignal;
}

/** A process in an instance. Streams must be read. It is ended (as well as the engine allows) when `signal` is aborted. */
export interface ExecProcess {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Its exit code. Rejects with DriverError when the engine lost it. */
  exit: Promise<number>;
}

export type DriverErrorCode =
  /** The engine does not answer. Retryable. */
  | 'EngineUnavailable'
  /** No such image. */
  | 'ImageNotFound'
  /** The registry refused the login, or asks for one. */
  | 'ImageDenied'
  /** The registry is out of reach or broke off. Retryable. */
  | 'ImagePullFailed'
  /** The image lacks a package manager that we know, or a shell. */
  | 'ImageUnsupported'
  /** Adding packages failed. Retryable. */
  | 'ImageBuildFailed'
  /** `ports` tells which. */
  | 'PortInUse'
  /** What the instance's volume was kept in is gone, and its data with it: only another volume helps. */
  | 'VolumeLost'
  /** The engine lost track of an earlier run of the instance, and may never start it again; another one it would. Retryable. */
  | 'Stuck'
  /** No such instance or volume. */
  | 'NotFound'
  /** The instance is not running. */
  | 'NotRunning'
  /** The volume is in use. */
  | 'InUse'
  /** The engine refused the values; the message is its own. */
  | 'Invalid'
  | 'Internal';

export class DriverError extends Error {
  readonly code: DriverErrorCode;
  readonly ports: number[];
  constructor(code: DriverErrorCode, message: string, options?: ErrorOptions & { ports?: number[] }) {
    super(message, options);
    this.name = 'DriverError';
    this.code = code;
    this.ports = options?.ports ?? [];
  }

  get retryable(): boolean {
    return [
      'EngineUnavailable',
      'ImagePullFailed',
      'ImageBuildFailed',
      'PortInUse',
      'InUse',
      'Stuck',
      'Internal',
    ].includes(this.code);
  }
}

/**
 * The contract of a driver. Every method throws DriverError. Calls about different instances may run side by side;
 * the agent never runs two about the same one at once. One conformance suite (test/conformance/driver) holds for all.
 */
export interface Driver {
  readonly name: DriverName;
  /** Cheap; also the health check of the engine. */
  info(signal?: AbortSignal): Promise<DriverInfo>;
  /** Everything labelled with this node. A pass over it changes nothing. */
  list(signal?: AbortSignal): Promise<{ instances: Instance[]; volumes: Volume[] }>;
  /**
   * What the engine says happened. The first event, given once the engine is being listened to, is `changed` without a
   * placement: list then, and nothing is missed. Returns when `signal` is aborted; throws when the engine goes away.
   */
  watch(signal: AbortSignal): AsyncIterable<EngineEvent>;
  /**
   * The image on this node, pulled if it is not there, with sshd, git and sudo added once (derived image, cached by
   * content) when it lacks them. `{pull: false}`: answers undefined instead of pulling or building. Calls for one image with one login share one pull.
   */
  ensureImage(
    reference: string,
    options?: {
      pull?: boolean;
      /** Of its registry; secret. Where an engine has no registries, ignored. */
      login?: ImageLogin;
      onProgress?: (progress: ImageProgress) => void;
      signal?: AbortSignal;
    },
  ): Promise<{ id: string } | undefined>;
  /**
   * Complete forms of images that are on the engine, whichever node asked for them. `wanted`: as ensureImage takes them.
   * Absent, as removeDerivedImage then is: it keeps none that could be removed.
   */
  derivedImages?(wanted: readonly string[]): Promise<DerivedImage[]>;
  /** Gone is success; InUse while an instance is made of it. */
  removeDerivedImage?(name: string): Promise<void>;
  /** Makes volume and instance, does not start it. One of the same name that is there with the same spec-hash is success; with another hash: Invalid. A half-made one is removed. */
  create(spec: InstanceSpec): Promise<{ id: string }>;
  /** Whether `start` can hand input over. Absent: it cannot. */
  takesInput?(): Promise<boolean>;
  /**
   * Running is success. PortInUse when a published port is taken. `input`, which may be secret, is what the command can
   * read on stdin at this start; an engine that restarts the instance gives none. `inputTaken`: it was handed to the
   * engine; false where a driver cannot, or the instance ran already.
   */
  start(id: string, options?: { input?: string }): Promise<{ inputTaken: boolean }>;
  /** SIGTERM, then SIGKILL after `timeoutSeconds`. Not running is success. */
  stop(id: string, timeoutSeconds: number): Promise<void>;
  /** Stops it by force if it runs; never its volume. Gone is success. */
  remove(id: string): Promise<void>;
  /** Limits in place. */
  update(id: string, limits: Limits): Promise<void>;
  /** In place, without a restart. Invalid where the engine cannot: then Instance.autoStart is absent. */
  setAutoStart(id: string, autoStart: boolean): Promise<void>;
  /** Gone is success; InUse while an instance has it. */
  removeVolume(name: string): Promise<void>;
  /** NotRunning unless it runs. */
  exec(id: string, command: string[], options?: ExecOptions): Promise<ExecProcess>;
  /** Writes files into a running instance, each whole or not at all, memory file systems included. */
  putFiles(id: string, files: GuestFile[]): Promise<void>;
  close(): Promise<void>;
}
