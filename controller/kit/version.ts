import { programVersion } from './program.ts';

/** Of this program, from package.json. */
export const VERSION: string = programVersion().version;
