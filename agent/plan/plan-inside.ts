import { sha256 } from '../../controller/kit/hash.ts';
import type { GuestFile } from '../driver.ts';
import type { GuestState } from '../guest/guest.ts';
import type { Desired, DesiredHook, Inside } from '../model/desired.ts';
import type { Observed } from '../model/observed.ts';
import type { Action } from './actions.ts';
import { isServiceReady } from './service-ready.ts';
import { tryOf, tryToken } from './try-token.ts';

/** The inside of a running container: files first, then the clone, preStart, services by their dependencies, postStart. */
export function planInside(desired: Desired, observed: Observed): Action[] {
  const { guest, instance } = observed;
  if (!desired.running || instance?.state !== 'Running' || !guest || !desired.inside) return [];
  const configure = planConfigure(desired.inside, guest);
  if (configure.length > 0) return configure;
  const fence: Action[] =
    guest.fenced === desired.mayMove ? [] : [{ type: 'fence', fenced: desired.mayMove }];
  const clone = planClone(desired, guest);
  if (!isRepositorySettled(desired, guest))
    return [...fence, ...clone, ...planServices(desired, observed, false)];
  const preStart = isPreStartSettled(desired, guest) ? [] : planHook('preStart', desired, guest);
  const open = isPreStartSettled(desired, guest);
  const services = planServices(desired, observed, open);
  const allReady = open && desired.services.every(service => isServiceReady(service.name, desired, observed));
  const postStart = allReady ? planHook('postStart', desired, guest) : [];
  return [...fence, ...clone, ...preStart, ...services, ...postStart];
}

function planConfigure(inside: Inside, guest: GuestState): Action[] {
  const { boot, runtime, keys } = inside.config;
  const differ = (files: GuestFile[]) => files.some(file => guest.files[file.path] !== digestOf(file));
  const keysChanged = guest.configured && differ(keys);
  const changed = differ([...boot, ...runtime]) || keysChanged;
  if (guest.configured && guest.sshd.running && guest.supervisor.running && !changed) return [];
  return [{ type: 'configure', reason: guest.configured ? 'Changed' : 'Start', keysChanged }];
}

/** SHA-256 in hex of a file's content, kept: files are rendered once and compared at every pass. */
const digests = new WeakMap<GuestFile, string>();
function digestOf(file: GuestFile): string {
  const known = digests.get(file);
  if (known) return known;
  const value = sha256(file.content);
  digests.set(file, value);
  return value;
}

/** Once: a working tree is never touched again, and one that was removed after its clone is the user's doing. */
function planClone({ repo, inside }: Desired, guest: GuestState): Action[] {
  if (!repo || guest.repository || inside?.withheld?.git) return [];
  const job = guest.jobs.clone;
  const attempt = job ? tryOf(job.token, repo.token) : 0;
  if (job?.state === 'Succeeded') return [];
  if (job?.state === 'Running' && attempt > 0) return [];
  return [{ type: 'clone', token: tryToken(repo.token, attempt + 1) }];
}

export function isRepositorySettled({ repo }: Desired, guest: GuestState): boolean {
  return !repo || guest.repository !== undefined || guest.jobs.clone?.state === 'Succeeded';
}

/** Whether services may start. A hook that is added while services run has its turn at the next start. */
export function isPreStartSettled(desired: Desired, guest: GuestState): boolean {
  if (!desired.hooks.preStart || guest.jobs.preStart?.state === 'Succeeded') return true;
  return !guest.jobs.preStart && guest.services.some(service => service.wanted === 'Up');
}

/** Until it succeeded, once a start. One that runs is ended by another command alone. */
function planHook(hook: 'preStart' | 'postStart', desired: Desired, guest: GuestState): Action[] {
  const want: DesiredHook | undefined = desired.hooks[hook];
  const job = guest.jobs[hook];
  if (!want || job?.state === 'Succeeded' || desired.inside?.withheld?.env) return [];
  const last = job ? tryOf(job.token, want.token) : 0;
  if (job?.state === 'Running' && last > 0) return [];
  return [{ type: 'runHook', hook, token: tryToken(want.token, last + 1) }];
}

/** Whether a hook that has failed runs again. */
export function isRetried(hook: 'preStart' | 'postStart', { hooks }: Desired, { guest }: Observed): boolean {
  const job = guest?.jobs[hook];
  return job?.state === 'Running' && tryOf(job.token, hooks[hook]?.token ?? '') > 1;
}

/** `open`: whether services that are down may start. Those that run are never stopped for one that they depend on. */
function planServices(desired: Desired, observed: Observed, open: boolean): Action[] {
  const { guest } = observed;
  const actions: Action[] = [];
  for (const { name } of guest?.services ?? [])
    if (!desired.services.some(service => service.name === name))
      actions.push({ type: 'serviceRemove', service: name });
  for (const { name, dependsOn } of desired.services) {
    const digest = desired.inside?.config.services[name]?.digest ?? '';
    const now = guest?.services.find(service => service.name === name);
    const health = observed.health[name];
    const isWithheld = desired.inside?.withheld?.services.includes(name) === true;
    if (now?.wanted === 'Up') {
      if (now.digest !== digest && !isWithheld)
        actions.push({ type: 'serviceUp', service: name, digest, change: 'Update' });
      else if (health?.restartDue)
        actions.push({ type: 'serviceRestart', service: name, message: health.message ?? '' });
    } else if (open && !isWithheld && dependsOn.every(other => isServiceReady(other, desired, observed)))
      actions.push({ type: 'serviceUp', service: name, digest, change: 'Start' });
  }
  return actions;
}
