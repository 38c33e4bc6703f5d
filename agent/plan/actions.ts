import type { PlacementForward } from '../../crds/kinds.ts';
import type { DriverName, Limits } from '../driver.ts';
import type { GuestJob } from '../guest/guest.ts';

/** Why an instance is made or started, which the event tells. */
export type MakeReason = 'Created' | 'ContainerMissing' | 'ContainerRecreated' | 'VolumeLost';
export type StartReason = 'Created' | 'ContainerDied' | 'Started' | 'Restarted' | 'VolumeRemounted';

/** What to do, as data: no secrets, no functions; it can be logged as it is. */
export type Action =
  /** `login` stands for one, and is none. */
  | { type: 'ensureImage'; image: string; login?: string }
  | { type: 'create'; imageId: string; reason: MakeReason; message: string }
  | { type: 'start'; reason: StartReason; restartMark?: string }
  | { type: 'configure'; reason: 'Start' | 'Changed'; keysChanged: boolean }
  | { type: 'update'; limits: Limits }
  | { type: 'setAutoStart'; autoStart: boolean }
  | { type: 'fence'; fenced: boolean }
  | { type: 'stop'; reason: 'Declared' | 'Recreate' | 'Restart' | 'Remount' | 'Delete' | 'Fenced' }
  | { type: 'remove' }
  | { type: 'removeStray'; driver: DriverName; id: string }
  | { type: 'removeVolume' }
  | { type: 'release' }
  | { type: 'clone'; token: string }
  | { type: 'runHook'; hook: Exclude<GuestJob, 'clone'>; token: string }
  | { type: 'serviceUp'; service: string; digest: string; change: 'Start' | 'Update' }
  | { type: 'serviceRestart'; service: string; message: string }
  | { type: 'serviceRemove'; service: string }
  | { type: 'openForward'; forward: PlacementForward }
  | { type: 'closeForward'; name: string };

/**
 * Actions of one lane run one after the other, in the order of the plan, and the rest of a lane is dropped when one
 * fails; lanes run side by side.
 */
export function laneOf(action: Action): string {
  switch (action.type) {
    case 'clone':
      return 'repository';
    case 'runHook':
      return 'hook';
    case 'serviceUp':
    case 'serviceRestart':
    case 'serviceRemove':
      return `service/${action.service}`;
    case 'openForward':
    case 'closeForward':
      return 'forwards';
    case 'fence':
      return 'fence';
    default:
      return 'instance';
  }
}

/** What an attempt is counted under. */
export function keyOfAction(action: Action): string {
  switch (action.type) {
    case 'serviceUp':
    case 'serviceRestart':
    case 'serviceRemove':
      return `${action.type}/${action.service}`;
    case 'openForward':
      return `${action.type}/${action.forward.name}`;
    case 'closeForward':
      return `${action.type}/${action.name}`;
    case 'runHook':
      return `${action.type}/${action.hook}`;
    case 'removeStray':
      return `${action.type}/${action.id}`;
    default:
      return action.type;
  }
}
