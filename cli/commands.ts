import type { LoadCommand } from './command.ts';

/** In the order of the help. */
export const COMMANDS: Record<string, LoadCommand> = {
  up: async () => (await import('./commands/up.ts')).up,
  apply: async () => (await import('./commands/apply.ts')).apply,
  get: async () => (await import('./commands/get.ts')).get,
  describe: async () => (await import('./commands/describe.ts')).describe,
  delete: async () => (await import('./commands/delete.ts')).remove,
  edit: async () => (await import('./commands/edit.ts')).edit,
  diff: async () => (await import('./commands/diff.ts')).diff,
  wait: async () => (await import('./commands/wait.ts')).wait,
  explain: async () => (await import('./commands/explain.ts')).explain,
  events: async () => (await import('./commands/events.ts')).events,
  workspace: async () => (await import('./commands/workspace.ts')).workspace,
  start: async () => (await import('./commands/power.ts')).start,
  stop: async () => (await import('./commands/power.ts')).stop,
  restart: async () => (await import('./commands/power.ts')).restart,
  ssh: async () => (await import('./commands/ssh.ts')).ssh,
  exec: async () => (await import('./commands/exec.ts')).exec,
  logs: async () => (await import('./commands/logs.ts')).logs,
  cp: async () => (await import('./commands/cp.ts')).cp,
  'port-forward': async () => (await import('./commands/port-forward.ts')).portForward,
  'ssh-config': async () => (await import('./commands/ssh-config.ts')).sshConfig,
  auth: async () => (await import('./commands/auth.ts')).auth,
  editor: async () => (await import('./commands/editor.ts')).editor,
  node: async () => (await import('./commands/node.ts')).node,
  backup: async () => (await import('./commands/backup.ts')).backup,
  restore: async () => (await import('./commands/backup.ts')).restore,
  config: async () => (await import('./commands/config.ts')).config,
  init: async () => (await import('./commands/init.ts')).init,
  schema: async () => (await import('./commands/schema.ts')).schema,
  image: async () => (await import('./commands/image.ts')).image,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  controller: async () => (await import('./commands/controller.ts')).controller,
  agent: async () => (await import('./commands/agent.ts')).agent,
  version: async () => (await import('./commands/version.ts')).version,
};

/** Short names of commands. */
export const ALIASES: Record<string, string> = { ws: 'workspace' };
