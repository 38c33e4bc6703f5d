import t from 'tap';
import { newAgentKey } from '../../../agent/ssh/agent-key.ts';
import { userKeys } from '../../../controller/gateway/identities.ts';
import { parseSshPublicKey } from '../../../controller/kit/ssh-public-key.ts';
import type { User } from '../../../crds/types.generated.ts';

const [one, two] = [newAgentKey().publicKey, newAgentKey().publicKey];

function userOf(spec: Partial<User['spec']>, status?: User['status']): User {
  const sshKeys = [
    { name: 'one', key: `${one} laptop` },
    { name: 'two', key: two },
  ];
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'User',
    metadata: { name: 'alice' },
    spec: { sshKeys, ...spec },
    ...(status && { status }),
  };
}

const blob = (key: string) => key.split(' ')[1];

t.test(
  'the keys of a user let in, save those that the controller found to be no good or somebody else’s',
  async t => {
    t.same(userKeys(userOf({})), [blob(one), blob(two)]);
    t.same(userKeys(userOf({ suspended: true })), []);
    const known = parseSshPublicKey(two);
    if ('problem' in known) throw new Error(known.problem);
    const { type, fingerprint } = known;
    const status = { observedGeneration: 1, sshKeys: [{ name: 'two', type, fingerprint }] };
    t.same(userKeys(userOf({}, status)), [blob(two)]);
    t.same(userKeys(userOf({ sshKeys: [] }, status)), [], 'one that was removed is gone at once');
    t.same(userKeys(userOf({}, { observedGeneration: 1 })), []);
  },
);
