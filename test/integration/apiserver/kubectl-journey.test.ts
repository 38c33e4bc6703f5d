import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { OLD_KUBECTL } from '../../../manifests/install/old-kubectl.ts';
import { JOURNEY, type Step } from './kubectl-journey.ts';
import { type KubectlEnv, type Result, runKubectl, startKubectlLab } from './kubectl-lab.ts';

/**
 * What Kubernetes prints is kept in `recorded/kubectl-<version>.jsonl`, a line a step. It is written anew when
 * NEXUS_TEST_RECORD names the kubeconfig of an empty Kubernetes without controllers, with the kubectl of the PATH.
 */
const RECORDED = fileURLToPath(new URL('recorded/', import.meta.url));
const from = process.env.NEXUS_TEST_RECORD;

function minorOf(kubectl: string): string | undefined {
  const { stdout } = spawnSync(kubectl, ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  return stdout ? /"minor": "(\d+)/.exec(stdout)?.[1] : undefined;
}

/** Whether the kubectl of the PATH is Debian's, as where the test's set-up installed it: one journey is enough. */
function isOldOne(): boolean {
  const { stdout } = spawnSync('sh', ['-c', 'command -v kubectl'], { encoding: 'utf8' });
  return (
    existsSync(OLD_KUBECTL) && stdout !== '' && realpathSync(stdout.trim()) === realpathSync(OLD_KUBECTL)
  );
}

async function envOf(t: Test): Promise<KubectlEnv> {
  if (from === undefined) return (await startKubectlLab(t)).env;
  const HOME = mkdtempSync(join(tmpdir(), 'nexus-kubectl-'));
  t.teardown(() => rmSync(HOME, { recursive: true, force: true }));
  return { PATH: process.env.PATH ?? '', HOME, KUBECONFIG: from, EDITOR: '' };
}

/** Where the exit code alone is the same: we say more than Kubernetes does, and a diff may show when it was made. */
const OTHERWISE = [/--type=json -p \[{"op":"(test|remove)"/, /^get boats -n fleet$/, /^diff /];

/** Without what differs from one run to the next. */
function steady({ code, out, err }: Result): Result {
  const text = (of: string) =>
    of
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
      .replaceAll(/((resourceVersion"?|Resource Version): *"?)\d+/g, '$1N')
      .replaceAll(/https:\/\/127\.0\.0\.1:\d+/g, 'SERVER')
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, 'TIME')
      .replaceAll(/(?<=\s)(\d+m)?\d+s(?=\s|$)/g, 'AGE')
      .replaceAll(/AGE +/g, 'AGE ')
      .replaceAll(/\/tmp\/\S+/g, 'FILE')
      .replaceAll(/[IEW]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ /g, 'LOG ')
      .replaceAll(/[ \t]+$/gm, '')
      .trimEnd()
      // Kubernetes gives the causes of a refusal in any order.
      .replace(/(^\* .*\n?)+/m, causes => causes.trim().split('\n').sort().join('\n'));
  return { code, out: text(out), err: text(err) };
}

async function journey(t: Test, kubectl: string, file: string): Promise<void> {
  const env = { ...(await envOf(t)), EDITOR: 'sed -i s/Wismar/Lubeck/' };
  const run = ([words, input]: Step) => runKubectl(env, words, input, kubectl);
  if (from !== undefined) {
    const lines: string[] = [];
    for (const step of JOURNEY) lines.push(JSON.stringify({ words: step[0], ...steady(await run(step)) }));
    writeFileSync(file, `${lines.join('\n')}\n`);
    t.pass(`recorded ${lines.length} steps`);
    return;
  }
  const recorded = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  t.equal(recorded.length, JOURNEY.length, 'everything is recorded');
  for (const [i, step] of JOURNEY.entries()) {
    const found = { words: step[0], ...steady(await run(step)) };
    const wanted = recorded[i];
    const otherwise = found.code > 0 && OTHERWISE.some(words => words.test(step[0]));
    if (otherwise) t.equal(found.code, wanted.code, `${i}: ${step[0]}`);
    else t.same(found, wanted, `${i}: ${step[0]}`);
  }
}

t.jobs = 2;
for (const [name, program] of [
  ['kubectl', 'kubectl'],
  ['an old kubectl', OLD_KUBECTL],
] as const) {
  if (program === OLD_KUBECTL && (from !== undefined || isOldOne())) continue;
  const minor = minorOf(program);
  const file = join(RECORDED, `kubectl-1.${minor}.jsonl`);
  const skip =
    minor === undefined
      ? `there is none at ${program}; npm test installs it`
      : from === undefined && !existsSync(file) && `nothing is recorded for version 1.${minor}`;
  t.test(
    `${name} over kinds of the test's own prints what it prints on Kubernetes`,
    { skip, timeout: 400_000, buffered: true },
    t => journey(t, program, file),
  );
}
