import t from 'tap';
import { findRegistryLogin } from '../../../controller/kit/registry-login.ts';

const as = (username: string) => ({ username, password: 'pw' });
const find = (auths: unknown, image: string) => findRegistryLogin(JSON.stringify({ auths }), image);

t.test('the login of the registry that an image is in', async t => {
  const auths = {
    'https://index.docker.io/v1/': as('hub'),
    'registry.example.com': as('plain'),
    'registry.example.com/team': as('team'),
    '127.0.0.1:5000': as('port'),
    '*.cloud.example.com': as('star'),
  };
  for (const [image, username] of [
    ['debian:12', 'hub'],
    ['acme/shop', 'hub'],
    ['docker.io/acme/shop@sha256:00', 'hub'],
    ['registry.example.com/shop:1', 'plain'],
    ['registry.example.com/team/shop', 'team'],
    ['registry.example.com/teams/shop', 'plain'],
    ['127.0.0.1:5000/shop', 'port'],
    ['eu.cloud.example.com/shop', 'star'],
  ] as const)
    t.same(find(auths, image), as(username), image);
  t.match(find(auths, 'a.b.cloud.example.com/shop'), { problem: /has no login for a\.b\.cloud/ });
  t.match(find(auths, 'cloud.example.com/shop'), { problem: /it has .*127\.0\.0\.1:5000/ });
});

t.test('in each of the forms that tools write', async t => {
  const encoded = Buffer.from('me:p:w').toString('base64');
  t.same(find({ 'r.test': { auth: encoded } }, 'r.test/a'), { username: 'me', password: 'p:w' });
  t.same(find({ 'r.test': { username: '<token>', identitytoken: 'x' } }, 'r.test/a'), { identityToken: 'x' });
  for (const entry of [{}, null, { auth: 'bm9jb2xvbg==' }, { username: 'me' }, { auth: 5 }])
    t.match(find({ 'r.test': entry }, 'r.test/a'), { problem: /neither/ }, JSON.stringify(entry));
});

t.test('what is no configuration is said, and nothing of it shown', async t => {
  for (const [text, problem] of [
    ['hunter2', /not JSON/],
    ['null', /no auths/],
    ['{"auths":"hunter2"}', /no auths/],
    ['{"auths":{}}', /no login for docker\.io/],
  ] as const) {
    const found = findRegistryLogin(text, 'debian');
    t.match(found, { problem });
    t.notMatch(found, { problem: /hunter2/ });
  }
});
