import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
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
  const args = [join(ROOT, 'test/run.ts'), ...names.map(name => join(dir, name))];
  return new Promise(resolve =>
    execFile(process.execPath, args, { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    ),
  );
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

  const none = await runTests(t, {}, ['none.test.mjs']);
  t.not(none.code, 0);
  t.match(none.output, /no test file is called .*none\.test\.mjs/);
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
