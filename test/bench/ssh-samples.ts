/** What `bench ssh` does on each of its ways, with OpenSSH's own client. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

const MIB = 1024 * 1024;
const KEYSTROKES = 100;
const SESSIONS = 5;
const GIVE_UP_MS = 60_000;

/** Processes of ours on the way. */
export const OURS = ['gateway', 'agent'] as const;
export type Ours = (typeof OURS)[number];
/** Milliseconds; MiB a second; of a process, milliseconds of processor a MiB, and MiB of memory. */
export const SAMPLES = [
  'prompt',
  'keystroke',
  'up',
  'down',
  'session',
  ...OURS.flatMap(name => [`${name} up`, `${name} down`, `${name} memory`] as const),
] as const;
export type Sample = (typeof SAMPLES)[number];
export type Samples = Record<Sample, number[]>;

/** Time to the prompt, and of each keystroke until it is echoed; in milliseconds. */
export async function typing(args: string[], samples: Samples): Promise<void> {
  const begun = performance.now();
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const { stdin, stdout } = child;
  let seen = '';
  let wake = () => {};
  stdout.on('data', (data: Buffer) => {
    seen += data;
    wake();
  });
  child.once('exit', () => wake());
  const untilSeen = async (what: string) => {
    while (!seen.includes(what)) {
      if (child.exitCode !== null) throw new Error(`ssh ended: ${seen}`);
      await within(
        new Promise<void>(resolve => {
          wake = resolve;
        }),
        what,
      );
    }
    seen = '';
  };
  await untilSeen('nexus> ');
  samples.prompt.push(performance.now() - begun);
  for (let i = 0; i < KEYSTROKES; i++) {
    const at = performance.now();
    stdin.write('x');
    await untilSeen('x');
    samples.keystroke.push(performance.now() - at);
  }
  child.kill();
}

/** Seconds from when the session stands until the last byte has arrived there. */
export async function upload(args: string[], zeros: string): Promise<number> {
  const file = openSync(zeros, 'r');
  const child = spawn('ssh', [...args, 'echo begin; wc -c'], { stdio: [file, 'pipe', 'inherit'] });
  closeSync(file);
  await within(once(child.stdout as NonNullable<typeof child.stdout>, 'data'), 'begin');
  const begun = performance.now();
  await within(once(child, 'exit'), 'the end of an upload');
  return (performance.now() - begun) / 1000;
}

/** Seconds from when the session stands until the last byte has arrived here. */
export async function download(args: string[], mib: number): Promise<number> {
  const nowhere = openSync('/dev/null', 'w');
  const command = `echo begin >&2; head -c ${mib * MIB} /dev/zero`;
  const child = spawn('ssh', [...args, command], { stdio: ['ignore', nowhere, 'pipe'] });
  closeSync(nowhere);
  await within(once(child.stderr as NonNullable<typeof child.stderr>, 'data'), 'begin');
  const begun = performance.now();
  await within(once(child, 'exit'), 'the end of a download');
  return (performance.now() - begun) / 1000;
}

/** Milliseconds of commands over a connection that is there. */
export async function furtherSessions(args: string[], route: string): Promise<number[]> {
  const call = async (more: string[]) => {
    const child = spawn('ssh', [...args, ...more], { stdio: 'ignore' });
    const [code] = await within(once(child, 'exit'), more.join(' '));
    if (code !== 0) throw new Error(`ssh ${more.join(' ')} ended with ${code}`);
  };
  await call(['-M', '-N', '-f', route]);
  const times = [];
  for (let i = 0; i < SESSIONS; i++) {
    const begun = performance.now();
    await call([route, 'true']);
    times.push(performance.now() - begun);
  }
  await call(['-O', 'exit', route]);
  return times;
}

function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const timer = Promise.withResolvers<never>();
  const id = setTimeout(
    () => timer.reject(new Error(`${what} did not come within ${GIVE_UP_MS / 1000} s`)),
    GIVE_UP_MS,
  );
  return Promise.race([promise, timer.promise]).finally(() => clearTimeout(id));
}
