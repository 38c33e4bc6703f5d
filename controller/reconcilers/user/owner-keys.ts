import { LABEL_USER } from '../../../crds/names.ts';
import type { Namespace } from '../../../crds/object.ts';
import type { User } from '../../../crds/types.generated.ts';
import type { Informer } from '../../runtime/reconciler.ts';
import { judgeKeys, mayLogIn, sharers } from './user-keys.ts';

/** Public keys of the users, for the workspaces in their namespaces and those that are shared with them. */
export interface OwnerKeys {
  readonly synced: Promise<unknown>;
  /** Lines of authorized_keys of the user who has the namespace, which is of the user's name; none where nobody has it. */
  of(namespace: string): string[];
  /** Called with a namespace whose keys have changed. Returns an unsubscribe. */
  onChange(handler: (namespace: string) => void): () => void;
}

export function createOwnerKeys(caches: {
  users: Informer<User>;
  namespaces: Informer<Namespace>;
}): OwnerKeys {
  const { users, namespaces } = caches;
  const of = (namespace: string): string[] => {
    const user = users.get(namespace);
    const isOurs = namespaces.get(namespace)?.metadata.labels?.[LABEL_USER] === namespace;
    if (!user || !isOurs || !mayLogIn(user)) return [];
    return judgeKeys(user, users).good.map(({ line }) => line);
  };
  return {
    synced: Promise.all([users.synced, namespaces.synced]),
    of,
    onChange(handler) {
      const told = new Map<string, string>();
      const look = (namespace: string) => {
        const now = of(namespace).join('\n');
        if (now === (told.get(namespace) ?? '')) return;
        if (now === '') told.delete(namespace);
        else told.set(namespace, now);
        handler(namespace);
      };
      for (const { metadata } of users.list()) told.set(metadata.name, of(metadata.name).join('\n'));
      const stops = [
        users.onChange(({ old, now }) => {
          const changed = [old, now].filter(user => user !== undefined);
          const names = changed.flatMap(user => [user.metadata.name, ...sharers(user, users)]);
          for (const name of new Set(names)) look(name);
        }),
        namespaces.onChange(({ old, now }) => look((now ?? old)?.metadata.name ?? '')),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
