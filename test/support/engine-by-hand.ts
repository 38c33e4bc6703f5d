import type { Test } from 'tap';
import type { DriverName, Limits } from '../../agent/driver.ts';

/** An engine as people handle it, behind the back of the agent. Ids are those of the driver. */
export interface EngineByHand {
  readonly driver: DriverName;
  /** Flags of `nexus up`. */
  readonly args: string[];
  /** Reference of the image of tests that has everything in it. */
  image(): Promise<string>;
  /** The same with a file more, under a name that has `word` in it; gone with the test. */
  imageWith(t: Test, word: string, file: { path: string; content: string }): Promise<string>;
  /** Undefined when it is not there. */
  look(id: string): Promise<Look | undefined>;
  /** A command as root in a running instance. */
  root(id: string, command: string): Promise<string>;
  /** In a running instance. */
  unmountHome(id: string): Promise<void>;
  stop(id: string): Promise<void>;
  kill(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Removes it and makes another one under its name and labels, without its volume. */
  replace(id: string): Promise<void>;
  hasVolume(name: string): Promise<boolean>;
  removeVolume(name: string): Promise<void>;
  removeNetwork(node: string): Promise<void>;
  /** What bears the node's label, by name. */
  instances(node: string): Promise<string[]>;
  volumes(node: string): Promise<string[]>;
  /** Whether the files of an instance, its volume left out, have a text in them. */
  filesContain(id: string, text: string): Promise<boolean>;
  /** Notes what is done to the node's things, looks inside left out, until `end` tells it. */
  follow(node: string): Promise<{ end(): Promise<string[]> }>;
  /** Removes all that bears the node's label. */
  clear(node: string): Promise<void>;
}

export interface Look {
  name: string;
  isRunning: boolean;
  startedAt: string;
  /** Of its first process, on this machine. */
  pid: number;
  address: string;
  gateway: string;
  /** What is mounted as home; `folder` is its place on this machine. */
  volume?: { name: string; folder: string };
  limits: Limits;
  /** Everything that the engine tells. */
  text: string;
}
