import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { About } from './bundle.ts';

const run = promisify(execFile);

/** Version and, where `root` is a clone and there is a git, commit. */
export async function aboutCheckout(root: string): Promise<About> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const git = async (...args: string[]) => (await run('git', ['-C', root, ...args])).stdout.trim();
  try {
    const commit = await git('rev-parse', '--short=12', 'HEAD');
    const modified = (await git('status', '--porcelain', '--untracked-files=no')) !== '';
    return { version, commit, ...(modified && { modified }) };
  } catch {
    return { version };
  }
}
