import { type Environment, Optional } from '@marcbachmann/cel-js';
import type { JsonSchema } from '../json-schema.ts';
import { createEnvironment, LINEAR_MATCHES } from './library.ts';
import { declareType } from './types.ts';

/** Steps of loops and calls that one evaluation may take; Kubernetes' limit of a call is of the same order. */
export const MAX_STEPS = 1_000_000;
/** Characters of a text that cost as much as a step. */
const CHARS_A_STEP = 16;

export class BudgetError extends Error {}

/** What the rules of one object may still cost, all together. */
export class Budget {
  left: number;
  constructor(steps: number) {
    this.left = steps;
  }
  spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw new BudgetError('cost budget exceeded');
  }
}

export interface Expression {
  readonly usesOldSelf: boolean;
  /** Throws what evaluation throws; BudgetError when `budget` is spent. */
  evaluate(self: unknown, oldSelf: unknown, budget: Budget): unknown;
}

let base: Environment | undefined;
/** Made on first use: it costs some milliseconds. */
function baseEnvironment(): Environment {
  base ??= createEnvironment();
  return base;
}

/** Compiles expressions about the values of one schema. */
export class ExpressionCompiler {
  readonly #dynamic: Environment;
  readonly #typed: Environment;

  constructor(schema: JsonSchema, resource: boolean) {
    this.#dynamic = baseEnvironment()
      .clone()
      .registerVariable('self', 'dyn')
      .registerVariable('oldSelf', 'dyn');
    this.#typed = baseEnvironment().clone();
    const type = declareType(this.#typed, schema, resource);
    this.#typed.registerVariable('self', type);
    this.#typed.registerVariable('oldSelf', type);
  }

  /** Throws an Error whose message is one line when the expression does not compile or gives another type. */
  compile(text: string, type: 'bool' | 'string', optionalOldSelf = false): Expression {
    if (!optionalOldSelf) this.#checkFields(text);
    const program = this.#dynamic.parse(text);
    const usesOldSelf = instrument(program.ast as unknown as AstNode);
    const checked = program.check();
    if (!checked.valid) throw new Error(oneLine(checked.error));
    if (checked.type !== type && checked.type !== 'dyn')
      throw new Error(`must evaluate to ${type}, not ${checked.type}`);
    return {
      usesOldSelf,
      evaluate(self, oldSelf, budget) {
        active = budget;
        const old = optionalOldSelf
          ? oldSelf === undefined
            ? Optional.none()
            : Optional.of(oldSelf)
          : oldSelf;
        const result: unknown = program({ self, oldSelf: old });
        // Loops and logic swallow errors of their parts.
        if (budget.left < 0) throw new BudgetError('cost budget exceeded');
        return result;
      },
    };
  }

  /** Refuses fields that the schema does not have; other complaints of the static types are left to evaluation. */
  #checkFields(text: string): void {
    const { valid, error } = this.#typed.check(text);
    if (valid || !error) return;
    if (['no_such_key', 'unknown_variable'].includes(error.code) || error.name === 'ParseError')
      throw new Error(
        error.code === 'no_such_key'
          ? oneLine(error).replace('No such key:', 'undefined field')
          : oneLine(error),
      );
  }
}

function oneLine(error: { summary?: string; message: string } | undefined): string {
  return (error?.summary ?? error?.message ?? 'does not compile').split('\n')[0] ?? '';
}

/** The budget of the evaluation that runs; evaluations do not wait, so there is only one. */
let active = new Budget(0);

type Evaluate = (evaluator: unknown, ast: unknown, context: unknown) => unknown;
interface AstNode {
  op: string;
  args: unknown;
  meta: { evaluate: Evaluate; alternate?: AstNode; macro?: object };
  setMeta(key: string, value: unknown): AstNode;
}

const COUNTED = new Set(['+', 'call', 'rcall', 'list', 'map']);

/** Makes every turn of a loop and every call of a function cost; tells whether `oldSelf` occurs. */
function instrument(root: AstNode): boolean {
  let usesOldSelf = false;
  const seen = new Set<object>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (!isNode(value)) {
      for (const part of Object.values(value)) visit(part);
      return;
    }
    if (value.op === 'id' && value.args === 'oldSelf') usesOldSelf = true;
    if (value.op === 'rcall' && Array.isArray(value.args) && value.args[0] === 'matches')
      value.args[0] = LINEAR_MATCHES;
    visit(value.args);
    visit(value.meta.alternate);
    visit(value.meta.macro);
    if (value.op === 'comprehension') charge((value.args as { step: AstNode }).step, () => 1);
    else if (COUNTED.has(value.op) && !value.meta.alternate && !value.meta.macro) charge(value, costOf);
  };
  visit(root);
  return usesOldSelf;
}

function isNode(value: object): value is AstNode {
  return 'op' in value && 'meta' in value && typeof (value as AstNode).setMeta === 'function';
}

function charge(node: AstNode, cost: (result: unknown) => number): void {
  const evaluate = node.meta.evaluate;
  node.setMeta('evaluate', ((evaluator, ast, context) => {
    active.spend(1);
    const result = evaluate(evaluator, ast, context);
    const extra = cost(result);
    if (extra > 1) active.spend(extra);
    return result;
  }) satisfies Evaluate);
}

function costOf(result: unknown): number {
  if (typeof result === 'string') return result.length / CHARS_A_STEP;
  if (Array.isArray(result)) return result.length;
  return 1;
}
