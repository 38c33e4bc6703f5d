import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

const ROOT = join(import.meta.dirname, '../..');
const PARTS = [
  'agent',
  'cli',
  'controller',
  'crds',
  'manifests',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

/** A copy of the sources that may be edited, with this checkout's node_modules; removed with the test. */
export function copyCheckout(t: Test): string {
  const copy = mkdtempSync(join(tmpdir(), 'nexus-checkout-'));
  t.teardown(() => rmSync(copy, { recursive: true, force: true }));
  for (const part of PARTS) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
