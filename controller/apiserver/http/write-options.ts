import type { Cause } from '../../kit/errors.ts';
import { badRequest, invalidOptions } from '../refusals.ts';
import { invalid, notSupported, required, tooLong } from '../schema/causes.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** Query parameters of a create, update or patch. */
export interface WriteOptions {
  readonly dryRun: boolean;
  /** Who the written fields belong to. */
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Server-side apply: take fields over from other managers. */
  readonly force: boolean;
}

const MAX_MANAGER_CHARS = 128;
const VALIDATIONS: readonly string[] = ['Ignore', 'Warn', 'Strict'];

/** `kind` is that of the options, for messages: CreateOptions, UpdateOptions, PatchOptions. Throws Invalid. */
export function parseWriteOptions(
  query: URLSearchParams,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  request: { userAgent: string | undefined; apply?: boolean },
): WriteOptions {
  const causes: Cause[] = [];
  const dryRun = parseDryRun(query.getAll('dryRun'), causes);
  const validation = query.get('fieldValidation') || 'Warn';
  if (!VALIDATIONS.includes(validation))
    causes.push(notSupported('fieldValidation', validation, VALIDATIONS));
  const manager = query.get('fieldManager') ?? '';
  if (manager.length > MAX_MANAGER_CHARS) causes.push(tooLong('fieldManager', MAX_MANAGER_CHARS));
  if (!isPrintable(manager))
    causes.push(invalid('fieldManager', manager, 'should only contain printable characters'));
  const force = kind === 'PatchOptions' && parseBoolean(query.get('force'), 'force');
  if (request.apply && manager === '') causes.push(required('fieldManager', 'is required for apply patch'));
  if (!request.apply && force)
    causes.push({
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not be specified for non-apply patch',
      field: 'force',
    });
  if (causes.length > 0) throw invalidOptions(kind, causes);
  return {
    dryRun,
    fieldManager: manager || managerOf(request.userAgent),
    fieldValidation: validation as FieldValidation,
    force,
  };
}

/** The only value is `All`; anything else adds a cause. */
export function parseDryRun(values: readonly string[], causes: Cause[]): boolean {
  for (const value of values) if (value !== 'All') causes.push(notSupported('dryRun', values, ['All']));
  return values.length > 0;
}

/** Throws BadRequest for what is neither. */
export function parseBoolean(text: string | null, name: string): boolean {
  if (text === null || text === '' || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1') return true;
  throw badRequest(`the parameter ${name} must be true or false, not ${JSON.stringify(text)}`);
}

/** `kubectl` of `kubectl/v1.32 (linux/amd64)`. */
function managerOf(userAgent: string | undefined): string {
  const name = (userAgent ?? '').split('/', 1)[0]!.slice(0, MAX_MANAGER_CHARS);
  return name !== '' && isPrintable(name) ? name : 'unknown';
}

const isPrintable = (text: string): boolean => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text);
