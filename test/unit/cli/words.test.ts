import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { parseCommandLine } from '../../../cli/parse.ts';

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
    signal: AbortSignal.timeout(10_000),
    home: t.testdir(),
    run: async () => EXIT.done,
  });

t.test('a word that is missing is named, with the help of what it is missing from', async t => {
  for (const [words, message, next] of [
    [['workspace', 'create'], '<repo> is missing', 'nexus workspace create --help'],
    [['ws', 'create'], '<repo> is missing', 'nexus workspace create --help'],
    [['edit'], '<resource> is missing', 'nexus edit --help'],
    [['gett'], 'did you mean get?', 'nexus --help'],
  ] as const)
    await t.rejects(
      parse(...words),
      { name: 'CliError', exitCode: EXIT.usage, message, next },
      words.join(' '),
    );
  t.equal(await parse('workspace', 'create', 'acme/shop'), EXIT.done);
});
