import t from 'tap';
import yargs from 'yargs';
import { AGENT_OPTIONS } from '../../../agent/options.ts';
import { agent } from '../../../cli/commands/agent.ts';
import { controller } from '../../../cli/commands/controller.ts';
import { parsePlace } from '../../../cli/commands/cp.ts';
import { readServiceFlags } from '../../../cli/commands/service-flags.ts';
import { parseExpectation } from '../../../cli/commands/wait.ts';
import { EXIT } from '../../../cli/errors.ts';
import { parseForward } from '../../../cli/forward/parse.ts';
import { parseFormat } from '../../../cli/output/format.ts';
import { renderTable } from '../../../cli/output/table.ts';
import { needsChange } from '../../../cli/wait/needs-change.ts';
import { isAsDeclared } from '../../../cli/wait/ready.ts';
import { nodeNameFrom } from '../../../controller/kit/node-name.ts';
import { resolveOptions } from '../../../controller/kit/options.ts';
import { shellWord } from '../../../controller/kit/shell-quote.ts';
import { SERVER_OPTIONS } from '../../../controller/options.ts';
import type { KubeObject } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';

t.test('a place is in a workspace only when it looks like one', async t => {
  t.same(parsePlace('shop:workspace/x'), { workspace: 'shop', path: 'workspace/x' });
  t.same(parsePlace('ws/shop:x'), { workspace: 'shop', path: 'x' });
  t.same(parsePlace('./a:b'), { path: './a:b' });
  t.same(parsePlace('c:\\x'), { path: 'c:\\x' });
  t.same(parsePlace('plain'), { path: 'plain' });
});

t.test('a forward is read by number, by service, and with another port here', async t => {
  const spec = {
    services: [{ name: 'web', command: 'x', port: 3000 }],
    ports: [{ name: 'debug', port: 9229 }],
  };
  t.same(parseForward('3000', spec), { local: 3000, remote: 3000 });
  t.same(parseForward('8080:3000', spec), { local: 8080, remote: 3000 });
  t.same(parseForward('web', spec), { local: 3000, remote: 3000 });
  t.same(parseForward('8080:debug', spec), { local: 8080, remote: 9229 });
  t.same(parseForward(':web', spec), { local: 0, remote: 3000 });
  t.same(parseForward('0:3000', spec), { local: 0, remote: 3000 });
  for (const bad of ['nope', '0', '70000', 'web:web:', 'x:3000', ':', '1:2:3', ''])
    t.throws(
      () => parseForward(bad, spec),
      { name: 'CliError', exitCode: EXIT.usage, message: /has: web \(3000\), debug \(9229\)/ },
      bad,
    );
});

t.test('any host name gives the name of a node', async t => {
  t.equal(nodeNameFrom('Box_1.example.com'), 'box-1');
  t.equal(nodeNameFrom('---'), 'node');
  t.equal(nodeNameFrom(''), 'node');
  t.ok(nodeNameFrom('x'.repeat(80)).length <= 50);
});

t.test('words are quoted so that a shell gives them back', async t => {
  t.equal(shellWord('plain-1.0'), 'plain-1.0');
  t.equal(shellWord("it's"), `'it'\\''s'`);
  t.equal(shellWord(''), "''");
  t.equal(shellWord('a b;$(c)'), "'a b;$(c)'");
});

t.test('an output format that is not known is wrong use', async t => {
  t.same(parseFormat('wide'), { kind: 'table', wide: true });
  t.same(parseFormat('jsonpath={.a}'), { kind: 'jsonpath', template: '{.a}' });
  t.throws(() => parseFormat('xml'), { name: 'CliError', exitCode: EXIT.usage });
});

const object = (status: object, generation = 2): KubeObject =>
  ({ apiVersion: 'v1', kind: 'X', metadata: { name: 'x', generation }, status }) as KubeObject;

t.test('what is waited for is told from what is there', async t => {
  const ready = (status: string, observedGeneration: number) =>
    object({ conditions: [{ type: 'Ready', status, observedGeneration }] });
  t.equal(await parseExpectation('condition=Ready')(ready('True', 2)), true);
  t.equal(await parseExpectation('condition=ready=false')(ready('False', 2)), true);
  t.equal(
    await parseExpectation('condition=Ready')(ready('True', 1)),
    false,
    'an earlier spec does not count',
  );
  t.equal(await parseExpectation('condition=Ready')(undefined), false);
  t.equal(await parseExpectation('delete')(undefined), true);
  t.equal(await parseExpectation('delete')(object({})), false);
  t.equal(await parseExpectation('create')(object({})), true);
  t.equal(await parseExpectation('phase=running')(object({ phase: 'Running' })), true);
  t.equal(await parseExpectation('jsonpath={.status.phase}=Running')(object({ phase: 'Running' })), true);
  t.equal(await parseExpectation('jsonpath={.status.phase}=Running')(object({ phase: 'Failed' })), false);
  t.throws(() => parseExpectation('soon'), { name: 'CliError', exitCode: EXIT.usage });
});

const workspace = (spec: object, status: object | undefined): Workspace =>
  ({
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'a', generation: 3 },
    spec,
    status,
  }) as Workspace;

t.test('a workspace is ready only by a status that speaks of its spec', async t => {
  const conditions = (observedGeneration: number) => [{ type: 'Ready', status: 'True', observedGeneration }];
  const running = { observedGeneration: 3, phase: 'Running', conditions: conditions(3) };
  t.equal(isAsDeclared(workspace({}, undefined)), false);
  t.equal(
    isAsDeclared(workspace({}, { ...running, observedGeneration: 2, conditions: conditions(2) })),
    false,
  );
  t.equal(isAsDeclared(workspace({}, running)), true);
  t.equal(isAsDeclared(workspace({}, { observedGeneration: 3, phase: 'Failed' })), false);
  const stopped = (phase: string) => workspace({ running: false }, { observedGeneration: 3, phase });
  t.equal(isAsDeclared(stopped('Stopped')), true);
  t.equal(isAsDeclared(stopped('Stopping')), false);
});

t.test('what only a change ends is told of the present spec alone', async t => {
  const condition = { type: 'RepositoryReady', status: 'False', reason: 'RefNotFound', message: 'no branch' };
  const status = { observedGeneration: 3, phase: 'Degraded', conditions: [condition] };
  t.match(needsChange(workspace({}, status)), condition);
  t.equal(needsChange(workspace({}, { ...status, observedGeneration: 2 })), undefined);
  t.equal(needsChange(workspace({ running: false }, status)), undefined);
  const silent = { ...condition, status: 'Unknown' };
  t.equal(needsChange(workspace({}, { ...status, conditions: [silent] })), undefined);
});

t.test('a table lines up, and what users wrote cannot move the cursor', async t => {
  const table = {
    kind: 'Table' as const,
    metadata: {},
    columnDefinitions: [
      { name: 'Name', type: 'string' },
      { name: 'Phase', type: 'string' },
      { name: 'Image', type: 'string', priority: 1 },
    ],
    rows: [
      {
        cells: ['shop', 'Running', 'x'],
        object: { metadata: { name: 'shop', namespace: 'a', labels: { b: '2', a: '1' } } },
      },
      {
        cells: ['a-long-name', '\u001b[31mred', null],
        object: { metadata: { name: 'a-long-name', namespace: 'b' } },
      },
    ],
  };
  const plain = { wide: false, withNamespace: false, withLabels: false, noHeaders: false };
  t.same(renderTable(table, plain), [
    'NAME          PHASE',
    'shop          Running',
    'a-long-name    [31mred',
  ]);
  t.same(renderTable(table, { ...plain, wide: true, noHeaders: true })[1], 'a-long-name    [31mred');
  t.match(
    renderTable(table, { ...plain, withNamespace: true, withLabels: true })[1],
    /^a +shop +Running +a=1,b=2$/,
  );
});

t.test('a plain command line of server and agent is read without yargs as yargs reads it', async t => {
  const commands = { agent: [agent, AGENT_OPTIONS], controller: [controller, SERVER_OPTIONS] } as const;
  for (const line of [
    'agent',
    'agent --kubeconfig=/k --node-name=n1 --drivers=docker --drivers=lxc --heartbeat=500ms',
    'agent --drivers=docker,lxc --node-name n2 --log-level debug --log-format=json',
    'controller',
    'controller --listen=0.0.0.0:3001 --advertise=a --advertise=b.example --audit-max-size=7 --workers=3',
    'controller --login-ttl=1h --rest-rate 60 --registration=closed --local-node=n1',
  ]) {
    const argv = line.split(' ');
    const [command, table] = commands[argv[0] as keyof typeof commands];
    const parsed = await command
      .build(yargs(argv.slice(1)).option('kubeconfig', { type: 'string' }))
      .parseAsync();
    const flags = readServiceFlags(argv);
    t.same(flags?.kubeconfig, parsed.kubeconfig, line);
    t.same(resolveOptions(table, { flags: flags ?? {} }), resolveOptions(table, { flags: parsed }), line);
    t.ok(flags, line);
  }
});

t.test('what is not plain of server and agent is left to yargs', async t => {
  for (const line of [
    'agent --help',
    'agent status',
    'agent join gateway.example.com --token=x',
    'agent --drivers docker lxc',
    'agent --nope=1',
    'controller --log-level=loud',
    'controller --listen=a --listen=b',
    'controller -- x',
    'constructor',
    'up --listen=a',
  ])
    t.equal(readServiceFlags(line.split(' ')), undefined, line);
});
