import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { parseCommandLine } from '../../../cli/parse.ts';
import { cli } from '../../support/run-cli.ts';

const io = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: {},
  cwd: process.cwd(),
};
const parse = (...args: string[]) =>
  parseCommandLine(args, {
    io,
    signal: AbortSignal.timeout(120_000),
    home: t.testdir(),
    run: async () => EXIT.done,
  });

t.test('a word that is missing is named, with the help of what it is missing from', async t => {
  for (const [words, message, next] of [
    [['workspace', 'create'], '<repo> is missing', 'nexus workspace create --help'],
    [['ws', 'create'], '<repo> is missing', 'nexus workspace create --help'],
    [['edit'], '<resource> is missing', 'nexus edit --help'],
  ] as const)
    await t.rejects(
      parse(...words),
      { name: 'CliError', exitCode: EXIT.usage, message, next },
      words.join(' '),
    );
  t.equal(await parse('workspace', 'create', 'acme/shop'), EXIT.done);
});

t.test('what is not there is named, with what was probably meant and where to look', async t => {
  for (const [words, message, next] of [
    [['gett', 'ws'], 'there is no command "gett"; did you mean get?', 'nexus --help'],
    [['gte', 'ws'], 'there is no command "gte"; did you mean get?', 'nexus --help'],
    [['foo'], 'there is no command "foo"', 'nexus --help'],
    [['toString'], 'there is no command "toString"', 'nexus --help'],
    [['create', 'a/b'], 'there is no command "create"; did you mean workspace create?', 'nexus --help'],
    [['ws', 'lst'], 'workspace has no "lst"; did you mean list?', 'nexus workspace --help'],
    [
      ['ssh-config', 'updat'],
      'action "updat" is none of install, update, print, remove; did you mean update?',
      'nexus ssh-config --help',
    ],
    [['ssh', 'shop', '--via', 'x'], '--via "x" is none of auto, direct, gateway', 'nexus ssh --help'],
    [
      ['apply', '-f', 'x', '--dry-rn'],
      'there is no option --dry-rn; did you mean --dry-run?',
      'nexus apply --help',
    ],
    [['get', 'ws', '-zq'], 'there is no option -z; there is no option -q', 'nexus get --help'],
    [['version', 'foo'], '"foo" is a word too many', 'nexus version --help'],
  ] as const)
    await t.rejects(
      parse(...words),
      { name: 'CliError', exitCode: EXIT.usage, message, next },
      words.join(' '),
    );
});

t.test(
  'an option without its value, or with one that cannot be, is refused before anything is done',
  async t => {
    for (const [words, message] of [
      [['apply'], '--filename (-f) is missing'],
      [['apply', '-f'], '-f wants a value after it'],
      [['delete', 'ws', '--all', '-n'], '-n wants a value after it'],
      [['get', 'ws', '--selector', '-A'], '--selector wants a value after it'],
      [['logs', 'shop', '--tail', 'all'], '--tail takes a number, not "all"'],
      [['logs', 'shop', '--tail=all'], '--tail takes a number, not "all"'],
      [
        ['apply', '-f', 'x', '--dry-run=server'],
        '--dry-run is either given or not; it takes no value "server"',
      ],
    ] as const)
      await t.rejects(parse(...words), { name: 'CliError', exitCode: EXIT.usage, message }, words.join(' '));
    t.equal(await parse('logs', 'shop', '--tail', '-1'), EXIT.done);
    t.equal(await parse('exec', 'shop', '--', 'tail', '-n'), EXIT.done, 'what comes after -- is not ours');
  },
);

t.test('help is where people look for it', async t => {
  const shown = async (...words: string[]) => {
    const { code, stdout, stderr } = await cli(words, { env: { HOME: t.testdir() } });
    return { code, stdout, stderr };
  };
  const help = await shown('--help');
  t.match(help, { code: EXIT.done, stdout: /^Workspaces:\n {2}workspace /m, stderr: '' });
  t.notMatch(help.stdout, /login-token/, 'what programs call is not in it');
  t.same(await shown('help'), help);
  t.match(await shown(), {
    code: EXIT.usage,
    stdout: '',
    stderr: /^To begin:[\s\S]*error: which command\?/m,
  });
  t.match(await shown('help', 'get'), { code: EXIT.done, stdout: /^nexus get <resource>/ });
  t.match(await shown('ssh', '--help'), {
    code: EXIT.done,
    stdout: /nexus ssh setup[\s\S]*--via[\s\S]*--print/,
  });
  t.match(await shown('--version'), { code: EXIT.done, stdout: /^nexus \d/ });
});

t.test('completion has a script for each shell, and offers verbs, actions and choices', async t => {
  const env = { HOME: t.testdir(), SHELL: '/usr/bin/zsh' };
  const said = async (...words: string[]) => (await cli(words, { env })).stdout;
  t.match(await said('completion'), /^#compdef nexus/, 'of the login shell');
  t.match(await said('completion', 'bash'), /^complete .* nexus$/m);
  t.match(await said('completion', 'fish'), /^complete -c nexus /m);
  const complete = async (...words: string[]) =>
    (await said('--get-yargs-completions', 'nexus', ...words)).trim().split('\n');
  t.same(await complete('user', ''), ['list', 'add', 'remove', 'keys']);
  t.same(await complete('ssh-config', ''), ['install', 'update', 'print', 'remove']);
  t.same(await complete('ssh', '--via', ''), ['auto', 'direct', 'gateway']);
  t.ok((await complete('')).includes('completion'));
});
