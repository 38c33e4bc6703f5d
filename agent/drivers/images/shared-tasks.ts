import { untilAborted } from '../../../controller/kit/abort.ts';
import type { Clock } from '../../../controller/kit/clock.ts';
import type { ImageProgress } from '../../driver.ts';

/** Between two reports of one phase. */
const REPORT_EVERY_MS = 500;

export type Report = (progress: ImageProgress) => void;

export interface Participant {
  onProgress?: Report;
  signal?: AbortSignal;
}

interface Task<T> {
  result: Promise<T>;
  abort: AbortController;
  listeners: Set<Report>;
  waiting: number;
  last?: ImageProgress;
}

/**
 * Work that several ask for and that is done once. Who aborts only leaves; the work is aborted when the last has left.
 * Reports are rate-limited; who joins late gets the last one at once.
 */
export class SharedTasks<T> {
  readonly #clock: Clock;
  readonly #tasks = new Map<string, Task<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run(
    key: string,
    { onProgress, signal }: Participant,
    work: (report: Report, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const task = this.#tasks.get(key) ?? this.#begin(key, work);
    const listener: Report = progress => onProgress?.(progress);
    task.listeners.add(listener);
    task.waiting += 1;
    if (task.last) listener(task.last);
    try {
      return await untilAborted(task.result, signal);
    } finally {
      task.listeners.delete(listener);
      task.waiting -= 1;
      if (task.waiting === 0) this.#end(key, task);
    }
  }

  /** Aborts everything. */
  close(reason: Error): void {
    for (const [key, task] of this.#tasks) {
      this.#tasks.delete(key);
      task.abort.abort(reason);
    }
  }

  #begin(key: string, work: (report: Report, signal: AbortSignal) => Promise<T>): Task<T> {
    const abort = new AbortController();
    const listeners = new Set<Report>();
    let reportedAt = Number.NEGATIVE_INFINITY;
    const report: Report = progress => {
      const soon = this.#clock.now() - reportedAt < REPORT_EVERY_MS;
      if (soon && progress.phase === task.last?.phase && progress.percent !== 100) return;
      if (progress.message === task.last?.message && progress.percent === task.last?.percent) return;
      reportedAt = this.#clock.now();
      task.last = progress;
      for (const listener of listeners) listener(progress);
    };
    const task: Task<T> = {
      result: Promise.resolve().then(() => work(report, abort.signal)),
      abort,
      listeners,
      waiting: 0,
    };
    task.result.catch(() => {});
    this.#tasks.set(key, task);
    return task;
  }

  /** Nobody waits any more: it has ended, or all have left. A later call begins anew. */
  #end(key: string, task: Task<T>): void {
    if (this.#tasks.get(key) === task) this.#tasks.delete(key);
    task.abort.abort(new Error('nobody waits for it any more'));
  }
}
