import type { Options } from 'yargs';
import { PROVIDERS } from '../../../controller/repo-config/repo-config.ts';
import type { Flags } from '../../command.ts';
import { type WaitFlags, waitOptions } from '../../wait/options.ts';

export const CREATE_OPTIONS = {
  name: { type: 'string', describe: "Name of the workspace [the configuration's, else the repository's]" },
  branch: {
    alias: 'b',
    type: 'string',
    describe: 'Branch, tag or commit [the default branch; of . its own]',
  },
  from: { type: 'string', describe: 'Configuration to use in place of .nexus/config.yaml of the repository' },
  'follow-config': {
    type: 'boolean',
    default: false,
    describe: 'Carry out later changes of .nexus/config.yaml by themselves, over what flags said',
  },
  provider: { type: 'string', choices: PROVIDERS, describe: 'What runs it [what the node offers]' },
  image: { type: 'string', describe: 'Image of the container' },
  cpu: { type: 'string', describe: 'Processor cores: 2, 0.5' },
  memory: { type: 'string', describe: 'Memory: 4GB, 512Mi' },
  env: {
    alias: 'e',
    type: 'string',
    array: true,
    nargs: 1,
    default: [],
    describe: 'NAME=VALUE; NAME alone: as it is here',
  },
  set: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [],
    describe: 'PATH=VALUE of any field: services.web.port=4000, resources.disk=20Gi',
  },
  clone: { type: 'string', describe: 'Clone it to this folder here, too' },
  fork: {
    type: 'boolean',
    default: true,
    describe: 'Fork what you may not write on GitHub (--no-fork: clone it as it is)',
  },
  'credentials-secret': {
    type: 'string',
    describe: 'Secret with the login of a private repository (username and password, or ssh-privatekey)',
  },
  'dry-run': { type: 'boolean', default: false, describe: 'Make nothing; with -o yaml: print the Workspace' },
  output: { alias: 'o', type: 'string', describe: 'yaml, json or name: print the Workspace' },
  ...waitOptions('it is ready', '10m'),
} as const satisfies Record<string, Options>;

export interface CreateFlags extends Flags, WaitFlags {
  repo: string;
  name?: string;
  branch?: string;
  from?: string;
  followConfig: boolean;
  provider?: string;
  image?: string;
  cpu?: string;
  memory?: string;
  env: string[];
  set: string[];
  clone?: string;
  fork: boolean;
  credentialsSecret?: string;
  dryRun: boolean;
  output?: string;
}
