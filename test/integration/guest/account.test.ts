import t from 'tap';
import { openLab } from './lab.ts';

t.setTimeout(300_000);

const passwd = `root:x:0:0:root:/root:/bin/bash
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
node:x:1000:1000::/home/node:/bin/bash
dev:x:1234:1234:Somebody:/nowhere:/bin/dash`;

const lab = await openLab(t, {
  files: [
    { path: '/etc/passwd', content: passwd, mode: 0o644 },
    { path: '/etc/group', content: 'root:x:0:\nnogroup:x:65534:\nnode:x:1000:\n', mode: 0o644 },
    { path: '/etc/shadow', content: 'root:*:1::::::\nnode:!:1::::::\ndev:!:1::::::\n', mode: 0o640 },
    { path: '/etc/skel/.config/app', content: 'seed\n', mode: 0o644 },
  ],
});
if (lab) {
  await lab.configure();
  const login = async (command: string) =>
    (await lab.ssh(['ssh', '-p', String(lab.port), 'dev@127.0.0.1', command])).stdout.trim();

  t.test(
    'an image that has uid 1000 and the name already: the user has both, the other name stays',
    async t => {
      t.equal(await login('id -un; id -u; id -g; id -u node'), 'dev\n1000\n1000\n1000');
      t.equal(await login('sudo -n id -u; sudo -n -u node id -un'), '0\ndev');
      t.equal(
        await login('echo "$HOME $SHELL"'),
        '/home/dev /bin/dash',
        'the shell that the image gives is kept',
      );
      const before = await lab.sh(
        'cat /etc/passwd /etc/shadow /etc/group; stat -c "%a %U:%G" /etc/passwd /etc/shadow',
      );
      t.match(before.stdout, /640 root:\w+\n$/);
      await lab.configure();
      t.equal(
        (await lab.sh('cat /etc/passwd /etc/shadow /etc/group; stat -c "%a %U:%G" /etc/passwd /etc/shadow'))
          .stdout,
        before.stdout,
      );
    },
  );

  t.test('the home is seeded once', async t => {
    t.equal(await login('cat .config/app; stat -c %U . .config .config/app .bashrc | uniq'), 'seed\ndev');
    await login('rm .config/app');
    await lab.node.driver.stop(lab.id, 10);
    await lab.node.driver.start(lab.id);
    await lab.configure();
    t.equal(await login('ls -A .config'), '');
  });
}
