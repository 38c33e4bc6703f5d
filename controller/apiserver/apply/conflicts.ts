import { ApiError, type Cause } from '../../kit/errors.ts';
import { type FieldSet, paths, renderFieldPath } from './field-set.ts';
import type { Manager } from './managers.ts';

export interface Conflict {
  manager: Manager;
  fields: FieldSet;
}

/** The refusal of an apply that would change what others own: a cause for each field and manager. */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const found = conflicts
    .flatMap(({ manager, fields }) =>
      [...paths(fields)].map(path => ({ manager: describe(manager), path: renderFieldPath(path) })),
    )
    .sort((a, b) => (a.manager < b.manager ? -1 : a.manager > b.manager ? 1 : 0));
  const causes: Cause[] = found.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field: path,
  }));
  const [only] = found;
  if (only && found.length === 1)
    return refuse(`Apply failed with 1 conflict: conflict with ${only.manager}: ${only.path}`, causes);
  const lines = [...new Set(found.map(f => f.manager))].map(manager => {
    const fields = found.filter(f => f.manager === manager).map(f => `- ${f.path}`);
    return `conflicts with ${manager}:\n${fields.join('\n')}`;
  });
  return refuse(`Apply failed with ${found.length} conflicts: ${lines.join('\n')}`, causes);
}

function refuse(message: string, causes: Cause[]): ApiError {
  return new ApiError('Conflict', message, { causes });
}

function describe(manager: Manager): string {
  const name = JSON.stringify(manager.name);
  const who = manager.subresource ? `${name} with subresource ${JSON.stringify(manager.subresource)}` : name;
  return manager.operation === 'Update' ? `${who} using ${manager.apiVersion}` : who;
}
