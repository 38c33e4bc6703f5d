import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../../kit/metrics.ts';
import type { Discovery, Document } from '../discovery/discovery.ts';
import type { OpenApi } from '../openapi/openapi.ts';
import { OPENAPI_V2_PROTOBUF, wantsProtobufV2 } from '../openapi/protobuf-v2.ts';
import { methodNotAllowed, noSuchResource } from '../refusals.ts';
import { negotiate, type Offer } from './negotiate.ts';
import type { RequestInfo } from './request-info.ts';
import { sendJson } from './respond.ts';

export interface NonResourceParts {
  readonly discovery: Discovery;
  readonly openApi: OpenApi;
  readonly metrics: Metrics;
  /** This server's version, e.g. 0.1.0. */
  readonly version: string;
  readonly gzipAboveBytes: number;
  /** Undefined when everything works, else why not. */
  readonly unready: () => string | undefined;
}

const AGGREGATED: readonly Offer[] = [
  { as: 'APIGroupDiscoveryList', group: 'apidiscovery.k8s.io', versions: ['v2'] },
];
/** The Kubernetes release whose API this is, as far as it goes. Clients compare it with their own. */
const KUBERNETES = { major: '1', minor: '32' };

/** Answers everything that is no resource: discovery, OpenAPI, version, health, metrics. Throws NotFound. */
export async function answerPath(
  parts: NonResourceParts,
  info: RequestInfo,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const path = info.path.length > 1 && info.path.endsWith('/') ? info.path.slice(0, -1) : info.path;
  const { gzipAboveBytes } = parts;
  const known = isKnown(path);
  if (known && info.verb !== 'get' && info.verb !== 'head') throw methodNotAllowed();
  if (path === '/version')
    return sendJson(http, reply, { code: 200, json: versionJson(parts.version), gzipAboveBytes });
  const health = answerHealth(path, info.query.has('verbose'), parts.unready());
  if (health) return reply.code(health.code).type('text/plain; charset=utf-8').send(health.text);
  if (path === '/metrics') return reply.type(parts.metrics.contentType).send(await parts.metrics.text());
  if (path === '/openapi/v2' && wantsProtobufV2(http.headers.accept)) {
    const { bytes, hash } = parts.openApi.getV2Protobuf();
    const etag = `"${hash}-protobuf"`;
    reply.header('etag', etag).header('vary', 'accept');
    if (hasTag(http, etag)) return reply.code(304).send();
    return reply.type(OPENAPI_V2_PROTOBUF).send(bytes);
  }
  if (path.startsWith('/openapi/')) {
    const { format } = negotiate(http.headers.accept, []);
    return sendDocument(parts, http, reply, { document: parts.openApi.get(path), format });
  }
  const wanted = negotiate(http.headers.accept, AGGREGATED);
  const aggregated = wanted.as !== undefined && (path === '/api' || path === '/apis');
  if (path === '/') return sendJson(http, reply, { code: 200, json: PATHS, gzipAboveBytes });
  return sendDocument(parts, http, reply, {
    document: parts.discovery.get(path, aggregated),
    format: wanted.format,
    ...(aggregated && { type: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' }),
  });
}

/** Undefined for a path that is no check. `ping` is the check that nothing but an answer passes. */
function answerHealth(
  path: string,
  verbose: boolean,
  unready: string | undefined,
): { code: number; text: string } | undefined {
  const [, name, single] = /^\/(livez|readyz|healthz)(\/ping)?$/.exec(path) ?? [];
  if (name === undefined) return undefined;
  const why = name === 'livez' || single ? undefined : unready;
  const code = why ? 503 : 200;
  if (!verbose) return { code, text: why ?? 'ok' };
  const lines = ['[+]ping ok', ...(why ? [`[-]serving failed: ${why}`] : [])];
  return { code, text: `${lines.join('\n')}\n${name} check ${why ? 'failed' : 'passed'}\n` };
}

const PATHS = JSON.stringify({
  paths: [
    '/api',
    '/apis',
    '/healthz',
    '/healthz/ping',
    '/livez',
    '/livez/ping',
    '/metrics',
    '/openapi/v2',
    '/openapi/v3',
    '/readyz',
    '/readyz/ping',
    '/version',
  ],
});

const isKnown = (path: string) =>
  path === '/' || /^\/(version|livez|readyz|healthz|metrics|openapi|apis?)(\/|$)/.test(path);

async function sendDocument(
  { gzipAboveBytes }: NonResourceParts,
  http: FastifyRequest,
  reply: FastifyReply,
  { document, format, type }: { document: Document | undefined; format: 'json' | 'yaml'; type?: string },
): Promise<FastifyReply> {
  if (!document) throw noSuchResource();
  const etag = `"${document.hash}"`;
  reply.header('etag', etag).header('vary', 'accept');
  if (hasTag(http, etag)) return reply.code(304).send();
  // A path with its hash in it never changes.
  const immutable = http.url.includes(`hash=${document.hash}`);
  await sendJson(http, reply, {
    code: 200,
    json: document.json,
    format,
    gzipAboveBytes,
    type,
    // The aggregated form is asked for again and again: a cache may keep it, and asks with its tag.
    ...(type && { cache: 'public' }),
    ...(immutable && { cache: 'public, immutable, max-age=31536000' }),
  });
  return reply;
}

/** Whether the client has it already, by If-None-Match: a list of tags, weak ones too, or `*`. */
function hasTag({ headers }: FastifyRequest, etag: string): boolean {
  const known = headers['if-none-match'];
  if (known === undefined || known === etag) return known !== undefined;
  return known.split(',').some(tag => ['*', etag, `W/${etag}`].includes(tag.trim()));
}

function versionJson(version: string): string {
  return JSON.stringify({
    ...KUBERNETES,
    gitVersion: `v${KUBERNETES.major}.${KUBERNETES.minor}.0+nexus-${version}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  });
}
