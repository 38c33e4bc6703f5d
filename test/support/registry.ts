import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface TestRegistry {
  /** `127.0.0.1:<port>`: engines take loopback registries without TLS. */
  host: string;
  /** Requests so far. */
  blobs: number;
  manifests: number;
  /** Blobs are held back until `release` is called. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

/** A registry with one image, `app:1`, of one layer with the given tar archive. */
export async function startRegistry(layerTar: Buffer): Promise<TestRegistry> {
  const layer = gzipSync(layerTar);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: [digest(layerTar)] },
      history: [{ created_by: 'test' }],
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        size: config.length,
        digest: digest(config),
      },
      layers: [
        {
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          size: layer.length,
          digest: digest(layer),
        },
      ],
    }),
  );
  const blobs = new Map([config, layer].map(blob => [digest(blob), blob]));
  let held: (() => void)[] | undefined;

  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/v2/') return send(response, 200, Buffer.from('{}'), 'application/json');
    const blob = blobs.get(/\/v2\/app\/blobs\/(\S+)$/.exec(path)?.[1] ?? '');
    if (/\/v2\/app\/manifests\/(1|sha256:\w+)$/.test(path)) {
      registry.manifests += 1;
      return send(response, 200, manifest, 'application/vnd.docker.distribution.manifest.v2+json');
    }
    if (!blob) {
      const problem = { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] };
      return send(response, 404, Buffer.from(JSON.stringify(problem)), 'application/json');
    }
    registry.blobs += 1;
    const answer = () => send(response, 200, blob, 'application/octet-stream');
    if (held) held.push(answer);
    else answer();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const registry: TestRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobs: 0,
    manifests: 0,
    hold() {
      held = [];
    },
    release() {
      for (const answer of held ?? []) answer();
      held = undefined;
    },
    async close() {
      registry.release();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return registry;
}

function send(response: ServerResponse, status: number, body: Buffer, type: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': body.length,
    'docker-content-digest': digest(body),
    'docker-distribution-api-version': 'registry/2.0',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function digest(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}
