import type { Cause } from '../../kit/errors.ts';
import { OBJECT_META_SCHEMA } from '../builtin/object-meta.ts';
import { FIELD_REASONS } from './causes.ts';
import { compileRules } from './cel/compile-rules.ts';
import { compileDefault } from './defaults.ts';
import { Findings, type Validate } from './findings.ts';
import { isObject, type JsonSchema } from './json-schema.ts';
import { compilePrune } from './prune.ts';
import { isUnchanged } from './ratchet.ts';
import { compileValidate } from './validate.ts';

export { checkStructural } from './structural.ts';

/** A schema of whole objects, made ready for use. All methods are synchronous and keep nothing. */
export interface CompiledSchema {
  /** Drops unknown fields in place. Returns their paths, as `spec.services[0].foo`. */
  prune(object: object): string[];
  /** Fills in defaults in place. Drops nulls of fields that are not nullable and have no default, and empty lists and maps of metadata. */
  default(object: object): void;
  /**
   * What is wrong with the object, in Kubernetes' words; empty when nothing is. With `old`, rules about changes are
   * tested too, and values that did not change may stay though they are wrong.
   */
  validate(object: object, old?: object): Cause[];
}

const METADATA = new Set(['metadata']);
/** What makes it pointless to run rules: they would fail for the same cause. */
const BLOCKING = new Set<string | undefined>([
  FIELD_REASONS.notSupported,
  FIELD_REASONS.required,
  FIELD_REASONS.tooLong,
  FIELD_REASONS.tooMany,
  FIELD_REASONS.typeInvalid,
]);

const TYPE_META_SCHEMA: JsonSchema = {
  type: 'object',
  properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: OBJECT_META_SCHEMA },
};
const pruneMetadata = compilePrune(OBJECT_META_SCHEMA);
const defaultMetadata = compileDefault(OBJECT_META_SCHEMA, { typed: true });
const validateTypeMeta = compileValidate(TYPE_META_SCHEMA);

/**
 * Compiles the schema of a kind. Costs milliseconds: once a kind, not once a request.
 * `typed`: of a built-in kind, whose objects Kubernetes reads into a type of its own.
 * Throws an Error when a pattern or a rule does not compile, which `checkStructural` tells beforehand.
 */
export function compileSchema(openAPIV3Schema: JsonSchema, { typed = false } = {}): CompiledSchema {
  const prune = compilePrune(openAPIV3Schema, pruneMetadata);
  const fill = compileDefault(openAPIV3Schema, { skip: METADATA, typed });
  const validate = compileValidate(openAPIV3Schema);
  const rules = compileRules(openAPIV3Schema);
  return {
    prune(object) {
      const dropped: string[] = [];
      prune(object, [], dropped);
      return dropped;
    },
    default(object) {
      fill(object);
      if ('metadata' in object) defaultMetadata(object.metadata);
    },
    validate(object, old) {
      const found = new Findings();
      validateOnce(validateTypeMeta, object, found);
      validateOnce(validate, object, found);
      if (rules) {
        if (!found.list.some(finding => BLOCKING.has(finding.cause.reason))) rules(object, old, found);
        else found.add(NOT_CHECKED);
      }
      if (found.list.length === 0) return [];
      const left =
        old && isObject(old)
          ? found.list.filter(f => f.cause === NOT_CHECKED || !isUnchanged(f, openAPIV3Schema, object, old))
          : found.list;
      if (left.every(finding => finding.cause === NOT_CHECKED)) return [];
      return left.map(finding => finding.cause);
    },
  };
}

const NOT_CHECKED: Cause = {
  reason: FIELD_REASONS.invalid,
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  field: '<nil>',
};

/** The kind's own schema may say of metadata what the common one has said already. */
function validateOnce(validate: Validate, object: object, found: Findings): void {
  const fresh = found.capture(() => validate(object, found));
  for (const finding of fresh)
    if (
      !found.list.some(
        f => f.cause.field === finding.cause.field && f.cause.message === finding.cause.message,
      )
    )
      found.keep(finding);
}
