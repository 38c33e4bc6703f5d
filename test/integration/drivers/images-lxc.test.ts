import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import t from 'tap';
import { pack } from 'tar-stream';
import type { Driver, ImageProgress } from '../../../agent/driver.ts';
import { createLxcDriver } from '../../../agent/drivers/lxc/lxc-driver.ts';
import { tarOf } from '../../../agent/drivers/tar.ts';
import { removeEverything, specs } from '../../conformance/driver.ts';
import { startImageServer } from '../../support/image-server.ts';
import { noLxd, startLxd, TEST_POOL } from '../../support/lxd-lab.ts';
import { slimRootfs } from '../../support/slim-rootfs.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);

t.test('images of LXD', { skip: noLxd() }, async t => {
  const dir = t.testdir({});
  const description = JSON.stringify({
    architecture: 'x86_64',
    creation_date: 1,
    properties: {},
    templates: {},
  });
  const metadata = await tarOf([{ name: 'metadata.yaml', content: description, mode: 0o644 }]);
  const server = await startImageServer('debian/12', { metadata, rootfs: await slimRootfs('ready') });
  t.teardown(() => server.close());
  const ca = join(dir, 'ca.pem');
  await writeFile(ca, server.certificates.ca);
  // The authority that this LXD trusts.
  const lab = await startLxd(t, { env: { SSL_CERT_FILE: ca } });
  const node = 'images';
  const remotes = new Map([
    ['images', server.url],
    ['away', 'https://127.0.0.1:1'],
  ]);
  const driver: Driver = createLxcDriver({ socketPath: lab.socketPath, node, remotes });
  t.teardown(async () => {
    await removeEverything(driver);
    await driver.close();
  });
  const image = 'images:debian/12';

  await t.test('that are not to be had are told apart', async t => {
    t.equal(await driver.ensureImage(image, { pull: false }), undefined, 'only when asked for');
    await t.rejects(driver.ensureImage('images:debian/99'), { code: 'ImageNotFound', message: /debian\/99/ });
    await t.rejects(driver.ensureImage('no/such'), { code: 'ImageNotFound', message: /image server/ });
    await t.rejects(driver.ensureImage('0'.repeat(64)), { code: 'ImageNotFound' });
    for (const reference of ['Not An Image', '', 'a?all=1', 'x'.repeat(600)])
      await t.rejects(driver.ensureImage(reference, { pull: false }), { code: 'Invalid' });
    t.equal(server.fetches, 0);
  });

  let id = '';
  await t.test('are fetched from an image server, once for all who ask, with progress', async t => {
    server.hold();
    const progress: ImageProgress[] = [];
    const onProgress = (report: ImageProgress) => {
      progress.push(report);
      if (report.percent) server.release();
    };
    const found = await Promise.all([1, 2, 3].map(() => driver.ensureImage(image, { onProgress })));
    id = found[0]?.id ?? '';
    t.match(id, /^sha256:[0-9a-f]{64}$/);
    t.same(new Set(found.map(one => one?.id)), new Set([id]));
    t.equal(server.fetches, 1);
    const percents = progress.flatMap(({ percent }) => percent ?? []);
    t.ok(
      percents.some(percent => percent > 0 && percent < 100),
      `on its way: ${percents}`,
    );
    t.same(
      percents,
      [...percents].sort((a, b) => a - b),
      'never backwards',
    );
    t.equal(percents.at(-1), 100);
  });

  await t.test('are found again by name and by fingerprint, with the server away', async t => {
    await server.close();
    t.equal((await driver.ensureImage(image))?.id, id);
    t.equal((await driver.ensureImage(id, { pull: false }))?.id, id);
    t.equal((await driver.ensureImage(id.slice(7, 25), { pull: false }))?.id, id);
    const { id: instance } = await driver.create(specs(node, id)('shop'));
    await driver.start(instance);
    t.match((await driver.list()).instances, [{ imageId: id, state: 'Running' }]);
    await t.rejects(driver.ensureImage('away:debian/12'), { code: 'ImagePullFailed', retryable: true });
  });

  await t.test('that cannot become a workspace are refused with the reason', async t => {
    const noShell = join(dir, 'none.tar');
    const archive = pack();
    archive.entry({ name: 'metadata.yaml' }, description);
    archive.entry({ name: 'rootfs', type: 'directory' });
    archive.entry({ name: 'rootfs/hello' }, 'not a program');
    archive.finalize();
    await pipeline(Readable.from(archive), createWriteStream(noShell));
    await lab.lxc('image', 'import', noShell, '--alias', 'empty');
    await t.rejects(driver.ensureImage('empty'), { code: 'ImageUnsupported', message: /no shell/ });
    const names = (await lab.lxc('list', '--format', 'csv', '--columns', 'n')).split('\n');
    t.same(
      names.filter(name => name.includes('helper')),
      [],
      'nothing that looked into it is left',
    );
  });

  await t.test('that lack something get it once, and are removed when nobody wants them', async t => {
    // Its package manager has nothing but what is missing.
    const manager =
      '#!/bin/sh\n[ "$1" != install ] || { echo "#!/bin/sh" >/usr/bin/git; chmod 755 /usr/bin/git; }\n';
    await lab.lxc('init', id.slice(7), 'without-git', '--no-profiles', '--storage', TEST_POOL);
    const files = '/1.0/instances/without-git/files?path=/usr/bin';
    await lab.lxd.call('DELETE', `${files}/git`);
    await lab.lxd.call('POST', `${files}/apt-get`, {
      body: Buffer.from(manager),
      headers: { 'x-lxd-mode': '0755' },
    });
    await lab.lxc('publish', 'without-git', '--alias', 'without-git', '--compression', 'none');
    await lab.lxc('delete', 'without-git');

    const { id: made = '' } = (await driver.ensureImage('without-git')) ?? {};
    const name = made.slice(7);
    t.equal((await driver.ensureImage('without-git'))?.id, made);
    t.same(await driver.derivedImages?.(['without-git']), [
      { name, isInUse: false, isWanted: true, madeBy: node },
    ]);
    const { id: instance } = await driver.create(specs(node, made)('derived'));
    t.same(await driver.derivedImages?.([image]), [{ name, isInUse: true, isWanted: false, madeBy: node }]);
    await t.rejects(async () => driver.removeDerivedImage?.(name), { code: 'InUse' });
    await driver.remove(instance);
    await driver.removeDerivedImage?.(name);
    await driver.removeDerivedImage?.(name);
    t.same(await driver.derivedImages?.([]), []);
    t.equal(
      (await driver.ensureImage('without-git', { pull: false }))?.id,
      undefined,
      'it would be made anew',
    );
  });
});
