import fc from 'fast-check';
import t from 'tap';
import type { GuestState } from '../../../agent/guest/guest.ts';
import { encodeToken, GuestStateError, parseGuestState } from '../../../agent/guest/parse-state.ts';

const digest = 'a'.repeat(64);
const commit = 'c'.repeat(40);
const HEAD = ['nexus-guest 1', 'boot b-1', 'version v1', 'configured yes', 'sshd yes 0', 'supervisor yes 2'];
const snapshot = (...lines: string[]) => [...HEAD, ...lines, 'end', ''].join('\n');

t.test('a whole snapshot is read', async t => {
  const tail = Buffer.from('last\nlines ü').toString('base64');
  t.strictSame(
    parseGuestState(
      snapshot(
        `file ${digest} /opt/nexus/guest`,
        `service web Up Running ${digest} 42 - 1 1700000000`,
        'service db Down Stopped - - 143 0 1700000001',
        'job clone Failed 12 a%2Fb%20c',
        `tail clone ${tail}`,
        'job preStart Running - x',
        'job postStart Succeeded 0 y',
        `repository ${commit} yes topic/one https://example.com/with space.git`,
      ),
    ),
    {
      bootId: 'b-1',
      version: 'v1',
      configured: true,
      fenced: false,
      homeLost: false,
      sshd: { running: true, restarts: 0 },
      supervisor: { running: true, restarts: 2 },
      files: { '/opt/nexus/guest': digest },
      services: [
        { name: 'web', wanted: 'Up', state: 'Running', digest, pid: 42, restarts: 1, since: 1_700_000_000 },
        {
          name: 'db',
          wanted: 'Down',
          state: 'Stopped',
          digest: '',
          exitCode: 143,
          restarts: 0,
          since: 1_700_000_001,
        },
      ],
      jobs: {
        clone: { state: 'Failed', exitCode: 12, token: 'a/b c', tail: 'last\nlines ü' },
        preStart: { state: 'Running', token: 'x' },
        postStart: { state: 'Succeeded', exitCode: 0, token: 'y' },
      },
      repository: { commit, dirty: true, branch: 'topic/one', url: 'https://example.com/with space.git' },
    } satisfies GuestState,
  );
});

t.test('when it was looked at is told by programs that know it', t => {
  t.equal(parseGuestState(snapshot('at 12345')).at, 12_345);
  t.equal(parseGuestState(snapshot()).at, undefined);
  t.throws(() => parseGuestState(snapshot('at 12.5')), GuestStateError);
  t.end();
});

t.test('how much of a repository has come is told of a clone alone', t => {
  const { clone } = parseGuestState(snapshot('job clone Running - x', 'received 120')).jobs;
  t.strictSame(clone, { state: 'Running', token: 'x', receivedMiB: 120 });
  t.throws(() => parseGuestState(snapshot('received 120')), GuestStateError);
  t.throws(() => parseGuestState(snapshot('job clone Running - x', 'received much')), GuestStateError);
  t.end();
});

t.test('what a repository lacks is told with it', async t => {
  const repository = `repository ${'a'.repeat(40)} no main https://example.com/a`;
  t.strictSame(parseGuestState(snapshot(repository, 'lacks git-lfs submodules')).repository?.lacks, [
    'git-lfs',
    'submodules',
  ]);
  for (const lines of [['lacks git-lfs'], [repository, 'lacks'], [repository, 'lacks sense']])
    t.throws(() => parseGuestState(snapshot(...lines)), { name: 'GuestStateError' }, lines.join());
});

t.test('one that says nothing of a fence has none', async t => {
  t.equal(parseGuestState(snapshot()).fenced, false);
  t.equal(parseGuestState(snapshot('fenced yes')).fenced, true);
  t.equal(parseGuestState(snapshot('home lost')).homeLost, true);
  t.throws(() => parseGuestState(snapshot('home found')));
});

t.test('a repository without commit, branch or origin is one', async t => {
  t.strictSame(parseGuestState(snapshot('repository - no - ')).repository, {
    commit: '',
    dirty: false,
    branch: '',
    url: '',
  });
});

t.test('anything else is refused', async t => {
  const wrong: Record<string, string> = {
    empty: '',
    'another format': snapshot().replace('nexus-guest 1', 'nexus-guest 2'),
    'cut off': snapshot().slice(0, -5),
    'without its last line break': snapshot().slice(0, -1),
    'two of them': snapshot() + snapshot(),
    'a line missing': snapshot().replace('version v1\n', ''),
    'an empty boot id': snapshot().replace('boot b-1', 'boot '),
    'an unknown line': snapshot('weather fine'),
    'an empty line': snapshot(''),
    'no flag': snapshot().replace('configured yes', 'configured maybe'),
    'no number': snapshot().replace('sshd yes 0', 'sshd yes -1'),
    'a short digest': snapshot('file abc /x'),
    'a relative path': snapshot(`file ${digest} x`),
    'a state that there is not': snapshot(`service web Up Flying ${digest} - - 0 0`),
    'wanted neither': snapshot(`service web Maybe Running ${digest} - - 0 0`),
    'a digest that is none': snapshot('service web Up Running xyz - - 0 0'),
    'a field too few': snapshot(`service web Up Running ${digest} - - 0`),
    'a pid that is none': snapshot(`service web Up Running ${digest} x - 0 0`),
    'a job that there is not': snapshot('job lunch Running - x'),
    'a job twice': snapshot('job clone Running - x', 'job clone Running - x'),
    'a job that failed without a code': snapshot('job clone Failed - x'),
    'a job in no state': snapshot('job clone Gone 1 x'),
    'a token that is none': snapshot('job clone Running - %E0'),
    'a tail of nothing': snapshot('tail clone YQ=='),
    'a tail that is not base64': snapshot('job clone Failed 1 x', 'tail clone ***'),
    'a commit that is none': snapshot('repository HEAD no main url'),
    'a repository without URL': snapshot(`repository ${commit} no main`),
    'a configuration of no repository': snapshot('config YQ=='),
    'a configuration that is not base64': snapshot(`repository ${commit} no main url`, 'config ***'),
  };
  for (const [what, text] of Object.entries(wrong))
    t.throws(() => parseGuestState(text), GuestStateError, what);
});

t.test('the configuration of a repository is its text, or that there is too much of it', async t => {
  const read = (line: string) =>
    parseGuestState(snapshot(`repository ${commit} no main url`, line)).repository;
  t.same(read(`config ${Buffer.from('services: {ä: 1}\n').toString('base64')}`)?.config, {
    text: 'services: {ä: 1}\n',
  });
  t.same(read('config -')?.config, { isTooLarge: true });
});

t.test('of what goes into a status no more is taken than belongs there', async t => {
  const long = 'x'.repeat(100_000);
  const state = parseGuestState(
    snapshot(
      'job clone Failed 1 x',
      `tail clone ${Buffer.from(`${long}end`).toString('base64')}`,
      `repository ${commit} no ${long} ${long}`,
      `config ${Buffer.from(long).toString('base64')}`,
    ),
  );
  t.match(state.repository, { config: { isTooLarge: true } });
  const { url = '', branch = '' } = state.repository ?? {};
  const tail = state.jobs.clone?.tail ?? '';
  t.same([url.length, branch.length, tail.length], [2048, 255, 2048]);
  t.match(tail, /end$/);
});

t.test('whatever the text, the answer is a state or GuestStateError', async () => {
  const line = fc.oneof(
    fc.constantFrom(
      ...HEAD,
      'end',
      `service web Up Running ${digest} 42 - 1 17`,
      'job clone Failed 1 x',
      'tail clone YQ==',
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), lines => {
      try {
        parseGuestState(['nexus-guest 1', ...lines, 'end', ''].join('\n'));
      } catch (error) {
        if (!(error instanceof GuestStateError)) throw error;
      }
    }),
    { numRuns: 300 },
  );
});

t.test('every token is one word and comes back', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), token => {
      const word = encodeToken(token);
      const { jobs } = parseGuestState(snapshot(`job clone Running - ${word}`));
      return !/\s/.test(word) && jobs.clone?.token === token;
    }),
    { numRuns: 200 },
  );
});
