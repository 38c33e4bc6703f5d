import type { Reason } from '../../crds/vocabulary.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { DELETING, no, type PlacementCondition, STOPPED, unknown, type Verdict, yes } from './verdict.ts';

/** Nothing gets better without somebody: an edit, a network, a registry. */
const FAILED: readonly Reason[] = [
  'ImagePullFailed',
  'ImageNotFound',
  'ImagePullDenied',
  'ImageUnsupported',
  'ContainerFailed',
  'SecretNotFound',
  'DriverUnavailable',
];
/** It can be reached, but something in it does not work. */
const DEGRADED: readonly Reason[] = [
  'SSHFailed',
  'CloneFailed',
  'AuthenticationFailed',
  'RefNotFound',
  'HookFailed',
  'ServiceExited',
  'ServiceUnhealthy',
  'PortConflict',
];

const ORDER: Exclude<PlacementCondition, 'Ready'>[] = [
  'ImageReady',
  'ContainerReady',
  'SSHReady',
  'RepositoryReady',
  'ServicesReady',
  'PortsReady',
];

/** The sum of the others: their worst, in the order in which things are made. */
export function readyCondition(
  desired: Desired,
  observed: Observed,
  others: Record<Exclude<PlacementCondition, 'Ready'>, Verdict>,
): Verdict {
  if (desired.deleting) return DELETING;
  if (observed.engineError) return unknown('Unknown', others.ContainerReady.message);
  if (!desired.running)
    return observed.instance?.state === 'Running' ? no('Stopping', others.ContainerReady.message) : STOPPED;
  const open = ORDER.map(type => others[type]).filter(({ status }) => status !== 'True');
  const [first] = open;
  if (!first) return yes('Ready', 'Everything is as declared.');
  const failed = open.find(({ reason }) => FAILED.includes(reason));
  if (failed) return no('Failed', failed.message);
  const isUp = others.ContainerReady.status === 'True';
  const degraded = isUp ? open.find(({ reason }) => DEGRADED.includes(reason)) : undefined;
  if (degraded) return no('Degraded', degraded.message);
  return first.status === 'Unknown' ? unknown('Unknown', first.message) : no('Progressing', first.message);
}
