import type { Status } from '../../crds/object.ts';
import { ApiError } from '../kit/errors.ts';
import type { TransportResponse } from './transport.ts';

/** Half of the longest text that Node can hold. What is larger is for `stream`. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** The body whole. Throws ApiError InternalError for one that no text can hold. */
export async function readText(response: TransportResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) continue;
    response.destroy();
    throw new ApiError(
      'InternalError',
      `the server's answer is larger than ${MAX_BODY_BYTES} bytes: list in pages`,
    );
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

/** Headers with a text each. */
export function flat(response: TransportResponse): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : String(value);
  return headers;
}

/** Texts of `Warning: 299 - "text"` headers (RFC 9111), several joined in one included. */
export function warnings(response: TransportResponse): string[] {
  const header = flat(response).warning;
  if (!header) return [];
  return [...header.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map(m =>
    (m[1] ?? '').replace(/\\(.)/g, '$1'),
  );
}

/** The Status in an answer; what is no Status is told by its code and its first words. */
export function refusal(
  call: { method: string; path: string },
  response: TransportResponse,
  body: string,
): ApiError {
  const { status: code } = response;
  const seconds = Number(flat(response)['retry-after']);
  const patience = seconds > 0 ? { retryAfterSeconds: seconds } : undefined;
  try {
    const status = JSON.parse(body) as Partial<Status>;
    const details = patience || status.details ? { ...patience, ...status.details } : undefined;
    if (status.kind === 'Status')
      return ApiError.fromStatus({ ...status, details, code: status.code ?? code });
  } catch {
    // Not ours: a proxy's page, or nothing at all.
  }
  const words = body.trim().slice(0, 200);
  const message = `${call.method} ${call.path.split('?')[0]}: the server answered ${code}${words ? `: ${words}` : ''}`;
  return ApiError.fromStatus({ code, message, details: patience });
}
