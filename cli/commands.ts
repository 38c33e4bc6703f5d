import type { LoadCommand } from './command.ts';

/** In the order of the help. */
export const COMMAND_GROUPS: Record<string, Record<string, LoadCommand>> = {
  Workspaces: {
    workspace: async () => (await import('./commands/workspace.ts')).workspace,
    ssh: async () => (await import('./commands/ssh.ts')).ssh,
    exec: async () => (await import('./commands/exec.ts')).exec,
    logs: async () => (await import('./commands/logs.ts')).logs,
    cp: async () => (await import('./commands/cp.ts')).cp,
    'port-forward': async () => (await import('./commands/port-forward.ts')).portForward,
    start: async () => (await import('./commands/power.ts')).start,
    stop: async () => (await import('./commands/power.ts')).stop,
    restart: async () => (await import('./commands/power.ts')).restart,
    'ssh-config': async () => (await import('./commands/ssh-config.ts')).sshConfig,
    editor: async () => (await import('./commands/editor.ts')).editor,
  },
  'Objects, as declared': {
    apply: async () => (await import('./commands/apply.ts')).apply,
    get: async () => (await import('./commands/get.ts')).get,
    describe: async () => (await import('./commands/describe.ts')).describe,
    delete: async () => (await import('./commands/delete.ts')).remove,
    edit: async () => (await import('./commands/edit.ts')).edit,
    diff: async () => (await import('./commands/diff.ts')).diff,
    wait: async () => (await import('./commands/wait.ts')).wait,
    explain: async () => (await import('./commands/explain.ts')).explain,
    events: async () => (await import('./commands/events.ts')).events,
  },
  'You and your repositories': {
    login: async () => (await import('./commands/login.ts')).login,
    logout: async () => (await import('./commands/login.ts')).logout,
    whoami: async () => (await import('./commands/whoami.ts')).whoami,
    auth: async () => (await import('./commands/auth.ts')).auth,
    init: async () => (await import('./commands/init.ts')).init,
    schema: async () => (await import('./commands/schema.ts')).schema,
    config: async () => (await import('./commands/config.ts')).config,
  },
  'Server and nodes': {
    up: async () => (await import('./commands/up.ts')).up,
    controller: async () => (await import('./commands/controller.ts')).controller,
    agent: async () => (await import('./commands/agent.ts')).agent,
    node: async () => (await import('./commands/node.ts')).node,
    user: async () => (await import('./commands/user.ts')).user,
    gateway: async () => (await import('./commands/gateway.ts')).gateway,
    backup: async () => (await import('./commands/backup.ts')).backup,
    restore: async () => (await import('./commands/backup.ts')).restore,
    image: async () => (await import('./commands/image.ts')).image,
  },
  'This program': {
    doctor: async () => (await import('./commands/doctor.ts')).doctor,
    completion: async () => (await import('./commands/completion.ts')).completion,
    version: async () => (await import('./commands/version.ts')).version,
  },
};

/** Commands that programs call: not in the help. */
const UNLISTED: Record<string, LoadCommand> = {
  'login-token': async () => (await import('./commands/login.ts')).loginTokenCommand,
};

export const COMMANDS: Record<string, LoadCommand> = Object.assign(
  {},
  ...Object.values(COMMAND_GROUPS),
  UNLISTED,
);

/** Short names of commands. */
export const ALIASES: Record<string, string> = { ws: 'workspace' };
