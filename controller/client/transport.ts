import type { Readable } from 'node:stream';

export interface TransportRequest {
  method: string;
  /** Absolute path with its query. */
  path: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  /** A stream is sent as it comes, once. */
  body?: string | Buffer | Readable;
  /** A watch: may be silent for long, and gets a connection of its own. */
  stream?: boolean;
  signal?: AbortSignal;
}

export interface TransportResponse {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string | string[] | undefined>;
  /** Decoded bytes. Must be read to its end or destroyed. Fails with ApiError Unreachable when the connection breaks. */
  body: AsyncIterable<Buffer>;
  /** Drops the connection. Idempotent. */
  destroy(): void;
}

/**
 * Carries requests. Rejects with ApiError `Unreachable` when no answer came, and with the signal's reason when it was
 * aborted. Any status is an answer.
 */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Ends everything that is open. */
  close(): Promise<void>;
}
