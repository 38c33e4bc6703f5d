/** The files of a repository, as far as they are asked for; paths are relative to its root. */
export interface RepositoryFiles {
  has(path: string): boolean;
  /** Undefined when it is not there or no text. */
  read(path: string): string | undefined;
}

/** What one kind of program in a repository asks for. */
export interface Detected {
  reasons: string[];
  image?: string;
  service?: { name: string; command: string; port?: number; env?: Record<string, string> };
  /** Run before services are started. */
  setup?: string[];
}
