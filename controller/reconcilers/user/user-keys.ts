import type { UserKeyStatus } from '../../../crds/kinds.ts';
import type { User } from '../../../crds/types.generated.ts';
import { bareSshKey, parseSshPublicKey } from '../../kit/ssh-public-key.ts';
import type { Informer } from '../../runtime/reconciler.ts';

/** Users by the keys that are registered with them. */
const BY_KEY = 'ssh-key';

export function indexByKey(users: Informer<User>): void {
  users.addIndex(BY_KEY, keysOf);
}

export function keysOf({ spec }: User): string[] {
  return (spec.sshKeys ?? []).map(({ key }) => bareSshKey(key));
}

/** Others with whom a key of the user is registered too. */
export function sharers(user: User, users: Informer<User>): string[] {
  const names = keysOf(user).flatMap(key => users.byIndex(BY_KEY, key).map(({ metadata }) => metadata.name));
  return [...new Set(names)].filter(name => name !== user.metadata.name);
}

/** Whether the keys of the user open anything. */
export function mayLogIn({ spec, metadata }: User): boolean {
  return !spec.suspended && spec.role !== 'viewer' && !metadata.deletionTimestamp;
}

export interface JudgedKeys {
  /** Those that may be used. */
  good: (UserKeyStatus & { line: string })[];
  /** Why the others may not: `name: sentence`. */
  unreadable: string[];
  /** Names of keys that somebody had before, and of whom. */
  taken: { key: string; owner: string }[];
}

/** A key belongs to one user: whoever was there first, where two were registered at the same time. */
export function judgeKeys(user: User, users: Informer<User>): JudgedKeys {
  const judged: JudgedKeys = { good: [], unreadable: [], taken: [] };
  for (const { name, key } of user.spec.sshKeys ?? []) {
    const parsed = parseSshPublicKey(key);
    if ('problem' in parsed) {
      judged.unreadable.push(`${name}: ${parsed.problem}`);
      continue;
    }
    const owner = users.byIndex(BY_KEY, bareSshKey(key)).find(other => isBefore(other, user));
    if (owner) judged.taken.push({ key: name, owner: owner.metadata.name });
    else {
      const { type, fingerprint } = parsed;
      // The comment tells who reads the file whose it is.
      judged.good.push({ name, type, fingerprint, line: `${parsed.key} ${user.metadata.name}/${name}` });
    }
  }
  return judged;
}

function isBefore({ metadata: a }: User, { metadata: b }: User): boolean {
  if (a.uid === b.uid) return false;
  const [at, bt] = [a.creationTimestamp ?? '', b.creationTimestamp ?? ''];
  return at === bt ? a.name < b.name : at < bt;
}
