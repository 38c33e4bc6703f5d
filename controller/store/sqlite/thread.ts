import { startThread } from '../../kit/program.ts';
import { StoreError, type StoreErrorCode } from '../store.ts';
import type { Operations } from './operations.ts';
import type { Request, Response } from './worker.ts';

interface Call {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** A thread with one database: calls are run in the order in which they were made. */
export class DatabaseThread {
  readonly #worker = startThread('controller/store/sqlite/worker.ts');
  readonly #calls = new Map<number, Call>();
  #lastId = 0;
  #ended: StoreError | undefined;

  constructor() {
    this.#worker.on('message', (response: Response) => this.#answer(response));
    this.#worker.on('error', error => this.#end(error));
    this.#worker.on('exit', () => this.#end(undefined));
  }

  /** Rejects with the StoreError of the operation; Unavailable when the thread has ended. */
  call<K extends keyof Operations>(
    operation: K,
    ...args: Parameters<Operations[K]>
  ): Promise<ReturnType<Operations[K]>> {
    if (this.#ended) return Promise.reject(this.#ended);
    const request: Request = { id: ++this.#lastId, operation, args };
    return new Promise((resolve, reject) => {
      this.#calls.set(request.id, { resolve: resolve as Call['resolve'], reject });
      this.#worker.postMessage(request);
    });
  }

  /** Closes the database and ends the thread. */
  async close(): Promise<void> {
    try {
      if (!this.#ended) await this.call('close');
    } finally {
      await this.#worker.terminate();
    }
  }

  #answer(response: Response): void {
    const call = this.#calls.get(response.id);
    this.#calls.delete(response.id);
    if ('result' in response) call?.resolve(response.result);
    else call?.reject(new StoreError(response.error.code as StoreErrorCode, response.error.message));
  }

  #end(cause: Error | undefined): void {
    const message = `the database thread has ended${cause ? `: ${cause.message}` : ''}. Restart the server`;
    this.#ended ??= new StoreError('Unavailable', message, undefined, { cause });
    for (const { reject } of this.#calls.values()) reject(this.#ended);
    this.#calls.clear();
  }
}
