import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

const ROOT = join(import.meta.dirname, '../../..');

interface Ran {
  code: number;
  output: string;
}

/** The runner of tests with these files, as `npm test` starts it. */
function runTests(t: Test, files: Record<string, string>, names = Object.keys(files)): Promise<Ran> {
  const dir = t.testdir(files);
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('TAP'));
  const env = { ...Object.fromEntries(others), NEXUS_COVERAGE: join(dir, 'coverage') };
  return start([join(ROOT, 'test/run.ts'), ...names.map(name => join(dir, name))], env);
}

function start(args: string[], env = process.env): Promise<Ran> {
  return new Promise(resolve =>
    execFile(process.execPath, args, { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    ),
  );
}

/** What is said of each failure after the run. */
async function summaryOf(t: Test, tap: string): Promise<string[]> {
  const file = join(t.testdirName, 'run.tap');
  writeFileSync(file, tap);
  const { output } = await start([join(ROOT, 'manifests/install/test-summary.ts'), file]);
  return output.split(/^FAILED in /m).slice(1);
}

t.test('one failed assertion, a file that dies and a name that nothing has fail a run', async t => {
  const test = "import t from 'tap';\nt.test('one', async t => ";
  const { code, output } = await runTests(t, {
    'good.test.mjs': `${test}t.ok(true));`,
    'bad.test.mjs': `${test}t.equal(1, 2));`,
    'dies.test.mjs': `${test}process.kill(process.pid, 'SIGKILL'));`,
  });
  t.equal(code, 1);
  t.match(output, /^ok \d - .*good\.test\.mjs/m);
  t.match(output, /^not ok \d - .*bad\.test\.mjs/m);
  t.match(output, /^not ok \d - .*dies\.test\.mjs/m);
  t.match(output, /bad\.test\.mjs:2:/, 'where it failed is told by the line of the test');
  t.match(output, /^# \{ total: 3, pass: 1, fail: 2 \}/m);
  const told = (await summaryOf(t, output)).map(failure => failure.split('\n')[0]!);
  t.match(told.sort(), [/\/bad\.test\.mjs: one$/, /\/dies\.test\.mjs$/]);

  const none = await runTests(t, {}, ['none.test.mjs']);
  t.not(none.code, 0);
  t.match(none.output, /no test file is called .*none\.test\.mjs/);
});

t.test('a file whose time is up tells in which of its tests, and what was waited for', async t => {
  const hangs = (test: string) => `import { once } from 'node:events';
import { createServer, request } from 'node:http';
import t from 'tap';
import { until } from ${JSON.stringify(join(ROOT, 'test/support/until.ts'))};
const silent = createServer(() => {}).listen(0, '127.0.0.1');
await once(silent, 'listening');
let isOver = false;
t.teardown(() => {
  isOver = true;
  silent.close().closeAllConnections();
});
const hang = () => {
  request({ port: silent.address().port, path: '/never' }).on('error', () => {}).end();
  // Of the file.
  t.setTimeout(500);
  return until(() => isOver, { timeoutMs: 60_000, what: () => 'what never comes' });
};
t.test('outer', async t => {
${test}
});`;
  const { output } = await runTests(t, {
    'first.test.mjs': hangs(`t.test('one', hang);`),
    'third.test.mjs': hangs(`t.test('inner', async t => {
  t.test('one', async t => t.ok(true));
  t.test('two', async t => t.ok(true));
  t.test('three', async t => {
    t.ok(true);
    await hang();
  });
});
t.test('goes on', async t => t.ok(true));`),
  });
  const failed = await summaryOf(t, output);
  t.match(failed, [/^\S+first\.test\.mjs: outer > one\n/, /^\S+third\.test\.mjs: outer > inner > three\n/]);
  for (const one of failed) {
    t.match(one, /^ {2}not ok \d - timeout!$/m);
    t.match(one, 'waits for what never comes');
    t.match(one, 'waits for the answer to GET /never');
    t.ok(one.split('\n').length < 20, 'in few lines');
  }
});

t.test('what a file runs of the project is measured, and nothing else', async t => {
  const of = join(ROOT, 'controller/kit/backoff.ts');
  const { code, output } = await runTests(t, {
    'one.test.mjs': `import t from 'tap';\nimport ${JSON.stringify(of)};\nt.pass();`,
  });
  t.equal(code, 0, code === 0 ? 'passes' : output);
  const dir = join(t.testdirName, 'coverage');
  const scripts = readdirSync(dir).flatMap(
    name => (JSON.parse(readFileSync(join(dir, name), 'utf8')) as { result: { url: string }[] }).result,
  );
  t.ok(scripts.some(({ url }) => url === `file://${of}`));
  t.notOk(scripts.find(({ url }) => url.includes('node_modules') || url.includes('.test.mjs')));
});
