import type { Cause } from '../../../kit/errors.ts';
import * as causes from '../causes.ts';
import { renderPath, type Segment } from '../causes.ts';
import type { Findings } from '../findings.ts';
import { additionalSchema, isObject, type JsonSchema, type ValidationRule } from '../json-schema.ts';
import { mapKeyOf } from '../list-type.ts';
import { typeName } from '../validate.ts';
import { celName, compileConvert } from './convert.ts';
import { Budget, BudgetError, type Expression, ExpressionCompiler } from './rule.ts';

/** Steps that the rules of one object may take together: some hundred milliseconds at worst. */
const MAX_OBJECT_STEPS = 2_000_000;

interface Scope {
  found: Findings;
  budget: Budget;
}

/** `self` and `oldSelf` are the converted values where an outer node has made them. */
type Run = (scope: Scope, value: unknown, old: unknown, self?: unknown, oldSelf?: unknown) => void;

/** What the rules of a part of the schema do. */
interface Visit {
  readonly run: Run;
  /** Whether rules of it look at the former value. If not, a value that is the very same need not be looked at: what is wrong with it may stay. */
  readonly hasTransitions: boolean;
}

/** Compiles the rules of a schema (`resource`: of whole objects); undefined when it has none. Throws an Error that names the field of a bad rule. */
export function compileRules(
  schema: JsonSchema,
  resource = true,
): ((value: unknown, old: unknown, found: Findings) => void) | undefined {
  const visit = compileNode(schema, [], resource);
  if (!visit) return undefined;
  return (value, old, found) => {
    const budget = new Budget(MAX_OBJECT_STEPS);
    try {
      visit.run({ found, budget }, value, old);
    } catch (error) {
      if (!(error instanceof BudgetError)) throw error;
      const detail =
        'validation failed due to running out of cost budget, no further validation rules will be run';
      found.add(causes.invalid(found.field, typeName(value), detail));
      found.path.length = 0;
    }
  };
}

function compileNode(schema: JsonSchema, path: Segment[], root: boolean): Visit | undefined {
  const children = [compileProperties(schema, path), compileItems(schema, path)].filter(v => v !== undefined);
  const declared = schema['x-kubernetes-validations'] ?? [];
  if (declared.length === 0 && children.length === 0) return undefined;
  const compiler = declared.length > 0 ? new ExpressionCompiler(schema, root) : undefined;
  const rules = declared.map((rule, i) =>
    compileRule(compiler as ExpressionCompiler, rule, schema, [...path, `x-kubernetes-validations[${i}]`]),
  );
  const convert = declared.length > 0 ? compileConvert(schema, root) : undefined;
  const hasTransitions =
    rules.some(({ isTransition }) => isTransition) || children.some(child => child.hasTransitions);
  return {
    hasTransitions,
    run(scope, value, old, self, oldSelf) {
      if (value === null || value === undefined || (value === old && !hasTransitions)) return;
      if (convert) {
        self ??= convert(value);
        if (old !== undefined && old !== null) oldSelf ??= convert(old);
        for (const rule of rules) rule.test(scope, value, self, oldSelf);
      }
      for (const child of children) child.run(scope, value, old, self, oldSelf);
    },
  };
}

function compileProperties(schema: JsonSchema, path: Segment[]): Visit | undefined {
  const properties: { key: string; name: string | undefined; visit: Visit }[] = [];
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const visit = compileNode(child, [...path, key], false);
    if (visit) properties.push({ key, name: celName(key), visit });
  }
  const extra = additionalSchema(schema);
  const additional = extra && compileNode(extra, [...path, { key: '*' }], false);
  if (properties.length === 0 && !additional) return undefined;
  const named = new Set(Object.keys(schema.properties ?? {}));
  const hasTransitions =
    properties.some(({ visit }) => visit.hasTransitions) || additional?.hasTransitions === true;
  const run: Run = (scope, value, old, self, oldSelf) => {
    if (!isObject(value)) return;
    const { path: at } = scope.found;
    for (const { key, name, visit } of properties) {
      if (!Object.hasOwn(value, key)) continue;
      at.push(key);
      visit.run(scope, value[key], own(old, key), own(self, name), own(oldSelf, name));
      at.pop();
    }
    if (!additional) return;
    for (const key of Object.keys(value)) {
      if (named.has(key)) continue;
      at.push({ key });
      additional.run(scope, value[key], own(old, key), own(self, key), own(oldSelf, key));
      at.pop();
    }
  };
  return { run, hasTransitions };
}

function own(object: unknown, key: string | undefined): unknown {
  return key !== undefined && isObject(object) && Object.hasOwn(object, key) ? object[key] : undefined;
}

function compileItems(schema: JsonSchema, path: Segment[]): Visit | undefined {
  const visit = schema.items && compileNode(schema.items, [...path, { key: '*' }], false);
  if (!visit) return undefined;
  const keys = schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys'] : undefined;
  const run: Run = (scope, value, old, self, oldSelf) => {
    if (!Array.isArray(value)) return;
    const before =
      keys && Array.isArray(old) ? new Map(old.map((item, i) => [mapKeyOf(item, keys), i])) : undefined;
    const { path: at } = scope.found;
    for (let i = 0; i < value.length; i++) {
      const index = before?.get(mapKeyOf(value[i], keys ?? []));
      const previous = index === undefined ? undefined : (old as unknown[])[index];
      const previousSelf = index !== undefined && Array.isArray(oldSelf) ? oldSelf[index] : undefined;
      at.push(i);
      visit.run(scope, value[i], previous, Array.isArray(self) ? self[i] : undefined, previousSelf);
      at.pop();
    }
  };
  return { run, hasTransitions: visit.hasTransitions };
}

interface RuleTest {
  readonly isTransition: boolean;
  test(scope: Scope, value: unknown, self: unknown, oldSelf: unknown): void;
}

function compileRule(
  compiler: ExpressionCompiler,
  rule: ValidationRule,
  schema: JsonSchema,
  path: Segment[],
): RuleTest {
  const expression = compileAt(compiler, rule.rule, 'bool', rule, [...path, 'rule']);
  const text = rule.messageExpression
    ? compileAt(compiler, rule.messageExpression, 'string', rule, [...path, 'messageExpression'])
    : undefined;
  const fallback = rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;
  const below = rule.fieldPath ? parseFieldPath(rule.fieldPath, schema) : [];
  const transition = expression.usesOldSelf;
  const test: RuleTest['test'] = ({ found, budget }, value, self, oldSelf) => {
    if (transition && oldSelf === undefined && !rule.optionalOldSelf) return;
    const field = () => renderPath([...found.path, ...below]);
    const type = typeName(value);
    try {
      const result = expression.evaluate(self, oldSelf, budget);
      if (result === true) return;
      if (result === false) {
        const message = messageOf(text, fallback, { self, oldSelf, budget });
        found.add(causeOf(rule, field(), type, message), transition);
      } else
        found.add(causes.invalid(field(), type, `rule must evaluate to a boolean: ${rule.rule}`), transition);
    } catch (error) {
      if (error instanceof BudgetError) throw error;
      const summary = (error as { summary?: string }).summary ?? (error as Error).message.split('\n')[0];
      found.add(causes.invalid(field(), type, `${summary} evaluating rule: ${fallback}`), transition);
    }
  };
  return { isTransition: transition, test };
}

function compileAt(
  compiler: ExpressionCompiler,
  text: string,
  type: 'bool' | 'string',
  rule: ValidationRule,
  path: Segment[],
): Expression {
  try {
    return compiler.compile(text, type, rule.optionalOldSelf === true);
  } catch (error) {
    throw new Error(`${renderPath(path)}: ${(error as Error).message}`, { cause: error });
  }
}

/** An expression for the message that fails, or says nothing, gives way to the plain message. */
function messageOf(
  expression: Expression | undefined,
  fallback: string,
  { self, oldSelf, budget }: { self: unknown; oldSelf: unknown; budget: Budget },
): string {
  if (!expression) return fallback;
  try {
    const text = expression.evaluate(self, oldSelf, budget);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n') ? text.trim() : fallback;
  } catch (error) {
    if (error instanceof BudgetError) throw error;
    return fallback;
  }
}

function causeOf(rule: ValidationRule, field: string, type: string, message: string): Cause {
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return causes.forbidden(field, message);
    case 'FieldValueRequired':
      return causes.required(field, message);
    case 'FieldValueDuplicate':
      return { ...causes.duplicate(field, type), message: `Duplicate value: "${type}": ${message}` };
    default:
      return causes.invalid(field, type, message);
  }
}

/** `.spec.a`, `['b']` as segments. Throws an Error when it is malformed or names no field of the schema. */
export function parseFieldPath(text: string, schema: JsonSchema): Segment[] {
  const segments: Segment[] = [];
  let node: JsonSchema | undefined = schema;
  const rest = text
    .trim()
    .replace(/\.([A-Za-z_]\w*)|\['((?:[^'\\]|\\.)*)'\]/gy, (_, dotted?: string, quoted?: string) => {
      const name = dotted ?? (quoted ?? '').replace(/\\(.)/g, '$1');
      const child: JsonSchema | undefined = node?.properties?.[name];
      const extra: JsonSchema | undefined = node && additionalSchema(node);
      if (node && !child && !extra) throw new Error(`fieldPath: does not refer to a valid field: ${text}`);
      segments.push(child ? name : { key: name });
      node = child ?? extra;
      return '';
    });
  if (rest !== '' || segments.length === 0)
    throw new Error(`fieldPath: must be a path like .spec.name or ['a-b']: ${text}`);
  return segments;
}
