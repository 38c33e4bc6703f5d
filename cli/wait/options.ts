export interface WaitFlags {
  wait: boolean;
  timeout: string;
}

/** Options of a command that waits, unless told otherwise, until `what`. */
export const waitOptions = (what: string, timeout = '5m') =>
  ({
    wait: { type: 'boolean', default: true, describe: `Wait until ${what} (--no-wait: do not)` },
    timeout: { type: 'string', default: timeout, describe: 'How long to wait' },
  }) as const;
