import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { hardwareAddress } from '../../../agent/drivers/lxc/addresses.ts';
import { LxdClient } from '../../../agent/drivers/lxc/api/lxd-client.ts';
import { LxdError, toDriverError } from '../../../agent/drivers/lxc/api/lxd-error.ts';
import { pullErrorCode, pullPercent } from '../../../agent/drivers/lxc/images/pull.ts';
import {
  checkReference,
  fingerprintOf,
  isOwnAlias,
  parseRemote,
  pulledAlias,
  remoteOf,
} from '../../../agent/drivers/lxc/images/reference.ts';
import { defaultRemotes } from '../../../agent/drivers/lxc/images/remotes.ts';
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
import {
  chooseAddress,
  chooseSubnet,
  parseSubnet,
  subnetsOfRoutes,
} from '../../../agent/drivers/lxc/subnet.ts';

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

const remotes = new Map(defaultRemotes('lxd'));

t.test('references are aliases, fingerprints, or of an image server', async t => {
  for (const reference of ['nexus-workspace/1', 'images:debian/12/cloud', 'ubuntu:24.04', 'a'.repeat(64)])
    t.doesNotThrow(() => checkReference(reference), reference);
  for (const reference of ['', 'Not An Image', '-x', 'a?project=b', 'a#b', 'x'.repeat(600), 'a\nb'])
    t.throws(() => checkReference(reference), { code: 'Invalid' }, reference.slice(0, 20));
  t.equal(fingerprintOf(`sha256:${'a'.repeat(64)}`), 'a'.repeat(64));
  t.equal(fingerprintOf('0123456789ab'), '0123456789ab');
  t.equal(fingerprintOf('nexus'), undefined);
});

t.test('a server is known by its name', async t => {
  const remote = remoteOf('images:debian/12', remotes);
  t.match(remote, { server: /^https:/, alias: 'debian/12' });
  t.equal(remoteOf('debian:12', remotes), undefined, 'nobody is asked who was not named');
  t.equal(remoteOf('nexus-workspace/1', remotes), undefined);
  t.ok(isOwnAlias(pulledAlias(remote!)));
  t.not(pulledAlias(remote!), pulledAlias({ ...remote!, alias: 'debian/13' }));
  t.notOk(isOwnAlias('nexus-workspace/1'));
  t.not(new Map(defaultRemotes('incus')).get('images'), remotes.get('images'));
  t.same(parseRemote('own=https://images.example.com/'), ['own', 'https://images.example.com']);
  for (const text of ['own', 'own=ftp://x', 'Own=https://x', '=https://x', 'own=https://'])
    t.throws(() => parseRemote(text), /no image server/, text);
});

t.test('progress and failures of a download are read from LXD\u2019s words', async t => {
  t.equal(pullPercent('rootfs: 45% (3.20MB/s)'), 45);
  t.equal(pullPercent('rootfs: 100% (3.20MB/s)'), 99, 'it is unpacked after that');
  t.equal(pullPercent('metadata: 100% (5.1GB/s)'), undefined);
  t.equal(pullPercent(undefined), undefined);
  t.equal(pullErrorCode("The requested image couldn't be found for fingerprint x"), 'ImageNotFound');
  t.equal(pullErrorCode('Get "https://x/streams": dial tcp: no route to host'), 'ImagePullFailed');
});

const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
vpn	0000000A	00000000	0001	0	0	0	000000FE	0	0	0
host	0500000A	00000000	0001	0	0	0	FFFFFFFF	0	0	0
`;

t.test('a node has the same network each time, apart from all that is taken', async t => {
  const first = chooseSubnet('n1', [])!;
  t.match(first, { gateway: /^10\.\d+\.\d+\.1$/, bits: 24 });
  t.same(chooseSubnet('n1', []), first);
  t.notSame(chooseSubnet('n1', [first]), first);
  t.notSame(chooseSubnet('n1', [{ gateway: first.gateway.replace(/\.1$/, '.200'), bits: 30 }]), first);
  t.notSame(chooseSubnet('n2', []), first);
  t.equal(chooseSubnet('n1', [{ gateway: '10.0.0.1', bits: 8 }]), undefined);
});

t.test('routes are read, the way out of everything else left out', async t => {
  t.same(subnetsOfRoutes(ROUTES), [
    { gateway: '172.17.0.0', bits: 16 },
    { gateway: '10.0.0.0', bits: 7 },
    { gateway: '10.0.0.5', bits: 32 },
  ]);
  t.same(subnetsOfRoutes(''), []);
});

t.test('addresses are the lowest ones that are free, until there is none', async t => {
  const subnet = parseSubnet('10.1.2.1/29')!;
  const taken = new Set<string>();
  const given: (string | undefined)[] = [];
  for (let i = 0; i < 6; i++) {
    const address = chooseAddress(subnet, taken);
    given.push(address);
    if (address) taken.add(address);
  }
  t.same(given, ['10.1.2.2', '10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6', undefined]);
  t.equal(chooseAddress({ gateway: '10.1.2.3', bits: 29 }, new Set(['10.1.2.2'])), '10.1.2.4');
  for (const text of [undefined, 'none', 'fd00::1/64', '10.1.2.1']) t.equal(parseSubnet(text), undefined);
});

t.test('an address is in its network and nobody else has it', async () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(byte, byte, fc.uniqueArray(fc.integer({ min: 2, max: 254 })), (a, b, used) => {
      const prefix = `10.${a}.${b}.`;
      const taken = new Set(used.map(last => prefix + last));
      const address = chooseAddress({ gateway: `${prefix}1`, bits: 24 }, taken);
      if (address === undefined) return taken.size === 253;
      return address.startsWith(prefix) && !taken.has(address);
    }),
  );
});

t.test('an empty collection, of which Incus says null, is one', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-lxd-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const socket = join(dir, 's');
  const server = createServer((_, response) =>
    response.end(JSON.stringify({ type: 'sync', status_code: 200, metadata: null })),
  ).listen(socket);
  await once(server, 'listening');
  const lxd = new LxdClient(socket);
  t.teardown(() => {
    lxd.close();
    server.close();
  });
  t.same(await lxd.list('/1.0/storage-pools/default/volumes/custom?recursion=1'), []);
});

t.test('an exec in an instance that just ended, as LXD and as Incus say it', async t => {
  for (const message of ['Instance is not running', 'Failed to retrieve PID of executing child process'])
    t.match(toDriverError(new LxdError(500, message), 'exec in shop'), { code: 'NotRunning' }, message);
});
