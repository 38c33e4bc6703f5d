import { USER } from '../../../crds/kinds.ts';
import type { User } from '../../../crds/types.generated.ts';
import { parseSshPublicKey } from '../../kit/ssh-public-key.ts';
import type { Entry, Store } from '../../store/store.ts';
import { keyOf } from '../registry/served-resource.ts';
import type { Identity } from './identity.ts';

/** Extra of the token of a person who logged in: what with, `github:<id>` or `ssh:<fingerprint>`. */
export const EXTRA_LOGIN = 'nexus.dev/login';

/**
 * Whether what somebody logged in with still is theirs: the User is there and the same, not suspended, and has the key or
 * the account. So a removed key ends its tokens at once. Holds of every token that is no login's.
 */
export function loginHolds(store: Store): (identity: Identity) => boolean {
  const fingerprints = new WeakMap<Entry, Set<string>>();
  const keysOf = (entry: Entry, { spec }: User): Set<string> => {
    const known = fingerprints.get(entry);
    if (known) return known;
    const found = new Set<string>();
    for (const { key } of spec.sshKeys ?? []) {
      const parsed = parseSshPublicKey(key);
      if (!('problem' in parsed)) found.add(parsed.fingerprint);
    }
    fingerprints.set(entry, found);
    return found;
  };
  return ({ name, uid, extra }) => {
    const [proof] = extra?.[EXTRA_LOGIN] ?? [];
    if (proof === undefined) return true;
    const entry = store.get(keyOf(USER, '', name));
    if (!entry) return false;
    const user = entry.object as User;
    const { metadata, spec } = user;
    if (metadata.uid !== uid || metadata.deletionTimestamp || spec.suspended) return false;
    if (proof.startsWith('ssh:')) return keysOf(entry, user).has(proof.slice('ssh:'.length));
    return (
      spec.github !== undefined &&
      (spec.github.id ?? proof.slice('github:'.length)).toString() === proof.slice('github:'.length)
    );
  };
}
