import t from 'tap';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { judgeKeys, sharers } from '../../../controller/reconcilers/user/user-keys.ts';
import { userStatus } from '../../../controller/reconcilers/user/user-status.ts';
import type { Informer } from '../../../controller/runtime/reconciler.ts';
import type { User, UserSpec } from '../../../crds/types.generated.ts';

const [one, two] = [generateSshKey('x').publicKey, generateSshKey('y').publicKey] as [string, string];
const bare = (line: string) => line.split(' ').slice(0, 2).join(' ');
const user = (name: string, spec: UserSpec, created = '2026-01-01T00:00:00Z'): User => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'User',
  metadata: { name, uid: name, generation: 3, creationTimestamp: created },
  spec,
});
/** The one method that is used. */
const informer = (...all: User[]) =>
  ({
    byIndex: (_: string, key: string) =>
      all.filter(({ spec }) => spec.sshKeys?.some(one => bare(one.key) === key)),
  }) as unknown as Informer<User>;

t.test('whoever had a key first keeps it, whatever its comment', async t => {
  const ada = user('ada', { sshKeys: [{ name: 'k', key: one }] }, '2026-01-02T00:00:00Z');
  const bob = user('bob', {
    sshKeys: [
      { name: 'mine', key: `${bare(one)} elsewhere` },
      { name: 'b', key: two },
    ],
  });
  const all = informer(ada, bob);
  t.match(judgeKeys(bob, all), { good: [{ name: 'mine' }, { name: 'b' }], taken: [] });
  t.match(judgeKeys(ada, all), { good: [], taken: [{ key: 'k', owner: 'bob' }] });
  t.same([sharers(ada, all), sharers(bob, all)], [['bob'], ['ada']]);
  const same = [user('a', ada.spec), user('b', ada.spec)] as const;
  t.match(judgeKeys(same[0], informer(...same)), { good: [{}] }, 'at the same second the first by name');
  t.match(judgeKeys(same[1], informer(...same)), { taken: [{ owner: 'a' }] });
});

t.test('a key that cannot be used keeps none of the others out', async t => {
  const ada = user('ada', {
    sshKeys: [
      { name: 'old', key: 'ssh-rsa AAAA' },
      { name: 'k', key: one },
    ],
  });
  const { good, unreadable } = judgeKeys(ada, informer(ada));
  t.match(good, [{ name: 'k', type: 'ssh-ed25519', fingerprint: /^SHA256:/, line: `${bare(one)} ada/k` }]);
  t.match(unreadable, [/^old: .*damaged/]);
});

t.test('the status says what is in the way, the gravest first', async t => {
  const keys = { good: [], unreadable: ['k: broken'], taken: [{ key: 'k', owner: 'bob' }] };
  const reason = (spec: UserSpec, findings: Partial<Parameters<typeof userStatus>[1]>) => {
    const status = userStatus(user('ada', spec), { keys, namespace: 'ours', ...findings }, 0);
    return status.conditions?.[0]?.reason;
  };
  t.equal(reason({ suspended: true }, { namespace: 'taken' }), 'Suspended');
  t.equal(reason({}, { namespace: 'taken' }), 'NamespaceTaken');
  t.equal(reason({}, {}), 'KeyTaken');
  t.equal(reason({}, { keys: { ...keys, taken: [] } }), 'KeyUnusable');
  t.equal(reason({}, { keys: { good: [], unreadable: [], taken: [] } }), 'Ready');
  const going = user('ada', {});
  going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  const workspaces = Array.from({ length: 7 }, (_, i) => `w${i}`);
  const { message } = userStatus(going, { keys, namespace: 'ours', workspaces }, 0).conditions?.[0] ?? {};
  t.match(
    message,
    /in namespace ada: w0, w1, w2, w3, w4, and 2 more\. .*force-delete=true.*nexus\.dev\/user-/,
  );
});
