import { EvaluationError } from '@marcbachmann/cel-js';

/** Ends the evaluation of an expression with an error. */
export function fail(message: string): never {
  throw new EvaluationError(message);
}

/** How every function is registered: none of ours waits for anything. */
export const SYNC = { async: false } as object;
