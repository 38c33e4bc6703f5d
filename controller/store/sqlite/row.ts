import { crc32 } from 'node:zlib';

/** A row of the log as it crosses the thread boundary. */
export type Row = [
  revision: number,
  key: string,
  created: number,
  deleted: number,
  createRevision: number,
  prevRevision: number,
  value: string,
];

/** Finds bytes that changed on disk within a page, which SQLite does not check. */
export function rowChecksum(row: Row): number {
  const [revision, key, created, deleted, createRevision, prevRevision, value] = row;
  const head = crc32(`${revision} ${created} ${deleted} ${createRevision} ${prevRevision} ${key}\n`);
  return crc32(value, head);
}
