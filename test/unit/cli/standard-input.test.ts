import t from 'tap';
import { cli } from '../../support/run-cli.ts';

t.test('-f - names standard input, wherever it stands', async t => {
  for (const args of [
    ['apply', '-f', '-'],
    ['apply', '--wait', '--filename', '-'],
    ['apply', '-f', '-', '--dry-run'],
  ]) {
    const { code, stderr } = await cli(args, { stdin: '{', env: { NEXUS_HOME: t.testdir({}) } });
    t.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    t.notMatch(stderr, /Not enough arguments/i);
  }
});
