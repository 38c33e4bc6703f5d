import type { Condition } from '../../crds/object.ts';
import type { Desired } from '../model/desired.ts';
import type { ActionFailure, Observed } from '../model/observed.ts';
import { isLoginPending, whyStale } from '../plan/plan-instance.ts';
import { DELETING, FENCED, no, unknown, type Verdict, yes } from './verdict.ts';

export function imageCondition(desired: Desired, observed: Observed): Verdict {
  const { image, instance } = observed;
  const failure = observed.failures.ensureImage;
  if (failure && image?.state !== 'Present') return imageFailure(desired, failure);
  if (image?.state === 'Fetching')
    return no(image.phase === 'building' ? 'BuildingImage' : 'PullingImage', sentence(image.message));
  if (image?.state === 'Absent' && isLoginPending(desired))
    return no('PullingImage', `The image ${desired.image} is fetched once its login is on the node.`);
  if (image?.state === 'Absent') return no('PullingImage', `The image ${desired.image} is fetched.`);
  if (image || (instance && !whyStale(desired, observed)))
    return yes('ImagePresent', `The image ${desired.image} is on the node.`);
  if (desired.deleting) return DELETING;
  return unknown('Stopped', 'The image is looked for when the workspace is started.');
}

/** Of workspaces that name none. A registry that is asked for it says that it is not there, or wants a login. */
const OUR_IMAGE = /^nexus-workspace:/;

/** Why an image could not be had, and what to do. */
export function imageFailure({ image, imageLogin }: Desired, { code, message }: ActionFailure): Verdict {
  if (OUR_IMAGE.test(image) && code !== 'ImageUnsupported')
    return no(
      'ImageNotFound',
      `The image ${image} could not be had: ${message}. It is on no registry: \`nexus image\` on that node makes it.`,
    );
  if (code === 'ImageDenied')
    return no(
      'ImagePullDenied',
      imageLogin
        ? `The registry refused the login for ${image}: ${message}. Correct the Secret that spec.imagePullSecretRef names; it is tried again.`
        : `The registry asks for a login for ${image}: ${message}. Name a Secret that holds it in spec.imagePullSecretRef, or correct spec.image: of an image that is not there registries say the same.`,
    );
  if (code === 'ImageUnsupported')
    return no(
      'ImageUnsupported',
      `SSH and Git could not be added to ${image}: ${message}. Take another image.`,
    );
  const failed = `The image ${image} could not be had: ${message}.`;
  return code === 'ImageNotFound'
    ? no('ImageNotFound', `${failed} Check spec.image; it is tried again.`)
    : no('ImagePullFailed', `${failed} It is tried again; check the network of the node.`);
}

export function containerCondition(desired: Desired, observed: Observed): Verdict {
  const { instance, known, failures } = observed;
  const state = instance?.state;
  if (desired.deleting)
    return failures.stop || failures.remove || failures.removeVolume
      ? no(
          'Deleting',
          `It cannot be removed yet: ${(failures.stop ?? failures.remove ?? failures.removeVolume)?.message}. It is tried again.`,
        )
      : DELETING;
  if (observed.fence === 'Stop' && desired.running) return FENCED;
  if (!desired.running) {
    if (state !== 'Running') return no('ContainerStopped', 'The container is stopped, as declared.');
    return no(
      'Stopping',
      failures.stop
        ? `It cannot be stopped yet: ${failures.stop.message}.`
        : 'The container is being stopped.',
    );
  }
  const failure = failures.create ?? failures.start;
  if (failure && state !== 'Running')
    return failure.code === 'PortInUse'
      ? no('PortConflict', `${sentence(failure.message)} Another port is given out.`)
      : no('ContainerFailed', `The engine refused the container: ${failure.message}.`);
  if (failures.update)
    return no('ContainerFailed', `The engine refused the limits: ${failures.update.message}.`);
  if (!instance)
    return known === 'Missing' || known === 'Created' || known === 'Removed'
      ? no('CreatingContainer', 'The container is being made.')
      : no('ContainerMissing', 'The container was removed and is made again.');
  const stale = whyStale(desired, observed);
  if (stale) return no('CreatingContainer', `The container is being made anew: ${stale}.`);
  if (observed.guest?.homeLost)
    return no('CreatingContainer', 'The home volume was unmounted; the container is restarted with it.');
  if (state === 'Running') return yes('ContainerRunning', 'The container runs.');
  return known === 'Running'
    ? no('ContainerDied', 'The container ended and is started again.')
    : no('CreatingContainer', 'The container is being started.');
}

/** `before` stands while nothing is known yet of the same container: a restarted agent does not make it flap. */
export function sshCondition(
  desired: Desired,
  { instance, tunnel, guest }: Observed,
  before: { condition?: Condition; containerId?: string },
): Verdict {
  const isUp = instance?.state === 'Running' && tunnel.state === 'Connected';
  if (isUp) return yes('SSHListening', 'The SSH server answers with the published host key.');
  if (desired.insideMissing) {
    const { message, isPending } = desired.insideMissing;
    const same = before.condition?.status === 'True' && before.containerId === instance?.id;
    if (same && instance?.state === 'Running') return unknown('Unknown', `It is not checked: ${message}.`);
    return no(isPending ? 'SSHStarting' : 'SecretNotFound', `The host key is not known: ${message}.`);
  }
  if (instance?.state !== 'Running') return no('SSHStarting', 'The container comes first.');
  if (tunnel.state === 'Failed')
    return no('SSHFailed', `The SSH server does not answer: ${tunnel.message ?? ''}. It is tried again.`);
  const { condition, containerId } = before;
  if (condition?.status === 'True' && containerId === instance.id && guest?.sshd.running)
    return yes('SSHListening', condition.message);
  return no('SSHStarting', 'The SSH server is being started.');
}

export function portsCondition(desired: Desired, observed: Observed, conflicts: number[]): Verdict {
  if (conflicts.length > 0)
    return no(
      'PortConflict',
      `Something else on the node holds port ${conflicts.join(', ')}; another one is given out.`,
    );
  if (desired.forwards.length === 0) return yes('NoPorts', 'No ports are declared.');
  for (const { name } of desired.forwards) {
    const now = observed.forwards[name];
    if (now?.state === 'Failed')
      return no('PortsPending', sentence(`${name}: ${now.message ?? 'it is not open'}`));
    if (now?.state !== 'Open') return no('PortsPending', 'Ports are being opened.');
  }
  return yes('PortsOpen', 'Every declared port is open.');
}

/** Ports of the present spec that something else on the node holds. */
export function portConflicts(desired: Desired, observed: Observed): number[] {
  const published = observed.failures.start ?? observed.failures.create;
  const ports = new Set(
    published?.code === 'PortInUse' && observed.instance?.state !== 'Running'
      ? (published.ports?.length ? published.ports : [desired.sshPort]).filter(
          port => port === desired.sshPort,
        )
      : [],
  );
  for (const forward of desired.forwards) {
    const now = observed.forwards[forward.name];
    if (now?.reason === 'Conflict' && now.hostPort === forward.hostPort) ports.add(forward.hostPort);
  }
  return [...ports].sort((a, b) => a - b);
}

/** One sentence: a capital first, one full stop last. */
export function sentence(text: string): string {
  const trimmed = text.trim().replace(/\.+$/, '');
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}.`;
}
