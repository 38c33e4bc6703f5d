import type { Cause } from '../../kit/errors.ts';
import { renderPath, type Segment } from './causes.ts';

/** What is wrong, and with the value at which path. */
export interface Finding {
  cause: Cause;
  /** Path of the value that was tested, for telling whether it has changed. */
  at: Segment[];
  /** A rule about the change itself, which is wrong even when the value did not change. */
  transition?: boolean;
}

/** More would drown a person, and cost memory. */
export const MAX_FINDINGS = 100;

export class Findings {
  list: Finding[] = [];
  readonly path: Segment[] = [];

  add(cause: Cause, transition = false): void {
    this.keep({ cause, at: this.path.slice(), transition });
  }
  keep(finding: Finding): void {
    if (!this.full) this.list.push(finding);
  }
  /** Nothing more is kept: looking further is work for nothing. */
  get full(): boolean {
    return this.list.length >= MAX_FINDINGS;
  }
  get field(): string {
    return renderPath(this.path);
  }
  /** Runs `test` and returns what it found, without keeping it. */
  capture(test: () => void): Finding[] {
    const outer = this.list;
    this.list = [];
    test();
    const inner = this.list;
    this.list = outer;
    return inner;
  }
}

export type Validate = (value: unknown, found: Findings) => void;
