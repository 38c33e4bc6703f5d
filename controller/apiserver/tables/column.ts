import type { KubeObject } from '../../../crds/object.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { compileJsonPath } from '../../kit/jsonpath.ts';
import { ageOf } from './age.ts';

/** As in meta.k8s.io/v1 TableColumnDefinition. */
export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, higher ones with `-o wide`. */
  readonly priority: number;
}

export interface Column {
  readonly definition: ColumnDefinition;
  /** The cell as JSON: string, number, boolean or null. */
  cell(object: KubeObject, now: Milliseconds): unknown;
}

/** As in a CRD's `additionalPrinterColumns`. */
export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

export function column(
  name: string,
  cell: Column['cell'],
  options: Partial<Omit<ColumnDefinition, 'name'>> = {},
): Column {
  const { type = 'string', format = '', description = '', priority = 0 } = options;
  return { definition: { name, type, format, description, priority }, cell };
}

export const NAME_COLUMN = column('Name', object => object.metadata.name, {
  format: 'name',
  description: 'Name must be unique within a namespace.',
});

export const AGE_COLUMN = column('Age', (object, now) => ageOf(object.metadata.creationTimestamp, now), {
  description: 'Time since the object was created.',
});

/** Name and the columns a CRD declares; with none, its age. Throws Error for a JSONPath that is not understood. */
export function printerColumns(declared: readonly PrinterColumn[] | undefined): Column[] {
  if (!declared?.length)
    return [
      NAME_COLUMN,
      { ...AGE_COLUMN, definition: { ...AGE_COLUMN.definition, type: 'date', format: '' } },
    ];
  return [NAME_COLUMN, ...declared.map(printerColumn)];
}

function printerColumn(declared: PrinterColumn): Column {
  const path = compileJsonPath(declared.jsonPath);
  const { name, type, format = '', description = '', priority = 0 } = declared;
  return column(name, (object, now) => cellOf(type, path(object)[0], now), {
    type,
    format,
    description:
      description || `Custom resource definition column (in JSONPath format): ${declared.jsonPath}`,
    priority,
  });
}

/** As Kubernetes does: the first thing found, null when there is nothing or it is of another type. */
function cellOf(type: string, value: unknown, now: Milliseconds): unknown {
  if (type === 'date') return ageOf(value, now);
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}
