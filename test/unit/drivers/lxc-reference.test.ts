import t from 'tap';
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
