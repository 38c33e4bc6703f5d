import { pack } from 'tar-stream';
import type { GuestFile } from '../driver.ts';

export type TarEntry = Pick<GuestFile, 'content' | 'mode' | 'uid' | 'gid'> & { name: string };

/** A tar archive in memory. `dirs` come first, root:root 0755; names are relative to the root. */
export async function tarOf(entries: TarEntry[], dirs: string[] = []): Promise<Buffer> {
  const archive = pack();
  for (const name of dirs) archive.entry({ name: relative(name), type: 'directory', mode: 0o755 });
  for (const { name, content, mode, uid = 0, gid = 0 } of entries) {
    archive.entry({ name: relative(name), mode, uid, gid, mtime: new Date(0) }, Buffer.from(content));
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function relative(path: string): string {
  return path.replace(/^\/+/, '');
}
