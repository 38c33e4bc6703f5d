import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { derivedTag } from '../../agent/drivers/images/recipe.ts';
import type { LxdClient } from '../../agent/drivers/lxc/api/lxd-client.ts';
import { importLxdImage, toLxdImage } from '../../manifests/image/lxd-image.ts';
import type { TestImage } from './images.ts';
import { slimRootfs } from './slim-rootfs.ts';

/** Alias of a test image in an LXD. */
export const imageAlias = (name: TestImage): string => `nexus-test/${name}`;

/** Gives an LXD a test image; resolves with its alias. */
export async function giveImage(lxd: LxdClient, name: TestImage): Promise<string> {
  const alias = imageAlias(name);
  const target = await importLxdImage(lxd, { alias, image: createReadStream(await testLxdImage(name)) });
  // It is known to be complete, and looking into it would take some seconds.
  if (name !== 'plain')
    await lxd.call('POST', '/1.0/images/aliases', {
      body: { name: `nexus-derived-${derivedTag(`sha256:${target}`)}`, target, description: '' },
    });
  return alias;
}

/** Path of an image for LXD, kept beside the root file system it is made of. */
async function testLxdImage(name: TestImage): Promise<string> {
  const rootfs = await slimRootfs(name);
  const path = rootfs.replace(/\.tar$/, '-lxd.tar');
  if (existsSync(path)) return path;
  const unfinished = `${path}.${process.pid}`;
  const properties = {
    architecture: 'x86_64',
    description: `Nexus test image ${name}`,
    os: 'Debian',
    release: 'bookworm',
  };
  await pipeline(toLxdImage(createReadStream(rootfs), properties), createWriteStream(unfinished));
  await rename(unfinished, path);
  return path;
}
