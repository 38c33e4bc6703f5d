import { parentPort } from 'node:worker_threads';
import { StoreError } from '../store.ts';
import { createOperations, type Operations } from './operations.ts';

export interface Request {
  id: number;
  operation: keyof Operations;
  args: unknown[];
}

/** `error` has what survives the way between threads. */
export type Response = { id: number } & ({ result: unknown } | { error: { code: string; message: string } });

const operations = createOperations();

parentPort?.on('message', ({ id, operation, args }: Request) => {
  let response: Response;
  try {
    const run = operations[operation] as (...args: unknown[]) => unknown;
    response = { id, result: run(...args) };
  } catch (error) {
    const code = error instanceof StoreError ? error.code : 'Unavailable';
    response = { id, error: { code, message: error instanceof Error ? error.message : String(error) } };
  }
  parentPort?.postMessage(response);
});
