import t from 'tap';
import type { ImageProgress } from '../../../agent/driver.ts';
import { derivedName } from '../../../agent/drivers/docker/images/derive.ts';
import { run } from '../../conformance/driver.ts';
import { dockerNode } from '../../support/docker-node.ts';
import { noTestEngine } from '../../support/engine.ts';
import { ensureTestImage } from '../../support/images.ts';

// Packages are fetched, and the first time on a machine the image itself is made.
t.setTimeout(300_000);

t.test('an image without sshd gets it once', { skip: await noTestEngine() }, async t => {
  const at = await dockerNode(t);
  const { driver, docker, spec } = at;
  const reference = await ensureTestImage(docker, 'plain');
  const { Id: baseId } = await docker.getImage(reference).inspect();
  const { name } = derivedName(baseId);
  await docker
    .getImage(name)
    .remove()
    .catch(() => {});

  t.equal(
    await driver.ensureImage(reference, { pull: false }),
    undefined,
    'nothing is built when not asked for',
  );
  const progress: ImageProgress[] = [];
  const [first, second] = await Promise.all([
    driver.ensureImage(reference, { onProgress: report => progress.push(report) }),
    driver.ensureImage(reference),
  ]);
  t.same(first, second);
  t.not(first?.id, baseId);
  t.match(progress[0], { phase: 'building', message: /adding SSH and Git/ });
  t.ok(progress.length > 1);
  t.same(await driver.ensureImage(reference, { pull: false }), first, 'and found again');

  const { id } = await driver.create({ ...spec('derived'), imageId: first!.id });
  await driver.start(id);
  t.equal((await run(driver, id, ['sh', '-c', 'command -v sshd git sudo'])).code, 0);
  t.equal((await run(driver, id, ['sh', '-c', 'ls /etc/ssh/ssh_host_*_key'])).code, 2, 'no shared host keys');
  t.equal((await run(driver, id, ['ls', '/usr/sbin/policy-rc.d'])).code, 2);
});
