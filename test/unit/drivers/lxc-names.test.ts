import t from 'tap';
import { hardwareAddress } from '../../../agent/drivers/lxc/addresses.ts';
import {
  instanceId,
  isOf,
  KEY,
  labelsOf,
  lxdName,
  lxdVolumeName,
  parseInstanceId,
  toLabelConfig,
} from '../../../agent/drivers/lxc/names.ts';

/** What LXD takes for an instance. */
const TAKEN = /^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

t.test('names are such as LXD takes, and end in what tells workspaces apart', async t => {
  t.equal(lxdName('nexus-shop.default-1a2b3c4d'), 'nexus-shop-default-1a2b3c4d');
  const long = lxdName(`nexus-${'a'.repeat(63)}.${'b'.repeat(63)}-1a2b3c4d`);
  t.match(long, /-1a2b3c4d$/);
  for (const name of ['nexus-shop.default-1a2b3c4d', 'nexus-a--b.c-d-00000000'])
    t.match(lxdName(name), TAKEN);
  t.match(long, TAKEN);
});

t.test('names of volumes that look alike differ', async t => {
  const one = lxdVolumeName('nexus-shop.default-1a2b3c4d-home');
  t.match(one, /^nexus-shop-default-1a2b3c4d-home-[0-9a-f]{8}$/);
  t.not(lxdVolumeName('nexus-shop-default-1a2b3c4d-home'), one);
  const long = (end: string) => lxdVolumeName(`nexus-${'a'.repeat(120)}-${end}`);
  t.ok(long('home').length <= 63);
  t.not(long('home'), long('data'));
});

t.test('an id names an instance and tells it from a later one', async t => {
  const id = instanceId('nexus-shop', { [KEY.id]: '00ff' });
  t.same(parseInstanceId(id), { name: 'nexus-shop', mark: '00ff' });
  for (const other of ['', 'f'.repeat(64), 'nexus-shop', '../x.00', 'nexus-shop.', 'a/b.00'])
    t.equal(parseInstanceId(other), undefined, other);
});

t.test('labels are keys of users, apart from the driver\u2019s own', async t => {
  const labels = { 'nexus.dev/node': 'n1', 'nexus.dev/placement': 'shop.default' };
  const config = { ...toLabelConfig(labels), [KEY.name]: 'x', [KEY.id]: '00', 'limits.memory': '1' };
  t.same(labelsOf(config), labels);
  t.ok(isOf(config, 'n1'));
  t.notOk(isOf(config, 'n2'));
  t.ok(isOf({ [KEY.unfinished]: 'n2' }, 'n2'));
  t.ok(isOf({ [KEY.helper]: 'n2' }, 'n2'));
});

t.test('hardware addresses go with addresses', async t => {
  t.equal(hardwareAddress('10.88.102.2'), '00:16:3e:58:66:02');
});
