import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HOST_PLATFORM, type Platform } from './platforms.ts';

const run = promisify(execFile);

/** Path of a platform's Node.js: the one that runs this, else from its npm package, which is kept in node_modules. */
export async function nodeFor(root: string, name: string, platform: Platform): Promise<string> {
  if (name === HOST_PLATFORM && platform.version === undefined) return process.execPath;
  const version = platform.version ?? process.versions.node;
  const cache = join(root, 'node_modules/.cache/nexus-release');
  const kept = join(cache, `${platform.package}-${version}`);
  if (await stat(kept).catch(() => undefined)) return kept;
  const folder = await mkdtemp(join(tmpdir(), 'nexus-node-'));
  try {
    // npm checks what it got against what the registry says of it.
    await run('npm', ['pack', `${platform.package}@${version}`, '--pack-destination', folder], {
      cwd: folder,
    });
    const [archive] = await readdir(folder);
    await run('tar', ['-xzf', archive as string, 'package/bin/node'], { cwd: folder });
    await chmod(join(folder, 'package/bin/node'), 0o755);
    await mkdir(cache, { recursive: true });
    await run('cp', [join(folder, 'package/bin/node'), `${kept}.${process.pid}`]);
    await rename(`${kept}.${process.pid}`, kept);
    return kept;
  } catch (cause) {
    throw new Error(`Node.js ${version} for ${name} could not be had from npm: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
