import type { KubeObject } from '../../../crds/object.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import type { Column } from './column.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRow {
  readonly object: KubeObject;
  /** The object as JSON, as this request sees it. */
  readonly json: string;
}

export interface TableOptions {
  readonly columns: readonly Column[];
  readonly includeObject: IncludeObject;
  /** As JSON: the list's or the single object's. */
  readonly metadata: string;
  readonly now: Milliseconds;
  /** false: `columnDefinitions` is null, as in later events of a watch. Defaults to true. */
  readonly withColumns?: boolean;
}

/** Objects as a meta.k8s.io/v1 Table, in JSON. */
export function renderTable(rows: readonly TableRow[], options: TableOptions): string {
  const { columns, metadata, includeObject, now } = options;
  const definitions =
    options.withColumns === false ? 'null' : JSON.stringify(columns.map(({ definition }) => definition));
  const rendered = rows.map(row => renderRow(row, columns, includeObject, now)).join(',');
  return `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":${metadata},"columnDefinitions":${definitions},"rows":[${rendered}]}`;
}

function renderRow(
  { object, json }: TableRow,
  columns: readonly Column[],
  includeObject: IncludeObject,
  now: Milliseconds,
): string {
  const cells = JSON.stringify(columns.map(column => column.cell(object, now) ?? null));
  if (includeObject === 'None') return `{"cells":${cells}}`;
  const shown = includeObject === 'Object' ? json : renderPartial(object);
  return `{"cells":${cells},"object":${shown}}`;
}

/** An object's metadata alone, as a meta.k8s.io/v1 PartialObjectMetadata, in JSON. */
export function renderPartial(object: KubeObject): string {
  return `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":${JSON.stringify(object.metadata)}}`;
}
