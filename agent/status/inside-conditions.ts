import type { PlacementServiceStatus } from '../../crds/kinds.ts';
import type { Condition } from '../../crds/object.ts';
import type { PlacementStatus } from '../../crds/types.generated.ts';
import type { GuestLack, GuestState } from '../guest/guest.ts';
import type { Desired } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import { sameRepositoryUrl, withoutCredentials } from '../model/repository-url.ts';
import { isRetried } from '../plan/plan-inside.ts';
import { tryOf } from '../plan/try-token.ts';
import { cloneFailure } from '../reconcile/notices.ts';
import { sentence } from './instance-conditions.ts';
import { hadEnded } from './service-status.ts';
import { no, STOPPED, type Verdict, yes } from './verdict.ts';

/** `before` stands until the inside is seen: the volume keeps what was cloned. */
export function repositoryCondition(
  desired: Desired,
  observed: Observed,
  before: { condition?: Condition; repository?: PlacementStatus['repository'] },
): Verdict {
  const { repo } = desired;
  if (!repo) return yes('NoRepository', 'No repository is declared.');
  const { guest } = observed;
  if (guest?.repository) return clonedCondition(desired, guest.repository, before.repository?.ref);
  const job = guest?.jobs.clone;
  if (job?.state === 'Succeeded')
    return yes(
      'RepositoryKept',
      'The repository was cloned and then removed by hand; a restart clones it again.',
    );
  if (observed.failures.clone)
    return no('CloneFailed', `The clone could not be started: ${observed.failures.clone.message}.`);
  if (job?.state === 'Failed' && job.token.startsWith(`${repo.token}.`)) {
    const { reason, message } = cloneFailure(job);
    return no(reason, sentence(message));
  }
  const { condition } = before;
  if (!guest?.configured && condition?.status === 'True' && before.repository)
    return yes(condition.reason as Verdict['reason'], condition.message);
  if (!desired.running) return STOPPED;
  const { withheld } = desired.inside ?? {};
  if (withheld?.git && !job)
    return no('Cloning', sentence(`The repository is cloned later: ${withheld.message}`));
  // A further try at what has failed is no news.
  const again = job?.state === 'Running' && tryOf(job.token, repo.token) > 1;
  if (again && condition?.status === 'False' && condition.reason !== 'Cloning')
    return no(condition.reason as Verdict['reason'], condition.message);
  const came = job?.receivedMiB === undefined ? '' : `: ${job.receivedMiB} MiB received so far`;
  return no('Cloning', `The repository ${withoutCredentials(repo.url)} is being cloned${came}.`);
}

function clonedCondition(
  { repo }: Desired,
  { url, lacks }: NonNullable<GuestState['repository']>,
  ref: string | undefined,
): Verdict {
  if (repo && !sameRepositoryUrl(url, repo.url))
    return yes(
      'RepositoryKept',
      `The working tree is of ${withoutCredentials(url)} and is left alone; move it away and restart to clone ${withoutCredentials(repo.url)}.`,
    );
  if (repo && ref !== undefined && ref !== (repo.ref ?? ''))
    return yes(
      'RepositoryKept',
      `The working tree was cloned at ${ref || 'the default branch'} and is left alone; check out ${repo.ref ?? 'the default branch'} in it.`,
    );
  if (lacks)
    return yes(
      'RepositoryIncomplete',
      `The repository was cloned, but ${lacks.map(lack => LACKS[lack]).join('; ')}.`,
    );
  return yes('RepositoryCloned', 'The repository was cloned.');
}

const LACKS: Record<GuestLack, string> = {
  'git-lfs':
    'its files in Git LFS are pointers, as the image has no git-lfs: install it, then `git lfs install && git lfs pull`',
  submodules: 'submodules are missing: `git submodule update --init --recursive`, once they can be read',
};

/** Hooks count here: services wait for preStart, and postStart belongs to them. */
export function servicesCondition(
  desired: Desired,
  observed: Observed,
  services: PlacementServiceStatus[],
  before?: Condition,
): Verdict {
  const jobs = observed.guest?.jobs;
  for (const hook of ['preStart', 'postStart'] as const) {
    const job = desired.hooks[hook] ? jobs?.[hook] : undefined;
    if (job?.state === 'Failed')
      return no(
        'HookFailed',
        `${hook} failed with exit code ${job.exitCode ?? '?'} and is tried again; see its log, correct spec.lifecycle.${hook}.`,
      );
    if (before?.reason === 'HookFailed' && isRetried(hook, desired, observed))
      return no('HookFailed', before.message);
  }
  if (jobs?.preStart?.state === 'Running' && desired.hooks.preStart)
    return no('HookRunning', 'The hook preStart runs.');
  const unhealthy = services.find(({ health }) => health === 'Unhealthy');
  if (unhealthy)
    return no(
      'ServiceUnhealthy',
      `Service ${unhealthy.name} is unhealthy: ${unhealthy.message ?? 'its check fails'}.`,
    );
  // One that has just been started again has not shown that it stays.
  const exited = services.find(
    service =>
      /^(Backoff|Failed)$/.test(service.state) || (service.state === 'Starting' && hadEnded(service)),
  );
  if (exited) return no('ServiceExited', sentence(`Service ${exited.name} ${exited.message ?? 'ended'}`));
  const waiting = services.find(({ state }) => state === 'Waiting');
  if (waiting)
    return no('WaitingForDependency', sentence(`Service ${waiting.name} ${waiting.message ?? 'waits'}`));
  const notReady = services.find(({ state, health }) => state !== 'Running' || health === 'Unknown');
  if (notReady) return no('ServicesStarting', `Service ${notReady.name} is being started.`);
  if (jobs?.postStart?.state === 'Running' && desired.hooks.postStart)
    return no('HookRunning', 'The hook postStart runs.');
  const isHookDue = desired.hooks.postStart && observed.guest && !jobs?.postStart;
  if (isHookDue) return no('ServicesStarting', 'The hook postStart is about to run.');
  if (services.length === 0) return yes('NoServices', 'No services are declared.');
  return yes('ServicesHealthy', 'Every service runs and is healthy.');
}
