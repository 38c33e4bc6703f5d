/**
 * `npm run build [-- --platform PLATFORM]… [--bundle] [--out FOLDER]`: bundles the program, and makes of it what people
 * download: one file a platform (by default this one's), checksums, and the licences of what is in it. With `--bundle` the
 * bundle alone, which `cli/nexus` runs while it is fresh; where it is, nothing is done.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { aboutCheckout } from './about.ts';
import { writeArchive } from './archive.ts';
import { bundle as bundleCheckout } from './bundle.ts';
import { codeCaches } from './code-cache.ts';
import { writeExecutable } from './executable.ts';
import { writeFolder } from './folder.ts';
import { freshnessOf, isFresh } from './freshness.ts';
import { licenses } from './licenses.ts';
import { nodeFor } from './node-for.ts';
import { HOST_PLATFORM, PLATFORMS } from './platforms.ts';

const ROOT = join(import.meta.dirname, '../..');
const SUMS = 'SHA256SUMS';
const LICENSES = 'THIRD-PARTY-LICENSES.txt';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      platform: { type: 'string', multiple: true, default: [HOST_PLATFORM] },
      bundle: { type: 'boolean', default: false },
      out: { type: 'string', default: join(ROOT, 'dist') },
    },
  });
  const { out } = values;
  const unknown = values.platform.find(name => !Object.hasOwn(PLATFORMS, name));
  if (unknown && !values.bundle)
    throw new Error(`there is no release for ${unknown}; there are: ${Object.keys(PLATFORMS).join(', ')}`);
  await mkdir(out, { recursive: true });
  if (values.bundle && isFresh(ROOT, out)) return say(join(out, 'nexus.cjs'));

  const since = Date.now();
  const [bundle, about] = await Promise.all([bundleCheckout(ROOT), aboutCheckout(ROOT)]);
  const freshness = out === join(ROOT, 'dist') ? freshnessOf(ROOT, bundle.inputs, since) : undefined;
  const caches = await codeCaches(bundle, process.execPath);
  await writeFolder(out, bundle, { about, caches, freshness });
  say(join(out, 'nexus.cjs'));
  if (values.bundle) return;

  for (const name of new Set(values.platform)) {
    const platform = PLATFORMS[name]!;
    const node = await nodeFor(ROOT, name, platform);
    const isArchive = platform.form === 'archive';
    const target = join(out, `nexus-${name}${isArchive ? '.tar.gz' : ''}`);
    if (isArchive) await writeArchive({ bundle, about, node, name: `nexus-${name}`, target });
    else await writeExecutable({ bundle, about, node, target, ...(node === process.execPath && { caches }) });
    say(target);
  }
  await writeFile(join(out, LICENSES), licenses(ROOT, bundle.packages));
  const released = (await readdir(out)).filter(name => /^nexus-\w+-\w+(\.tar\.gz)?$/.test(name)).sort();
  const sums = await Promise.all(released.map(async name => `${await sha256(join(out, name))}  ${name}\n`));
  await writeFile(join(out, SUMS), sums.join(''));
  say(join(out, SUMS));
}

function say(file: string): void {
  console.log(relative(process.cwd(), file));
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

try {
  await main();
} catch (error) {
  console.error(`npm run build: ${(error as Error).message}`);
  process.exitCode = 1;
}
