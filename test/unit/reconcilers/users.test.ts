import t from 'tap';
import { sha256 } from '../../../controller/kit/hash.ts';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { judgeKeys, sharers } from '../../../controller/reconcilers/user/user-keys.ts';
import { userStatus } from '../../../controller/reconcilers/user/user-status.ts';
import {
  configCondition,
  createConfigReader,
  viewConfig,
} from '../../../controller/reconcilers/workspace/config-view.ts';
import type { Informer } from '../../../controller/runtime/reconciler.ts';
import type { Placement, User, UserSpec, Workspace } from '../../../crds/types.generated.ts';

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

const FILE = 'services: {web: {command: npm start}}\nproviders: {docker: {image: "node:20"}}';
const observed = (text: string | undefined, digest = `digest of ${text}`) =>
  ({
    status: { repository: { config: { digest, ...(text !== undefined && { text }) } } },
  }) as unknown as Placement;
const workspace = (spec: object, status: object = {}): Workspace =>
  ({ metadata: { name: 'shop' }, spec, status }) as Workspace;
const asFile = { services: [{ name: 'web', command: 'npm start' }], image: 'node:20' };

/** The view, and the condition that it gives, as `status reason`. */
function look(seen: Workspace, placement: Placement | undefined) {
  const view = viewConfig(seen, placement, createConfigReader());
  if (!view) return undefined;
  const { status, reason, message } = configCondition(seen, view);
  return { kept: view.kept, told: `${status} ${reason}`, message };
}

t.test('without the file, or before anybody looked, there is nothing to tell', async t => {
  t.equal(look(workspace(asFile), undefined), undefined);
  t.equal(look(workspace(asFile), { status: { repository: {} } } as never), undefined);
});

t.test('what differs when the file is first seen is the user’s; what differs later has changed', async t => {
  t.match(look(workspace(asFile), observed(FILE)), { kept: [], told: 'False ConfigApplied' });
  const own = { ...asFile, image: 'mine' };
  t.match(look(workspace(own), observed(FILE)), { kept: ['image'], told: 'False ConfigApplied' });
  const before = { config: { digest: 'an earlier one', kept: ['image'] } };
  const other = FILE.replace('npm start', 'npm run dev').replace('node:20', 'node:22');
  t.match(look(workspace(own, before), observed(other)), {
    kept: ['image'],
    told: 'True ConfigChanged',
    message: /says otherwise: services web\. "nexus workspace sync shop" carries it out\./,
  });
  t.match(look(workspace(asFile, { config: { digest: 'x', kept: [] } }), observed(other)), {
    message: /services web; image/,
  });
});

t.test('who follows the file keeps nothing back', async t => {
  const follows = { ...asFile, image: 'mine', repo: { url: 'https://x/y', followConfig: true } };
  t.match(look(workspace(follows, { config: { digest: 'x', kept: ['image'] } }), observed(FILE)), {
    kept: [],
    told: 'True ConfigChanged',
  });
});

t.test('a file that cannot be read is told with its place', async t => {
  t.match(look(workspace(asFile), observed('services:\n  web: {}\n')), {
    told: 'True ConfigInvalid',
    message: /line 2, column \d+: /,
  });
  t.match(look(workspace(asFile), observed(undefined, '')), {
    told: 'True ConfigInvalid',
    message: /16 KiB/,
  });
  t.match(
    look(workspace(asFile, { config: { digest: 'x', kept: ['image'] } }), observed('services: [')),
    { kept: ['image'] },
    'whose fields are whose is not forgotten meanwhile',
  );
});

t.test('what one agent says that a file is does not change what another’s is', async t => {
  const reader = createConfigReader();
  const lie = observed('services: {web: {command: steal}}', sha256(FILE));
  t.equal(
    viewConfig(workspace(asFile), lie, reader)?.digest,
    sha256(lie.status?.repository?.config?.text ?? ''),
  );
  const before = { config: { digest: 'x', kept: [] } };
  t.same(viewConfig(workspace(asFile, before), observed(FILE), reader)?.drift?.fields, []);
  const long = `# ${'x'.repeat(16 * 1024)}`;
  t.match(viewConfig(workspace(asFile), observed(long), reader), { problem: /16 KiB/ });
});

t.test('a text is read once, and the last few are kept', async t => {
  const reader = createConfigReader();
  const first = reader.read('a', FILE);
  t.equal(reader.read('a', FILE), first);
  for (let i = 0; i < 300; i++) reader.read(`other ${i}`, '');
  t.not(reader.read('a', FILE), first);
});
