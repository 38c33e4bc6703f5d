import type { GuestJobState, GuestState } from '../guest/guest.ts';
import { CLONE_EXIT } from '../guest/guest.ts';
import type { ServiceHealth } from '../model/observed.ts';
import { type Notice, normal, warning } from './notice.ts';

export interface Seen {
  instanceId: string;
  guest: GuestState;
  health: Record<string, ServiceHealth>;
}

/**
 * What happened inside between two looks at the same start of an instance. Pure, but for `ownRestarts`, from which the
 * restarts are taken that the agent asked for and has already told.
 */
export function noticesBetween(
  before: Seen | undefined,
  now: Seen,
  ownRestarts: Map<string, number>,
): Notice[] {
  if (before?.instanceId !== now.instanceId || before.guest.bootId !== now.guest.bootId) return [];
  const notices: Notice[] = [];
  if (now.guest.sshd.restarts > before.guest.sshd.restarts)
    notices.push(warning('SSHRestarted', 'the SSH server had ended and was started again'));
  if (now.guest.supervisor.restarts > before.guest.supervisor.restarts)
    notices.push(warning('SupervisorRestarted', 'the supervisor had ended and was started again'));
  return [...notices, ...serviceNotices(before, now, ownRestarts), ...jobNotices(before.guest, now.guest)];
}

function serviceNotices(before: Seen, now: Seen, ownRestarts: Map<string, number>): Notice[] {
  const notices: Notice[] = [];
  for (const service of now.guest.services) {
    const { name } = service;
    const old = before.guest.services.find(item => item.name === name);
    const own = ownRestarts.get(name) ?? 0;
    const counted = Math.max(0, service.restarts - (old?.restarts ?? service.restarts));
    ownRestarts.set(name, Math.max(0, own - counted));
    const ended = service.state === 'Backoff' && old?.state !== 'Backoff' && service.wanted === 'Up';
    if (counted > own || (ended && counted === 0))
      notices.push(
        warning('ServiceExited', `service ${name} ended${exitOf(service.exitCode)} and is started again`),
      );
    const health = now.health[name];
    if (health?.health === 'Unhealthy' && before.health[name]?.health !== 'Unhealthy')
      notices.push(
        warning('ServiceUnhealthy', `service ${name} is unhealthy: ${health.message ?? 'its check fails'}`),
      );
  }
  return notices;
}

const exitOf = (code: number | undefined) => (code === undefined ? '' : ` with exit code ${code}`);

function jobNotices(before: GuestState, now: GuestState): Notice[] {
  const notices: Notice[] = [];
  if (now.repository && !before.repository)
    notices.push(
      normal('RepositoryCloned', `the repository was cloned at ${now.repository.commit.slice(0, 12)}`),
    );
  const clone = endedNow(before.jobs.clone, now.jobs.clone);
  if (clone?.state === 'Failed') notices.push(cloneFailure(clone));
  for (const hook of ['preStart', 'postStart', 'preStop'] as const) {
    const job = endedNow(before.jobs[hook], now.jobs[hook]);
    if (job?.state === 'Succeeded') notices.push(normal('HookSucceeded', `${hook} has run`));
    if (job?.state === 'Failed')
      notices.push(
        warning(
          'HookFailed',
          `${hook} failed${exitOf(job.exitCode)}${hook === 'preStop' ? '' : ' and is tried again'}; see its log`,
        ),
      );
  }
  return notices;
}

function endedNow(
  before: GuestJobState | undefined,
  now: GuestJobState | undefined,
): GuestJobState | undefined {
  if (!now || now.state === 'Running') return undefined;
  return before?.token === now.token && before.state === now.state ? undefined : now;
}

/** A failed clone in the words of the vocabulary. */
export function cloneFailure(job: GuestJobState): Notice {
  const tail = lastLine(job.tail);
  // Whatever git makes of it: a server that broke off, or a pack that is not whole.
  const full = job.tail?.split('\n').find(line => /No space left on device|Disk quota exceeded/.test(line));
  if (full !== undefined)
    return warning(
      'CloneFailed',
      `the disk that the home is on is full; make room in the home or on the node, it is tried again${lastLine(full)}`,
    );
  switch (job.exitCode) {
    case CLONE_EXIT.authentication:
      return warning(
        'AuthenticationFailed',
        `the repository refused the credentials, or asks for some; check spec.repo.credentialsSecretRef${tail}`,
      );
    case CLONE_EXIT.refNotFound:
      return warning(
        'RefNotFound',
        `the repository has no such branch, tag or commit; check spec.repo.ref${tail}`,
      );
    case CLONE_EXIT.unreachable:
      return warning('CloneFailed', `the repository is out of reach; it is tried again${tail}`);
    case CLONE_EXIT.notEmpty:
      return warning('CloneFailed', 'the folder of the repository is not empty; move away what is in it');
    default:
      return warning('CloneFailed', `the repository could not be cloned; it is tried again${tail}`);
  }
}

function lastLine(tail: string | undefined): string {
  const line = tail?.trim().split('\n').at(-1)?.trim();
  return line ? ` (${line.slice(0, 300)})` : '';
}
