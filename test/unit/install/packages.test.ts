import t from 'tap';
import { hasProgram, installWhatCanBe, missingPackages } from '../../../manifests/install/packages.mjs';

t.test(
  'a package whose program came from elsewhere is not installed along with those that are missing',
  t => {
    const there = new Set(['kubectl', '/usr/lib/podman/netavark']);
    const packages = {
      'kubernetes-client': 'kubectl',
      netavark: '/usr/lib/podman/netavark',
      sqlite3: 'sqlite3',
      iproute2: 'ip',
    };
    t.same(
      missingPackages(packages, program => there.has(program)),
      ['sqlite3', 'iproute2'],
    );
    t.same(
      missingPackages(packages, () => true),
      [],
      'nothing missing, nothing to install',
    );
    t.end();
  },
);

t.test('a package that cannot be installed is told, and keeps no other out', async t => {
  const installed: string[] = [];
  const problems = await installWhatCanBe(['tmux', 'kubernetes-client', 'rsync'], async names => {
    if (names.includes('kubernetes-client')) return 'trying to overwrite /usr/bin/kubectl';
    installed.push(...names);
    return undefined;
  });
  t.same(installed, ['tmux', 'rsync']);
  t.same([...problems], [['kubernetes-client', 'trying to overwrite /usr/bin/kubectl']]);
});

t.test('packages that can all be had are installed in one go, and one alone is not tried twice', async t => {
  const calls: string[][] = [];
  const ask = (problem?: string) => async (names: string[]) => {
    calls.push(names);
    return problem;
  };
  t.equal((await installWhatCanBe(['tmux', 'rsync'], ask())).size, 0);
  t.same([...(await installWhatCanBe(['tmux'], ask('no such package')))], [['tmux', 'no such package']]);
  t.same(calls, [['tmux', 'rsync'], ['tmux']]);
});

t.test('a program is found on the PATH or where it is said to be', t => {
  t.ok(hasProgram('sh'));
  t.ok(hasProgram('/bin/sh'));
  t.notOk(hasProgram('nexus-has-no-such-program'));
  t.notOk(hasProgram('/nexus/sh'), 'not looked for in the folders of the PATH');
  t.end();
});
