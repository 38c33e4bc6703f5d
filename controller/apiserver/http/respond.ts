import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import type { ApiContext, ApiRequest, View } from '../context.ts';
import { renderPartial, renderTable } from '../tables/table.ts';
import { parseIncludeObject } from '../verbs/list.ts';
import type { Wanted } from './negotiate.ts';

const compress = promisify(gzip);

export interface JsonAnswer {
  readonly code: number;
  readonly json: string;
  /** Defaults to JSON. */
  readonly format?: Wanted['format'];
  /** Media type of the JSON. Defaults to application/json. */
  readonly type?: string;
  /** Cache-Control. Defaults to no caching. */
  readonly cache?: string;
  readonly gzipAboveBytes: number;
}

/** Sends JSON text, or the same as YAML; compressed when it is large and the client takes it. */
export async function sendJson(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: JsonAnswer,
): Promise<FastifyReply> {
  const yaml = answer.format === 'yaml';
  const body = yaml
    ? stringify(JSON.parse(answer.json))
    : isForPeople(request, answer)
      ? `${JSON.stringify(JSON.parse(answer.json), null, 2)}\n`
      : answer.json;
  reply
    .code(answer.code)
    .header('content-type', yaml ? 'application/yaml' : (answer.type ?? 'application/json'));
  reply.header('cache-control', answer.cache ?? 'no-cache, private');
  // A type of its own goes as it is: of text, Fastify would write it anew.
  if (!isAbove(body, answer.gzipAboveBytes) || !acceptsGzip(request))
    return reply.send(answer.type ? Buffer.from(body) : body);
  const zipped = await compress(body, { level: constants.Z_BEST_SPEED });
  const vary = reply.getHeader('vary');
  reply.header('content-encoding', 'gzip');
  reply.header('vary', vary ? `${vary}, accept-encoding` : 'accept-encoding');
  return reply.send(zipped);
}

/** Larger answers are not laid out: nobody reads them, and it takes its time. */
const MAX_LAID_OUT_CHARS = 1024 * 1024;

/** Whether JSON is laid out in lines: as the parameter `pretty` says, else for curl, Wget and browsers, as in Kubernetes. */
function isForPeople({ headers, url }: FastifyRequest, { json, type }: JsonAnswer): boolean {
  if (type || json.length > MAX_LAID_OUT_CHARS) return false;
  const [, pretty] = (url.includes('pretty=') && /[?&]pretty=([^&]*)/.exec(url)) || [];
  if (pretty !== undefined) return !/^(0|false)$/i.test(pretty);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '');
}

/** Whether a text has more than `limit` bytes. A character has three at most: what is short is not measured. */
const isAbove = (text: string, limit: number): boolean =>
  text.length > limit || (text.length * 3 > limit && Buffer.byteLength(text) > limit);

const acceptsGzip = ({ headers }: FastifyRequest): boolean =>
  /(^|,)\s*(gzip|\*)\s*(;(?!\s*q=0(\.0*)?\s*(,|$))|,|$)/.test(String(headers['accept-encoding'] ?? ''));

/** One object in the form the client wants it. */
export function renderObject(context: ApiContext, request: ApiRequest, view: View, wanted: Wanted): string {
  if (wanted.as === undefined) return view.json;
  const { object } = view;
  if ((object.kind as string) === 'Status') return view.json;
  if (wanted.as !== 'Table') return renderPartial(object);
  return renderTable([view], {
    columns: request.served.columns,
    includeObject: parseIncludeObject(request),
    metadata: JSON.stringify({ resourceVersion: object.metadata.resourceVersion }),
    now: context.clock.now(),
  });
}
