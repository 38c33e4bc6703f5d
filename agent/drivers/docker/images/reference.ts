import { DriverError } from '../../../driver.ts';

const HOST = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?';
const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const NAME = `(?:${HOST}/)?${PART}(?:/${PART})*`;
const REFERENCE = new RegExp(`^${NAME}(?::[\\w][\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`);
const CONTENT_ID = /^(?:sha256:)?[0-9a-f]{64}$/;
const MAX_LENGTH = 512;

/** Throws Invalid unless it is a reference in the engines' grammar: it becomes part of a path of their API. */
export function checkReference(reference: string): void {
  if (reference.length <= MAX_LENGTH && (REFERENCE.test(reference) || CONTENT_ID.test(reference))) return;
  throw new DriverError(
    'Invalid',
    `${JSON.stringify(reference.slice(0, 80))} is no image reference; write it as in debian:12 or registry.example.com/team/image:tag`,
  );
}

/** With a tag: without one, an engine would fetch all there are. */
export function withTag(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  return /[:@]/.test(name) ? reference : `${reference}:latest`;
}

/** A content id is known to an engine or it is not: no registry is asked. */
export function isContentId(reference: string): boolean {
  return CONTENT_ID.test(reference);
}
