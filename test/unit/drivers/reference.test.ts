import t from 'tap';
import { dockerfile } from '../../../agent/drivers/docker/images/dockerfile.ts';
import { checkReference, isContentId, withTag } from '../../../agent/drivers/docker/images/reference.ts';
import { parseProbe } from '../../../agent/drivers/images/recipe.ts';

t.test('references are those of the engines, and nothing that could leave its place in a path', async t => {
  const good = [
    'debian',
    'debian:12',
    'library/debian',
    'ghcr.io/acme/team/app:v1.2_3-x',
    'localhost:5000/app',
    '127.0.0.1:5000/app:1',
    'Registry.Example.com/app',
    `debian@sha256:${'a'.repeat(64)}`,
    `debian:12@sha256:${'a'.repeat(64)}`,
    `sha256:${'0'.repeat(64)}`,
    'a'.repeat(64),
  ];
  for (const reference of good) t.doesNotThrow(() => checkReference(reference), reference);
  const bad = [
    '',
    'Debian',
    'a b',
    '../x',
    'a/../b',
    'a//b',
    'a?b',
    'a#b',
    'a%2e',
    '-a',
    'a:',
    'a:b:c',
    'a@sha256:12',
    '/a',
  ];
  for (const reference of [...bad, 'a'.repeat(600)])
    t.throws(() => checkReference(reference), { code: 'Invalid' }, reference);
});

t.test('a pull names a tag, or the engine would fetch them all', async t => {
  t.equal(withTag('debian'), 'debian:latest');
  t.equal(withTag('localhost:5000/app'), 'localhost:5000/app:latest');
  t.equal(withTag('debian:12'), 'debian:12');
  t.equal(withTag('debian@sha256:1'), 'debian@sha256:1');
  t.equal(isContentId('a'.repeat(64)), true);
  t.equal(isContentId('debian'), false);
});

t.test('what was found in an image is read whatever else its shell prints', async t => {
  t.same(parseProbe('motd\nnexus-missing: sshd git\nnexus-manager: apk\n'), {
    missing: ['sshd', 'git'],
    manager: 'apk',
  });
  t.same(parseProbe('nexus-missing:\nnexus-manager: \n'), { missing: [], manager: '' });
  t.equal(parseProbe('Segmentation fault'), undefined);
});

t.test('a derived image is built by content id, as root, whatever shell its base declares', async t => {
  const text = dockerfile('sha256:abc', { 'nexus.dev/derived-from': 'sha256:abc' });
  t.match(text, /^FROM sha256:abc\nUSER 0\nRUN \["\/bin\/sh","-c",/);
  t.match(text, /LABEL "nexus.dev\/derived-from"="sha256:abc"\n$/);
  t.equal(text.trim().split('\n').length, 4, 'one line an instruction');
});
