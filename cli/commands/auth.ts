import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';

export const auth: Command = {
  usage: 'auth',
  describe: 'Your account on GitHub: github, status, logout',
  examples: [['nexus auth github', 'log in, or use the login that gh has']],
  verbs: {
    github: async () => (await import('../auth/github.ts')).github,
    status: async () => (await import('../auth/status.ts')).status,
    logout: async () => (await import('../auth/logout.ts')).logout,
  },
  build: yargs => yargs,
  run: async () => EXIT.usage,
};
