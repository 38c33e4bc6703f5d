/** Root file systems as images of LXD: for machines that reach no image server. */
import { pipeline, Readable } from 'node:stream';
import { extract, type Header, pack } from 'tar-stream';
import type { LxdClient } from '../../agent/drivers/lxc/api/lxd-client.ts';

export interface ImageProperties {
  /** As the kernel calls it, `x86_64`. */
  architecture: string;
  /** Shown by `lxc image list`. */
  description: string;
  os: string;
  release: string;
}

/** A root file system (tar, not compressed) in LXD's own format: everything below `rootfs/`, after a description. */
export function toLxdImage(
  rootfs: Readable,
  { architecture, description, os, release }: ImageProperties,
): Readable {
  const image = pack();
  const metadata = {
    architecture,
    // Always the same, so that the same content has the same fingerprint.
    creation_date: 1,
    properties: { description, os, release },
    templates: {},
  };
  image.entry({ name: 'metadata.yaml', mode: 0o644, mtime: new Date(0) }, JSON.stringify(metadata));
  const entries = extract();
  entries.on('entry', (header, stream, next) => {
    const path = relative(header.name);
    const entry = image.entry(below(header, path), next);
    pipeline(stream, entry, error => {
      if (error) image.destroy(error);
    });
  });
  pipeline(rootfs, entries, error => {
    if (error) image.destroy(error);
    else image.finalize();
  });
  return Readable.from(image);
}

const relative = (name: string) => name.replace(/^\.?\/+/, '').replace(/^\.$/, '');

function below(header: Header, path: string): Header {
  // What tar keeps beside a name that is too long for it is of the old one.
  const { path: _path, linkpath: _linkpath, ...extended } = (header.pax ?? {}) as Record<string, string>;
  return {
    ...header,
    name: path === '' ? 'rootfs' : `rootfs/${path}`,
    linkname: header.type === 'link' ? `rootfs/${relative(header.linkname)}` : header.linkname,
    pax: Object.keys(extended).length > 0 ? extended : undefined,
  };
}

/** Gives an image to LXD, under an alias that is moved when it is there. Resolves with its fingerprint. */
export async function importLxdImage(
  lxd: LxdClient,
  { alias, image }: { alias: string; image: Readable },
): Promise<string> {
  const { metadata } = await lxd.change<{ fingerprint: string }>('POST', '/1.0/images', { body: image });
  const target = metadata?.fingerprint;
  if (!target) throw new Error('LXD did not tell the fingerprint of the image it was given');
  const path = `/1.0/images/aliases/${encodeURIComponent(alias)}`;
  const body = { target, description: '' };
  if (await lxd.find(path)) await lxd.call('PUT', path, { body });
  else await lxd.call('POST', '/1.0/images/aliases', { body: { ...body, name: alias } });
  return target;
}
