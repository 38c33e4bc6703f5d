import t from 'tap';
import { dockerLab } from '../../support/docker-lab.ts';
import { noTestEngine } from '../../support/engine.ts';
import { alpineRootfs } from '../../support/foreign/alpine-rootfs.ts';
import { ensureForeignImage } from '../../support/foreign/images.ts';

// Images are made the first time on a machine, and packages are added to each.
t.setTimeout(280_000);
const noEngine = await noTestEngine();
const noAlpine =
  noEngine ||
  (await alpineRootfs().then(
    () => false as const,
    (error: Error) => `no Alpine can be had here: ${error.message.split('\n')[0]}`,
  ));

for (const [image, skip] of [
  ['alpine', noAlpine],
  ['dnf', noEngine],
] as const)
  t.test(`an image whose package manager is that of ${image} becomes a workspace`, { skip }, async t => {
    const { lab, start, place, root, docker } = await dockerLab(t);
    const reference = await ensureForeignImage(docker, image);
    start();
    const { ssh } = await place('shop', {
      image: reference,
      services: [{ name: 'web', command: 'exec sleep 1000' }],
      lifecycle: { preStart: 'git init -q ~/made' },
    });
    await lab.ready('shop', 120_000);
    await ssh.untilLogin();
    t.match(await ssh.exec('command -v apk || command -v dnf'), image === 'alpine' ? /apk$/ : /dnf$/);
    t.match(await ssh.exec('git -C ~/made status'), /No commits yet/);
    t.equal(await ssh.exec('sudo id -u'), '0');
    t.equal(
      await root('shop', 'ls /etc/ssh/ssh_host_* 2>/dev/null || echo none'),
      'none',
      'no host keys for all',
    );
    const made = await root('shop', image === 'alpine' ? 'apk list -I git' : 'rpm -q git-core');
    t.match(made, /99/, 'added by the package manager');
    await lab.delete('shop');
    await lab.untilGone('shop', 30_000);
  });
