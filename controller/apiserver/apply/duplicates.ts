import { ApiError, type Cause } from '../../kit/errors.ts';
import { duplicate, renderPath, type Segment } from '../schema/causes.ts';
import { isObject } from '../schema/json-schema.ts';
import { fieldType, itemElement, type MergeType } from './merge-type.ts';

/** Throws ApiError Invalid when an applied list of type set or map holds an item twice: merging would hide it. */
export function refuseDuplicates(applied: unknown, type: MergeType): void {
  const causes: Cause[] = [];
  visit(applied, type, [], causes);
  if (causes.length > 0)
    throw new ApiError(
      'Invalid',
      `the applied configuration is invalid: ${causes.map(c => `${c.field}: ${c.message}`).join(', ')}`,
      { causes },
    );
}

function visit(value: unknown, type: MergeType, path: Segment[], causes: Cause[]): void {
  if (isObject(value)) {
    for (const key of Object.keys(value)) {
      path.push(key);
      visit(value[key], fieldType(type.map, key), path, causes);
      path.pop();
    }
    return;
  }
  if (!Array.isArray(value) || type.list.relation === 'atomic') return;
  const seen = new Set<string>();
  value.forEach((item, i) => {
    path.push(i);
    const element = itemElement(type.list, item);
    if (element !== undefined && seen.has(element))
      causes.push(duplicate(renderPath(path), JSON.parse(element.slice(2))));
    else if (element !== undefined) seen.add(element);
    visit(item, type.list.item, path, causes);
    path.pop();
  });
}
