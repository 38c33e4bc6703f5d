import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { About, Bundle } from './bundle.ts';
import { bundleFolder } from './folder.ts';
import { programText } from './program-text.ts';

const LAUNCHER = `#!/bin/sh
# Starts nexus with the Node.js beside it.
set -eu
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
lib=$(dirname "$self")/../lib/nexus
exec "$lib/node" --disable-warning=ExperimentalWarning "$lib/nexus.cjs" "$@"
`;

export interface ArchiveOptions {
  bundle: Bundle;
  about: About;
  /** Node.js of the platform. */
  node: string;
  /** Folder that the archive unpacks to. */
  name: string;
  target: string;
}

/**
 * Writes a .tar.gz with the program, an untouched Node.js and a launcher: for platforms that refuse a program whose
 * signature does not fit. The same bundle gives the same bytes.
 */
export async function writeArchive({ bundle, about, node, name, target }: ArchiveOptions): Promise<void> {
  const draft = `${target}.${process.pid}`;
  const tar = pack();
  const folder = bundleFolder(bundle);
  const add = (path: string, text: string, mode = 0o644) =>
    tar.entry({ name: `${name}/${path}`, mode, mtime: new Date(0) }, text);
  try {
    const written = pipeline(tar, createGzip(), createWriteStream(draft));
    add('bin/nexus', LAUNCHER, 0o755);
    add('lib/nexus/nexus.cjs', programText('folder', bundle, about, { folder, isCached: false }));
    for (const [file, text] of bundle.files) add(`lib/nexus/${folder}/${file}`, text);
    const { size } = await stat(node);
    const entry = tar.entry({ name: `${name}/lib/nexus/node`, mode: 0o755, mtime: new Date(0), size });
    await pipeline(createReadStream(node), entry);
    tar.finalize();
    await written;
    await rename(draft, target);
  } finally {
    await rm(draft, { force: true });
  }
}
