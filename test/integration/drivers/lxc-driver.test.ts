import t from 'tap';
import { createLxcDriver } from '../../../agent/drivers/lxc/lxc-driver.ts';
import { removeEverything, run, specs } from '../../conformance/driver.ts';
import { noLxd, startLxd } from '../../support/lxd-lab.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);

t.test('an LXD that was never set up', { skip: noLxd() }, async t => {
  const { socketPath, image, lxc } = await startLxd(t, { isBare: true });
  const node = 'bare';
  const driver = createLxcDriver({ socketPath, node });
  t.teardown(async () => {
    await removeEverything(driver);
    await driver.close();
  });
  const { id: imageId = '' } = (await driver.ensureImage(await image('ready'))) ?? {};

  await t.test('does as it is', async t => {
    t.match(await driver.info(), { version: /^LXD /, isolation: { enforced: true }, directNetwork: true });
    const { id } = await driver.create(specs(node, imageId)('shop'));
    await driver.start(id);
    t.match(await run(driver, id, ['cat', '/opt/nexus/greeting']), {
      code: 0,
      stdout: 'from the beginning\n',
    });
    t.match(await lxc('storage', 'list', '--format', 'csv'), /^nexus,dir,/);
    await removeEverything(driver);
    t.same(await driver.list(), { instances: [], volumes: [] });
  });

  await t.test('is used as its options say, or they are told to be wrong', async t => {
    const spec = specs(node, imageId)('given');
    const noPool = createLxcDriver({ socketPath, node, pool: 'none' });
    await t.rejects(noPool.create(spec), {
      code: 'Invalid',
      message: /no storage pool named none.*it has: nexus/,
    });
    await noPool.close();
    const noNetwork = createLxcDriver({ socketPath, node, network: 'none0' });
    await t.rejects(noNetwork.create(spec), { code: 'Invalid', message: /no bridge none0/ });
    await noNetwork.close();

    const bridge = `nxt${process.pid}`;
    const subnet = `10.${64 + (process.pid % 128)}.${process.pid % 250}.1/24`;
    await lxc('network', 'create', bridge, `ipv4.address=${subnet}`, 'ipv4.nat=true', 'ipv6.address=none');
    const given = createLxcDriver({ socketPath, node, network: bridge });
    const { id } = await given.create(spec);
    await given.start(id);
    t.match(await given.info(), { isolation: { enforced: false, message: new RegExp(bridge) } });
    t.match((await given.list()).instances, [{ state: 'Running', address: /^10\./ }]);
    await removeEverything(given);
    await given.close();
    t.match(await lxc('network', 'list', '--format', 'csv'), bridge, 'which is left alone');
  });
});
