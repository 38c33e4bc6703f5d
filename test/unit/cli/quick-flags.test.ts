import t from 'tap';
import { readApplyFlags } from '../../../cli/commands/apply-flags.ts';
import { readGetFlags } from '../../../cli/commands/get-flags.ts';

t.test('a plain command line is read, with the defaults of what is not said', async t => {
  t.match(readGetFlags(['get', 'ws', 'a', 'b', '-Ao', 'name', '-l', 'x=y', '--no-headers']), {
    _: ['get'],
    resource: 'ws',
    names: ['a', 'b'],
    allNamespaces: true,
    output: 'name',
    selector: 'x=y',
    headers: false,
    watch: false,
    verbose: false,
    ignoreNotFound: false,
  });
  t.match(readGetFlags(['get', '-n', 'team', '--field-selector=a=b', 'ws', '-w']), {
    namespace: 'team',
    fieldSelector: 'a=b',
    watch: true,
  });
});

t.test('whatever is not plain is left to yargs', async t => {
  for (const argv of [
    [],
    ['get'],
    ['apply', '-f', 'x'],
    ['-n', 'team', 'get', 'ws'],
    ['get', 'ws', '--help'],
    ['get', 'help'],
    ['get', 'ws', '--nonsense'],
    ['get', 'ws', '-o=json'],
    ['get', 'ws', '-o', ''],
    ['get', 'ws', '-o'],
    ['get', 'ws', '--watch=false'],
    ['get', 'ws', '-n', 'a', '-n', 'b'],
    ['get', 'ws', '--', 'a'],
    ['get', ''],
  ])
    t.equal(readGetFlags(argv), undefined, argv.join(' '));
});

t.test('apply is read as well: files in their order, standard input, the defaults', async t => {
  t.match(readApplyFlags(['apply', '-f', 'a.yaml', '--filename=b', '-Rf', '-', '--wait', '-n', 'team']), {
    _: ['apply'],
    filename: ['a.yaml', 'b', '-'],
    recursive: true,
    wait: true,
    timeout: '5m',
    namespace: 'team',
    dryRun: false,
    prune: false,
  });
  for (const argv of [
    ['apply'],
    ['apply', 'a.yaml'],
    ['apply', '-f'],
    ['apply', '-f', 'a', 'b'],
    ['apply', '-f', 'a', '-l', 'x', '-l', 'y'],
    ['apply', '-f', 'a', '--dry-run=server'],
    ['get', '-f', 'a'],
  ])
    t.equal(readApplyFlags(argv), undefined, argv.join(' '));
});
