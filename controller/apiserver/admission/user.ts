import { USER } from '../../../crds/kinds.ts';
import type { User } from '../../../crds/types.generated.ts';
import type { Cause } from '../../kit/errors.ts';
import { bareSshKey, parseSshPublicKey } from '../../kit/ssh-public-key.ts';
import type { Store } from '../../store/store.ts';
import { prefixOf } from '../registry/served-resource.ts';
import { duplicate, invalid } from '../schema/causes.ts';
import type { AdmissionPlugin } from './admission.ts';

/** What a schema cannot say of a User's SSH keys: they can be used, and belong to nobody else. */
export function userAdmission(store: Store): AdmissionPlugin {
  return {
    name: 'User',
    admit({ operation, served, subresource, name, object, old }) {
      const { resource } = served;
      if (resource.group !== USER.group || resource.kind !== USER.kind || operation === 'DELETE')
        return undefined;
      if (subresource !== '' || !object) return undefined;
      const causes: Cause[] = [];
      // What is stored already is not refused again: a user must stay changeable whatever rules come later.
      const known = new Set(old ? bareKeys(old as User) : []);
      const wanted = bareKeys(object as User);
      const fresh = wanted.some(key => !known.has(key));
      const owners = fresh ? ownersOf(store, name) : new Map<string, string>();
      wanted.forEach((key, i) => {
        const field = `spec.sshKeys[${i}].key`;
        if (wanted.indexOf(key) < i) causes.push(duplicate(field, key));
        if (known.has(key)) return;
        const parsed = parseSshPublicKey(key);
        const owner = owners.get(key);
        if ('problem' in parsed) causes.push(invalid(field, key, parsed.problem));
        else if (owner !== undefined)
          causes.push({
            ...duplicate(field, parsed.fingerprint),
            message: `Duplicate value: "${parsed.fingerprint}": the key is registered with user ${owner}; a key belongs to one user`,
          });
      });
      return causes;
    },
  };
}

/** Without their comments. */
const bareKeys = ({ spec }: User): string[] => (spec.sshKeys ?? []).map(({ key }) => bareSshKey(key));

function ownersOf(store: Store, except: string): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { object } of store.list(prefixOf(USER)).entries) {
    const { name } = object.metadata;
    if (name !== except) for (const key of bareKeys(object as User)) owners.set(key, name);
  }
  return owners;
}
