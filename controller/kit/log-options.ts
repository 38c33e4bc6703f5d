import type { OptionTable } from './options.ts';

/** How a process logs: the same for server and agent. */
export const LOG_OPTIONS = {
  logLevel: {
    type: 'string',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    env: 'NEXUS_LOG_LEVEL',
    help: 'Least level that is logged',
  },
  logFormat: {
    type: 'string',
    default: 'json',
    choices: ['json', 'pretty'],
    env: 'NEXUS_LOG_FORMAT',
    help: 'Lines of JSON, or lines for people, as they are written on a terminal',
  },
} as const satisfies OptionTable;
