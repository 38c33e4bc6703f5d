import type { Milliseconds } from '../../kit/clock.ts';

/** What somebody logged in with: `github:4711`, the number of the account, or `ssh:SHA256:…`, the key. */
export type LoginProof = `github:${number}` | `ssh:${string}`;

/** Short-lived tokens of people, behind the API server that takes them. */
export interface Sessions {
  /** Certificate of the authority that clients check the server with, PEM. */
  readonly authority: string;
  create(
    user: { name: string; uid: string },
    proof: LoginProof,
  ): Promise<{ token: string; expires: Milliseconds }>;
  /** Whether it was one that is taken. */
  revoke(token: string): Promise<boolean>;
}
