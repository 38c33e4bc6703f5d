import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILD = fileURLToPath(new URL('../../manifests/release/build.ts', import.meta.url));

/** Runs a program to its end, as a person would; resolves with its output. Rejects with what it said when it fails. */
export function runProgram(
  program: string,
  args: string[],
  { env, input = '' }: { env: NodeJS.ProcessEnv; input?: string },
): Promise<string> {
  return new Promise((resolve, reject) => {
    // Not spawnSync: a server's log goes through this process, and a full pipe would stop the server.
    const child = execFile(program, args, { env }, (error, stdout, stderr) =>
      error ? reject(new Error(`${program} ${args.join(' ')}: ${stderr || error.message}`)) : resolve(stdout),
    );
    child.stdin?.end(input);
  });
}

/** Makes the executable of a release, as people install it. Resolves with its path in `folder`. */
export async function buildRelease(folder: string): Promise<string> {
  await runProgram(process.execPath, [BUILD, `--out=${folder}`], { env: process.env });
  return join(folder, `nexus-${process.platform}-${process.arch}`);
}

/** Makes what the launcher of a checkout starts. */
export async function bundle(): Promise<void> {
  await runProgram(process.execPath, [BUILD, '--bundle'], { env: process.env });
}
