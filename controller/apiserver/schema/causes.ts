import type { Cause } from '../../kit/errors.ts';

/** A field name, a list index, or (in brackets when written) a key of a map. */
export type Segment = string | number | { readonly key: string };

export const FIELD_REASONS = {
  required: 'FieldValueRequired',
  invalid: 'FieldValueInvalid',
  typeInvalid: 'FieldValueTypeInvalid',
  notSupported: 'FieldValueNotSupported',
  duplicate: 'FieldValueDuplicate',
  tooLong: 'FieldValueTooLong',
  tooMany: 'FieldValueTooMany',
  forbidden: 'FieldValueForbidden',
} as const;

/** Values longer than this are cut in messages. */
const MAX_VALUE_CHARS = 256;

/** `spec.services[0].name`; `<nil>` for the object itself, as Kubernetes writes it. */
export function renderPath(path: readonly Segment[]): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (typeof segment === 'object') text += `[${segment.key}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return text === '' ? '<nil>' : text;
}

/** A value as Kubernetes shows it in a message. */
export function renderValue(value: unknown): string {
  const text = JSON.stringify(value) ?? '""';
  return text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}…` : text;
}

export function required(field: string, detail = ''): Cause {
  return {
    reason: FIELD_REASONS.required,
    message: detail ? `Required value: ${detail}` : 'Required value',
    field,
  };
}

export function invalid(field: string, value: unknown, detail: string): Cause {
  return {
    reason: FIELD_REASONS.invalid,
    message: `Invalid value: ${renderValue(value)}: ${detail}`,
    field,
  };
}

export function typeInvalid(field: string, value: unknown, detail: string): Cause {
  return { ...invalid(field, value, detail), reason: FIELD_REASONS.typeInvalid };
}

export function notSupported(field: string, value: unknown, supported: readonly unknown[]): Cause {
  const list = supported.map(v => JSON.stringify(v)).join(', ');
  return {
    reason: FIELD_REASONS.notSupported,
    message: `Unsupported value: ${renderValue(value)}: supported values: ${list}`,
    field,
  };
}

export function duplicate(field: string, value: unknown): Cause {
  return { reason: FIELD_REASONS.duplicate, message: `Duplicate value: ${renderValue(value)}`, field };
}

/** `max` in bytes, as Kubernetes says even where it counts characters. */
export function tooLong(field: string, max: number): Cause {
  return {
    reason: FIELD_REASONS.tooLong,
    message: `Too long: may not be more than ${max} bytes`,
    field,
  };
}

export function tooMany(field: string, actual: number, max: number): Cause {
  return {
    reason: FIELD_REASONS.tooMany,
    message: `Too many: ${actual}: must have at most ${max} items`,
    field,
  };
}

export function forbidden(field: string, detail: string): Cause {
  return { reason: FIELD_REASONS.forbidden, message: `Forbidden: ${detail}`, field };
}
