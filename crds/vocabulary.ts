/** Every condition type and reason that Nexus writes. Docs and tests read this list; nothing else may be written. */

export const CONDITIONS = {
  Scheduled: 'A node was found.',
  ImageReady: 'The image is on the node.',
  ContainerReady: 'The container is as declared.',
  RepositoryReady: 'The repository was cloned.',
  SSHReady: 'The SSH server answers with the published host key.',
  ServicesReady: 'Every service runs and is healthy.',
  PortsReady: 'Every declared port is open on the node.',
  ConfigDrift:
    'The spec is not as `.nexus/config.yaml` in the working tree says. False is good. There while the repository has that file.',
  Ready: 'Everything above holds.',
  Drained: 'Node: nothing runs on it that was to be moved or stopped. There while the node is drained.',
  DriversReady: 'Node: at least one driver answers.',
  WorkspacesIsolated: 'Node: workspaces cannot reach each other or the node.',
} as const;

export type ConditionType = keyof typeof CONDITIONS;

/** Reasons of conditions and events, each with the sentence that the documentation prints. */
export const REASONS = {
  // Scheduled
  Scheduled: 'The workspace was given a node and ports.',
  NoNodeFits: 'No node can take the workspace; the message says why for each.',
  PortsExhausted: 'The node has no free port left in its range.',
  InvalidSpec: 'The spec contradicts itself; the message names the field.',
  SecretNotFound: 'A Secret or a key in it is missing.',
  NodeUnreachable: 'The agent of the node was not heard from within the lease.',
  // ImageReady
  ImagePresent: 'The image is on the node.',
  PullingImage: 'The image is being pulled; the message tells how far.',
  ImagePullFailed: 'The image could not be pulled; it is tried again.',
  ImageNotFound: 'There is no such image; it is looked for again.',
  ImagePullDenied: 'The registry of the image refused the login, or asks for one; it is tried again.',
  BuildingImage: 'SSH and Git are being added to the image.',
  ImageUnsupported: 'SSH and Git could not be added to the image.',
  // ContainerReady
  ContainerRunning: 'The container runs.',
  ContainerStopped: 'The container is stopped, as declared.',
  CreatingContainer: 'The container is being made.',
  ContainerFailed: 'The engine refused the container; the message is its own.',
  ContainerDied: 'The container ended by itself and is started again.',
  ContainerMissing: 'The container was removed by somebody and is made again.',
  ContainerRecreated: 'The container was made anew because something changed that cannot change in place.',
  ContainerAdjusted: 'Limits were changed in place.',
  VolumeRemounted: 'The home volume had been unmounted by somebody; the container was restarted with it.',
  VolumeLost: 'The data of the home volume was gone; the container was made anew with an empty one.',
  Fenced:
    'The node reached no server for its fence time and stopped the workspace, which may be moved; it goes on once the server has said that it is still there.',
  // RepositoryReady
  RepositoryCloned: 'The repository was cloned.',
  RepositoryIncomplete:
    'The repository was cloned; the message says what of it is missing, and how to get it.',
  NoRepository: 'No repository is declared.',
  Cloning: 'The repository is being cloned.',
  CloneFailed: 'The repository could not be cloned; it is tried again.',
  AuthenticationFailed: 'The repository refused the credentials, or asks for some.',
  RefNotFound: 'The repository has no such branch, tag or commit.',
  RepositoryKept:
    'URL or ref changed, but the working tree has changes or unpushed commits and is left alone.',
  // ConfigDrift
  ConfigApplied: 'The spec is as the file says.',
  ConfigChanged: 'The spec and the file differ; the message says in what.',
  ConfigInvalid: 'The file cannot be read; the message says where.',
  // SSHReady
  SSHListening: 'The SSH server answers.',
  SSHStarting: 'The SSH server is being started.',
  SSHFailed: 'The SSH server does not start.',
  SSHRestarted: 'The SSH server had died and was started again.',
  KeysRestored: 'The authorised keys had been changed by hand and were put back.',
  // ServicesReady
  ServicesHealthy: 'Every service runs and is healthy.',
  NoServices: 'No services are declared.',
  ServicesStarting: 'Services are being started.',
  ServiceExited: 'A service ended and is restarted with backoff.',
  ServiceUnhealthy: 'A service fails its health check.',
  ServiceRestarted: 'A service was restarted.',
  ServiceStarted: 'A service was started.',
  ServiceStopped: 'A service was stopped.',
  WaitingForDependency: 'A service waits for one that it depends on.',
  HookRunning: 'A lifecycle hook runs.',
  HookFailed: 'A lifecycle hook failed and is tried again; its log says why.',
  HookSucceeded: 'A lifecycle hook has run.',
  SupervisorRestarted: 'The supervisor had died and was started again; services went on.',
  // PortsReady
  PortsOpen: 'Every declared port is open.',
  NoPorts: 'No ports are declared.',
  PortConflict: 'Something else on the node holds a port; another one is given out.',
  PortsPending: 'Ports are being opened.',
  // Ready and shared
  Ready: 'Everything is as declared.',
  Progressing: 'Something is being made; the other conditions tell what.',
  Stopped: 'The workspace is stopped, as declared.',
  Stopping: 'The workspace is being stopped.',
  Deleting: 'The workspace is being removed.',
  Degraded: 'The workspace can be reached, but something in it does not work.',
  Failed: 'The workspace cannot be made; the message says what to change.',
  Unknown: 'It was not observed.',
  Moving: 'The workspace is being moved to another node, where it begins with an empty home.',
  Moved: 'The workspace was moved to another node; what was on the former node alone is lost to it.',
  NodeDrained: 'The node is being drained, so the workspace was stopped; it goes on when the drain ends.',
  NodeTainted:
    'The node has a NoExecute taint that the workspace does not tolerate, so it was stopped; it goes on when the taint is gone.',
  // Node
  AgentReady: 'The agent is heard and a driver answers.',
  NeverHeard: 'The agent has not reported yet.',
  LeaseExpired: 'The agent was not heard within the lease.',
  Draining: 'Workspaces are being moved or stopped; the message tells how many are left.',
  WaitingForRoom:
    'A drain waits until another node can take a workspace; the message says which, and why none can.',
  Drained: 'Every workspace of the node was moved or stopped.',
  DriverReady: 'The engine answers.',
  DriverUnavailable: 'No engine answers.',
  Isolated: 'Workspaces cannot reach each other or the node.',
  NotIsolated: 'The engine or the privileges of the agent do not allow it; the message tells which.',
  // User
  Suspended: 'The user is shut out, as declared.',
  NamespaceTaken: "A namespace of the user's name was there before and was not given to the user.",
  KeyTaken: 'An SSH key of the user is registered with another user already.',
  KeyUnusable: 'An SSH key of the user is damaged or too weak.',
  WorkspacesRemain: 'The user is being deleted and has workspaces left.',
  // Events without a condition
  Created: 'Made.',
  Deleted: 'Removed.',
  ForceDeleted: 'Forgotten without an answer of its node, which may still hold data.',
  ReconcileFailed: 'The API refused what the server would write for it; it is tried again.',
  OrphanRemoved: 'Something that no placement asks for was removed.',
  Adopted: 'What was found running was taken over.',
} as const;

export type Reason = keyof typeof REASONS;

/** Reasons that waiting does not end, only somebody who changes something: most often the spec. */
export const NEEDS_CHANGE: ReadonlySet<string> = new Set<Reason>([
  'InvalidSpec',
  'ImageNotFound',
  'ImagePullDenied',
  'ImageUnsupported',
  'ContainerFailed',
  'AuthenticationFailed',
  'RefNotFound',
]);
