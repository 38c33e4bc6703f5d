import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { checkoutFolder, ownCommand } from '../../controller/kit/program.ts';
import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import { lastLine } from '../remote/remote.ts';

/** The program as one file, for a platform. */
export interface Program {
  file: string;
  bytes: number;
  /** SHA-256 in hex. */
  digest: string;
}

/** ELF's numbers of machines. */
const ELF_MACHINES: Record<number, string> = { 62: 'linux-x64', 183: 'linux-arm64' };

/**
 * The executable for a platform: `given`, else this program where it is one, else built from this checkout. Throws
 * CliError that says where to get one.
 */
export async function findProgram(
  platform: string,
  given: string | undefined,
  context: CommandContext,
): Promise<Program> {
  if (given !== undefined) return describe(given, platform);
  const { file, args } = ownCommand();
  if (args.length === 0 && platform === `${process.platform}-${process.arch}`)
    return describe(file, platform);
  const folder = checkoutFolder();
  if (!folder)
    throw new CliError(`this is not the program for ${platform}`, {
      next: `get nexus-${platform} of the same release, and name it: --program FILE`,
    });
  context.note(`building the program for ${platform} …`);
  await build(folder, platform, context);
  return describe(join(folder, 'dist', `nexus-${platform}`), platform);
}

async function describe(file: string, platform: string): Promise<Program> {
  if (!existsSync(file)) throw new CliError(`there is no ${file}`, { next: 'nexus-linux-… of a release' });
  const found = await platformOfFile(file);
  if (found !== platform)
    throw new CliError(
      `${file} is ${found ? `for ${found}` : 'no executable of ours'}, and the machine is ${platform}`,
      {
        next: `--program nexus-${platform}`,
      },
    );
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return { file, bytes: (await stat(file)).size, digest: hash.digest('hex') };
}

async function platformOfFile(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(20), 0, 20, 0);
    return buffer.toString('latin1', 0, 4) === '\x7fELF' ? ELF_MACHINES[buffer.readUInt16LE(18)] : undefined;
  } finally {
    await handle.close();
  }
}

function build(folder: string, platform: string, { signal }: CommandContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = [
      '--disable-warning=ExperimentalWarning',
      'manifests/release/build.ts',
      '--platform',
      platform,
    ];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], signal });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', chunk => {
        said = (said + chunk).slice(-4000);
      });
    child.once('error', reject);
    child.once('close', code => {
      if (code === 0) return resolve();
      reject(
        new CliError(`the program could not be built: ${lastLine(said)}`, {
          next: `npm run build -- --platform ${platform}, or --program FILE of a release`,
        }),
      );
    });
  });
}
