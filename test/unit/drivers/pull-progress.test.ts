import t from 'tap';
import { pullErrorCode } from '../../../agent/drivers/docker/images/pull.ts';
import { PullProgress } from '../../../agent/drivers/docker/images/pull-progress.ts';

const [A, B] = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb'];

t.test('layers add up by their size, and the percentage never falls', async t => {
  const progress = new PullProgress('debian:12');
  t.same(progress.progress(), { phase: 'pulling', message: 'pulling debian:12' }, 'nothing is known');
  progress.add({ id: '12', status: 'Pulling from library/debian' });
  progress.add({ id: A, status: 'Pulling fs layer' });
  t.equal(progress.progress().percent, undefined);
  progress.add({ id: A, status: 'Downloading', progressDetail: { current: 50, total: 100 } });
  t.equal(progress.progress().percent, 35);
  progress.add({ id: B, status: 'Downloading', progressDetail: { current: 0, total: 900 } });
  t.equal(progress.progress().percent, 35, 'a large layer that is only now known of');
  progress.add({ id: A, status: 'Download complete' });
  progress.add({ id: A, status: 'Extracting', progressDetail: { current: 100, total: 100 } });
  progress.add({ id: A, status: 'Pull complete' });
  progress.add({ id: B, status: 'Verifying Checksum' });
  t.equal(progress.progress().percent, 73);
  progress.add({ id: B, status: 'Pull complete' });
  t.equal(progress.progress().percent, 99, '100 is said by the engine');
});

t.test("an engine's words decide whether a pull may be tried again", async t => {
  const rows = {
    ImageNotFound: [
      'manifest for debian:nope not found: manifest unknown: manifest unknown',
      'pull access denied for nope, repository does not exist or may require docker login',
      'no matching manifest for linux/arm64 in the manifest list entries',
    ],
    ImageDenied: [
      'unauthorized: authentication required',
      'Head "https://registry.example.com/v2/app/manifests/1": no basic auth credentials',
      'denied: requested access to the resource is denied',
    ],
    ImagePullFailed: [
      'Get "https://registry.example.com/v2/": dial tcp: lookup registry.example.com: no such host',
      'net/http: TLS handshake timeout',
      'toomanyrequests: You have reached your pull rate limit',
      'unexpected EOF',
    ],
    Invalid: ['invalid reference format', 'repository name must be lowercase'],
  };
  for (const [code, messages] of Object.entries(rows))
    for (const message of messages) t.equal(pullErrorCode(message), code, message);
});
