import type { DriverErrorCode, DriverName, ImageProgress, Instance } from '../driver.ts';
import type { GuestState } from '../guest/guest.ts';

/** What was found on this node for one Placement: data alone, so that the plan and the status are functions of it. */
export interface Observed {
  /**
   * Of a workspace that may be moved. Hold: what runs goes on, nothing is started, until the server has said that it is
   * still here. Stop: it must not run. Absent: nothing keeps it from running.
   */
  fence?: 'Hold' | 'Stop';
  /** The engine does not answer: nothing below it is known. */
  engineError?: string;
  /** This node has no such driver, and never made anything with it. */
  driverMissing?: boolean;
  /** The instance of the wanted name and driver. */
  instance?: Instance;
  /** Further instances labelled with this Placement and workspace: left by another name or driver. */
  strays: { driver: DriverName; instance: Instance }[];
  /** Whether the home volume is there. */
  hasVolume: boolean;
  /** Only looked at when an instance must be made. */
  image?: ObservedImage;
  /** Absent when it does not run, or its inside did not answer; `guestError` then says why. */
  guest?: GuestState;
  guestError?: string;
  /** The inside is not looked at yet, so shortly after the start. */
  isHeldBack?: boolean;
  /** By service; those with a health check alone. */
  health: Record<string, ServiceHealth>;
  tunnel: TunnelState;
  /** By name. */
  forwards: Record<string, ObservedForward>;
  /** The restart mark that was last carried out. */
  restartMark?: string;
  /** What this agent, or the status that it wrote before a restart, knew of the container. */
  known: KnownContainer;
  /** The time given to preStop is over. */
  preStopExpired: boolean;
  /** How far this machine's clock is ahead of the server's, in milliseconds. Absent: not at all, as far as is known. */
  clockAheadMs?: number;
  /** Of the last attempts, by key of the action; gone with the first success. */
  failures: Record<string, ActionFailure>;
}

/** Missing: it was never seen. Removed: it was there, and another one is due. */
export type KnownContainer = 'Missing' | 'Created' | 'Running' | 'Stopped' | 'Removed';

export type ObservedImage =
  | { state: 'Present'; id: string }
  | { state: 'Absent' }
  | { state: 'Fetching'; phase: ImageProgress['phase']; message: string };

export interface ServiceHealth {
  health: 'Healthy' | 'Unhealthy' | 'Unknown';
  /** What the last failed check said. */
  message?: string;
  /** It was healthy once, is not, and its backoff is over. */
  restartDue: boolean;
  /** Milliseconds since the epoch of the last change of `health`. */
  changedAt?: number;
}

export interface TunnelState {
  /** Idle: not wanted. Connecting: nothing is known yet. */
  state: 'Idle' | 'Connecting' | 'Connected' | 'Failed';
  message?: string;
}

export interface ObservedForward {
  port: number;
  hostPort: number;
  exposure: 'Private' | 'Node';
  state: 'Open' | 'Failed';
  /** Conflict: something else on the node holds the port. Busy: another workspace of this node is about to release it. */
  reason?: 'Conflict' | 'Busy' | 'Error';
  message?: string;
}

export interface ActionFailure {
  code: DriverErrorCode | 'Api' | 'NoEffect';
  message: string;
  /** Published ports that are taken. */
  ports?: number[];
  /** In a row, this one included. */
  attempts?: number;
}
