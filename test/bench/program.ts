import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BUILD = fileURLToPath(new URL('../../manifests/release/build.ts', import.meta.url));

/** The launcher; what it starts is what `bundle` has made. */
export const NEXUS = fileURLToPath(new URL('../../cli/nexus', import.meta.url));

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

/** As an installed Nexus is: not from the sources. */
export async function bundle(): Promise<void> {
  await runProgram(process.execPath, [BUILD, '--bundle'], { env: process.env });
}
