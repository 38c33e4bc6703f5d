import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../kit/errors.ts';
import type { Caller } from './callers.ts';
import type { RestContext } from './rest-context.ts';
import { fromApiError } from './rest-error.ts';

/** One call of the REST API: what is documented is what is validated. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below /api/v1, parameters as `:id`. */
  url: string;
  summary: string;
  tag: 'login' | 'users' | 'workspaces' | 'nodes' | 'server';
  params?: object;
  query?: object;
  body?: object;
  /** By status. */
  answers: Readonly<Record<number, object>>;
  /** Anybody may call it. */
  isPublic?: boolean;
  handle(call: Call): Promise<unknown>;
}

export interface Call<B = unknown> {
  context: RestContext;
  /** Of a public route: nobody. */
  caller: Caller;
  request: FastifyRequest;
  reply: FastifyReply;
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string | number | boolean | undefined>>;
  body: B;
}

/** Runs calls of the Kubernetes API about a `thing`; what it refuses is refused in the words of this API. */
export async function about<T>(thing: Parameters<typeof fromApiError>[1], run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof ApiError ? fromApiError(error, thing) : error;
  }
}
