import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { startHttpsServer, type TestServer } from './https-server.ts';

export interface ImageServer extends TestServer {
  /** How often a root file system was begun to be sent. */
  fetches: number;
  /** No root file system is sent beyond its first half from now on, until `release`. */
  hold(): void;
  release(): void;
}

/**
 * An image server (simplestreams) with one image: `alias`, made of a description and a root file system, both tar.
 * LXD finds it over HTTPS alone.
 */
export async function startImageServer(
  alias: string,
  files: { metadata: Buffer; rootfs: string },
): Promise<ImageServer> {
  const size = (await stat(files.rootfs)).size;
  const whole = createHash('sha256').update(files.metadata);
  const own = createHash('sha256');
  for await (const chunk of createReadStream(files.rootfs)) {
    whole.update(chunk);
    own.update(chunk);
  }
  const product = `${alias.replace('/', ':')}:amd64:default`;
  const index = {
    format: 'index:1.0',
    index: {
      images: { datatype: 'image-downloads', path: 'streams/v1/images.json', products: [product] },
    },
  };
  const images = {
    content_id: 'images',
    datatype: 'image-downloads',
    format: 'products:1.0',
    products: {
      [product]: {
        aliases: alias,
        arch: 'amd64',
        os: 'Debian',
        release: 'bookworm',
        release_title: 'bookworm',
        variant: 'default',
        versions: {
          '20260101_00:00': {
            items: {
              'lxd.tar.xz': {
                ftype: 'lxd.tar.xz',
                path: 'images/lxd.tar.xz',
                size: files.metadata.length,
                sha256: createHash('sha256').update(files.metadata).digest('hex'),
                combined_rootxz_sha256: whole.digest('hex'),
              },
              'root.tar.xz': {
                ftype: 'root.tar.xz',
                path: 'images/root.tar.xz',
                size,
                sha256: own.digest('hex'),
              },
            },
          },
        },
      },
    },
  };
  let held: PromiseWithResolvers<void> | undefined;
  const server = await startHttpsServer((request, response) => {
    const text = { '/streams/v1/index.json': index, '/streams/v1/images.json': images }[request.url ?? ''];
    if (text) return response.end(JSON.stringify(text));
    if (request.url === '/images/lxd.tar.xz') return response.end(files.metadata);
    if (request.url !== '/images/root.tar.xz') return response.writeHead(404).end();
    state.fetches++;
    response.writeHead(200, { 'content-length': size });
    const half = Math.floor(size / 2);
    createReadStream(files.rootfs, { end: half - 1 })
      .on('end', async () => {
        await held?.promise;
        createReadStream(files.rootfs, { start: half }).pipe(response);
      })
      .pipe(response, { end: false });
  });
  const state: ImageServer = Object.assign(server, {
    fetches: 0,
    hold() {
      held = Promise.withResolvers();
    },
    release() {
      held?.resolve();
      held = undefined;
    },
  });
  return state;
}
