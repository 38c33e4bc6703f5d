/**
 * What the tests need beside the machine's packages: an engine, images, and tools that Debian has not. `--all`: for a run of
 * all of them, and begins what one of them would else wait for.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import Docker from 'dockerode';
import { DEFAULT_IMAGE } from '../../controller/options.ts';
import { COMMON_IMAGES, ensureTestImage, testRootfs } from '../../test/support/images.ts';
import { ensureWorkspaceImage } from '../image/build.ts';
import { ensureGo, ensurePythonClient } from './client-toolchains.ts';
import { ensureEngine } from './engine.ts';
import { ensureOldKubectl } from './old-kubectl.ts';
import { ensureSchemathesis } from './schemathesis.ts';

const say = (line: string) => console.error(line);

/** A missing tool is said, not fatal: the tests that need it say that they were skipped, and why. */
async function attempt(ensure: () => Promise<void> | void): Promise<void> {
  try {
    await ensure();
  } catch (error) {
    say(`tests that need them are skipped: ${(error as Error).message}`);
  }
}

async function engineAndImages(): Promise<void> {
  try {
    const engine = await ensureEngine(say);
    say(`container engine: ${engine.version} at ${engine.socket}`);
    const docker = new Docker({ socketPath: engine.socket });
    await ensureWorkspaceImage(docker, DEFAULT_IMAGE, say, () => testRootfs('ready'));
    await attempt(async () => {
      for (const image of COMMON_IMAGES) await ensureTestImage(docker, image);
    });
  } catch (error) {
    say((error as Error).message);
    process.exitCode = 1;
  }
}

/** The compiler goes on beside the tests. */
async function ensureGoClients(): Promise<void> {
  await ensureGo();
  if (!process.argv.includes('--all')) return;
  const program = join(import.meta.dirname, '../../test/support/go-clients.ts');
  spawn(process.execPath, [...process.execArgv, program], { stdio: 'ignore' }).unref();
}

// Side by side: on a new machine each waits for the network much of the time.
const tools = [ensureGoClients, ensureOldKubectl, ensureSchemathesis, ensurePythonClient];
await Promise.all([engineAndImages(), ...tools.map(attempt)]);
