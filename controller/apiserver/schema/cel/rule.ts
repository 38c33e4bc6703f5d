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
  readonly #schema: JsonSchema;
  readonly #resource: boolean;
  readonly #dynamic: Environment;
  #typed: { readonly plain: Environment; readonly optional: Environment } | undefined;

  constructor(schema: JsonSchema, resource: boolean) {
    this.#schema = schema;
    this.#resource = resource;
    this.#dynamic = baseEnvironment()
      .clone()
      .registerVariable('self', 'dyn')
      .registerVariable('oldSelf', 'dyn');
  }

  /** Throws an Error whose message is one line when the expression does not compile or gives another type. */
  compile(text: string, type: 'bool' | 'string', optionalOldSelf = false): Expression {
    // Types are checked with the schema's; evaluation goes by the values' own, which needs no wrapping of objects.
    this.#typed ??= this.#declare();
    const typed = this.#typed[optionalOldSelf ? 'optional' : 'plain'].parse(text);
    checkInsideHas(typed.ast as unknown as AstNode);
    const checked = typed.check();
    if (!checked.valid) throw new Error(oneLine(checked.error));
    if (checked.type !== type && checked.type !== 'dyn')
      throw new Error(`must evaluate to ${type}, not ${checked.type}`);
    const program = this.#dynamic.parse(text);
    const usesOldSelf = instrument(program.ast as unknown as AstNode);
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

  #declare() {
    const plain = baseEnvironment().clone();
    const type = declareType(plain, this.#schema, this.#resource);
    plain.registerVariable('self', type);
    const optional = plain.clone().registerVariable('oldSelf', `optional<${type}>`);
    return { plain: plain.clone().registerVariable('oldSelf', type), optional };
  }
}

function oneLine(error: { summary?: string; message: string } | undefined): string {
  const line = (error?.summary ?? error?.message ?? 'does not compile').split('\n')[0] ?? '';
  return line.replace(/^No such key:/, 'undefined field');
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

/** Every node of an expression, also those that macros hold. */
function* nodesOf(root: unknown, seen = new Set<object>()): Generator<AstNode> {
  if (typeof root !== 'object' || root === null || seen.has(root)) return;
  seen.add(root);
  if (!isNode(root)) {
    for (const part of Object.values(root)) yield* nodesOf(part, seen);
    return;
  }
  yield root;
  yield* nodesOf(root.args, seen);
  yield* nodesOf(root.meta.alternate, seen);
  yield* nodesOf(root.meta.macro, seen);
}

/** The library lets pass any field inside has(); a misspelt one would never be there. */
function checkInsideHas(root: AstNode): void {
  for (const { op, args, meta } of nodesOf(root)) {
    const macro = meta.macro as HasMacro | undefined;
    if (op !== 'call' || !macro || !Array.isArray(args) || args[0] !== 'has') continue;
    const inner = macro.typeCheck;
    macro.typeCheck = (checker, self, context) => {
      checker.check(self.args[0], context);
      return inner(checker, self, context);
    };
  }
}

interface HasMacro {
  args: unknown[];
  typeCheck(
    checker: { check(node: unknown, context: unknown): unknown },
    macro: HasMacro,
    context: unknown,
  ): unknown;
}

/** Makes every turn of a loop and every call of a function cost; tells whether `oldSelf` occurs. */
function instrument(root: AstNode): boolean {
  let usesOldSelf = false;
  for (const node of nodesOf(root)) {
    const { op, args, meta } = node;
    if (op === 'id' && args === 'oldSelf') usesOldSelf = true;
    if (op === 'rcall' && Array.isArray(args) && args[0] === 'matches') args[0] = LINEAR_MATCHES;
    if (op === 'comprehension') charge((args as { step: AstNode }).step, () => 1);
    else if (COUNTED.has(op) && !meta.alternate && !meta.macro) charge(node, costOf);
  }
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
