import type { Cause } from '../../kit/errors.ts';
import * as causes from './causes.ts';
import { renderPath, type Segment } from './causes.ts';
import { compileRules, parseFieldPath } from './cel/compile-rules.ts';
import { ExpressionCompiler } from './cel/rule.ts';
import { Findings } from './findings.ts';
import type { JsonSchema, ValidationRule } from './json-schema.ts';
import { compilePattern } from './pattern.ts';
import { compilePrune } from './prune.ts';
import { compileValidate } from './validate.ts';

const REASONS = ['FieldValueInvalid', 'FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate'];

/** Every node of a schema with its path; `logic` includes the branches of allOf, anyOf, oneOf and not. */
function* nodes(schema: JsonSchema, path: Segment[], logic: boolean): Generator<[JsonSchema, Segment[]]> {
  yield [schema, path];
  if (schema.items) yield* nodes(schema.items, [...path, 'items'], logic);
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    yield* nodes(child, [...path, 'properties', { key: name }], logic);
  if (typeof schema.additionalProperties === 'object')
    yield* nodes(schema.additionalProperties, [...path, 'additionalProperties'], logic);
  if (!logic) return;
  for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const)
    for (const [i, branch] of (schema[keyword] ?? []).entries())
      yield* nodes(branch, [...path, keyword, i], true);
  if (schema.not) yield* nodes(schema.not, [...path, 'not'], true);
}

/** Checks patterns, then that every default is a value of its own schema. */
export function checkDefaults(schema: JsonSchema, path: Segment[]): Cause[] {
  const found: Cause[] = [];
  for (const [{ pattern }, at] of nodes(schema, path, true)) {
    if (pattern === undefined) continue;
    try {
      compilePattern(pattern);
    } catch (error) {
      const detail = `must be a valid regular expression, but isn't: ${(error as Error).message}`;
      found.push(causes.invalid(renderPath([...at, 'pattern']), pattern, detail));
    }
  }
  if (found.length > 0) return found;
  for (const [node, at] of nodes(schema, path, false))
    if ((node.default ?? null) !== null) found.push(...checkDefault(node, [...at, 'default']));
  return found;
}

function checkDefault(node: JsonSchema, path: Segment[]): Cause[] {
  const field = renderPath(path);
  const copy: unknown = structuredClone(node.default);
  const dropped: string[] = [];
  compilePrune(node)(copy, [], dropped);
  if (dropped.length > 0) return [causes.invalid(field, node.default, 'must not have unknown fields')];
  const findings = new Findings();
  findings.path.push(...path);
  compileValidate(node)(node.default, findings);
  if (findings.list.length === 0) {
    try {
      compileRules(node, false)?.(node.default, undefined, findings);
    } catch {
      // A rule that does not compile is told by checkRules.
    }
  }
  return findings.list.map(finding => finding.cause);
}

/** Checks that every rule is complete and compiles. */
export function checkRules(schema: JsonSchema, path: Segment[]): Cause[] {
  const found: Cause[] = [];
  checkNodeRules(schema, { path, root: true, uncorrelatable: undefined }, found);
  return found;
}

interface Place {
  path: Segment[];
  root: boolean;
  /** The list or map on the way whose items cannot be found again in the old object. */
  uncorrelatable: Segment[] | undefined;
}

function checkNodeRules(schema: JsonSchema, place: Place, found: Cause[]): void {
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length > 0) {
    const compiler = new ExpressionCompiler(schema, place.root);
    rules.forEach((rule, i) => {
      checkRule(
        rule,
        schema,
        { ...place, path: [...place.path, 'x-kubernetes-validations', i] },
        { compiler, found },
      );
    });
  }
  const { path } = place;
  const down = (child: JsonSchema, below: Segment[], broken: boolean) => {
    const uncorrelatable = place.uncorrelatable ?? (broken ? path : undefined);
    checkNodeRules(child, { path: [...path, ...below], root: false, uncorrelatable }, found);
  };
  const atomic = schema['x-kubernetes-map-type'] === 'atomic';
  if (schema.items) down(schema.items, ['items'], schema['x-kubernetes-list-type'] !== 'map');
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    down(child, ['properties', { key: name }], atomic);
  if (typeof schema.additionalProperties === 'object')
    down(schema.additionalProperties, ['additionalProperties'], atomic);
}

interface Tools {
  compiler: ExpressionCompiler;
  found: Cause[];
}

function checkRule(rule: ValidationRule, schema: JsonSchema, place: Place, { compiler, found }: Tools): void {
  const at = (name: string) => renderPath([...place.path, name]);
  const { message, messageExpression, reason, fieldPath } = rule;
  if (!rule.rule?.trim()) {
    found.push(causes.required(at('rule'), 'rule is not specified'));
    return;
  }
  if (message && message.trim() === '')
    found.push(causes.invalid(at('message'), message, 'must be non-empty if specified'));
  else if (message?.trim().includes('\n'))
    found.push(causes.invalid(at('message'), message, 'must not contain line breaks'));
  else if (!message && rule.rule.trim().includes('\n'))
    found.push(causes.required(at('message'), 'message must be specified if rule contains line breaks'));
  if (reason && !REASONS.includes(reason)) found.push(causes.notSupported(at('reason'), reason, REASONS));
  const attempt = (name: string, value: string, test: () => void) => {
    try {
      test();
    } catch (error) {
      found.push(causes.invalid(at(name), value, (error as Error).message));
    }
  };
  if (fieldPath) attempt('fieldPath', fieldPath, () => parseFieldPath(fieldPath, schema));
  const optional = rule.optionalOldSelf === true;
  if (messageExpression)
    attempt('messageExpression', messageExpression, () => {
      compiler.compile(messageExpression, 'string', optional);
    });
  attempt('rule', rule.rule, () => {
    const { usesOldSelf } = compiler.compile(rule.rule, 'bool', optional);
    if (usesOldSelf && !optional && place.uncorrelatable)
      throw new Error(
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${renderPath(place.uncorrelatable)}`,
      );
    if (optional && !usesOldSelf)
      throw new Error('optionalOldSelf may not be set if oldSelf is not used in rule');
  });
}
