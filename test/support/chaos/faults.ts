import type { ChaosNode } from './chaos-node.ts';
import type { ControllerProcess } from './controller-process.ts';
import type { Cut } from './machine.ts';
import type { Session } from './session.ts';

/** A way in which a fleet is harmed for some time. */
export interface Fault {
  name: string;
  /** What it harms; it takes one fault at a time. */
  what: string;
  /** Absent: the controller. */
  node?: string;
  /** Harms it; the result mends it. */
  begin(): Promise<() => Promise<void>>;
  /** At most, in milliseconds; drawn evenly, unless it is `long`. */
  lastsMs: number;
  /** Sessions that it may break; `mayMove`: that of a workspace that is fenced. */
  breaks(session: Session, mayMove: boolean): boolean;
}

export interface Wire {
  /** By the node's address. */
  delays: Map<string, number>;
}

/** What a fault of the controller harms. */
export const CONTROLLER = 'the controller';

const DELAY_MS = 200;
/** Each way. */
const LOSS = 0.1;

/** All that can happen to a node, and to the controller. */
export function faultsOf(nodes: ChaosNode[], controller: ControllerProcess, wire: Wire): Fault[] {
  return [...nodes.flatMap(node => faultsOfNode(node, wire)), controllerKilled(controller)];
}

function faultsOfNode(node: ChaosNode, { delays }: Wire): Fault[] {
  const { name, machine } = node;
  const isHere = (session: Session) => session.node === name;
  /** Long enough, at times, that what may be moved is. */
  const cut = (how: Cut): Fault => ({
    name: `partition ${how === 'both' ? 'both ways' : `${how} the controller`}`,
    what: `${name}'s wire`,
    node: name,
    begin: () => machine.cut(how),
    lastsMs: 60_000,
    breaks: (session, mayMove) => isHere(session) && (session.way === 'gateway' || mayMove),
  });
  return [
    cut('towards'),
    cut('from'),
    cut('both'),
    {
      name: 'packets lost and late',
      what: `${name}'s wire`,
      node: name,
      begin: async () => {
        const mend = await machine.lose(LOSS);
        delays.set(machine.address, DELAY_MS);
        return async () => {
          delays.delete(machine.address);
          await mend();
        };
      },
      lastsMs: 20_000,
      // A heartbeat may be late by more than the fence time.
      breaks: (session, mayMove) => isHere(session) && mayMove,
    },
    {
      name: 'agent killed',
      what: name,
      node: name,
      begin: async () => {
        await node.killAgent();
        return () => node.startAgent();
      },
      lastsMs: 8_000,
      breaks: (session, mayMove) => isHere(session) && (session.way === 'gateway' || mayMove),
    },
    {
      name: 'reboot',
      what: name,
      node: name,
      begin: async () => {
        await node.powerOff();
        return async () => {
          await node.powerOn();
          await node.startAgent();
        };
      },
      lastsMs: 5_000,
      breaks: isHere,
    },
  ];
}

function controllerKilled(controller: ControllerProcess): Fault {
  return {
    name: 'controller killed',
    what: CONTROLLER,
    begin: async () => {
      await controller.kill();
      return () => controller.start();
    },
    lastsMs: 8_000,
    breaks: (session, mayMove) => session.way === 'gateway' || mayMove,
  };
}
