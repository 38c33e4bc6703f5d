import type { User } from '../../../crds/types.generated.ts';
import { parseSshPublicKey } from '../../kit/ssh-public-key.ts';

export function userView(user: User, workspaces: string[]) {
  const keys = keysOf(user);
  return {
    user_id: user.metadata.uid ?? '',
    name: user.metadata.name,
    github_username: user.spec.github?.login ?? null,
    role: user.spec.role ?? 'member',
    ssh_pubkey_fingerprint: keys[0]?.fingerprint ?? null,
    ssh_keys: keys,
    registered_at: user.metadata.creationTimestamp ?? '',
    workspaces,
  };
}

/** Keys that can be read, with the names they go by. */
export function keysOf({ spec }: User): { name: string; fingerprint: string; type: string }[] {
  return (spec.sshKeys ?? []).flatMap(({ name, key }) => {
    const parsed = parseSshPublicKey(key);
    return 'problem' in parsed ? [] : [{ name, fingerprint: parsed.fingerprint, type: parsed.type }];
  });
}
