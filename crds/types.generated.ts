// Generated from crds/*.yaml by crds/generate.ts. Do not edit.
import type { KubeObject } from './object.ts';

/**
 * What the user wants.
 */
export interface WorkspaceSpec {
/**
 * Whether the workspace should run. false stops it and keeps its container, filesystem and volume. Defaults to true.
 */
running?: boolean
/**
 * The Git repository that is cloned into /home/<user>/workspace once.
 */
repo?: {
/**
 * URL to clone from: https://, http://, ssh://, git:// or user@host:path.
 */
url: string
/**
 * Branch, tag or commit to check out. Defaults to the repository's default branch.
 */
ref?: string
/**
 * URL of the repository that this one was forked from, which becomes the remote upstream.
 */
upstream?: string
/**
 * Who commits in the clone are by, as its user.name and user.email, unless its user has set them before. A later change is not carried into a clone that is there.
 */
author?: {
/**
 * Name of the author.
 */
name: string
/**
 * Mail address of the author.
 */
email: string
}
/**
 * Whether a change of .nexus/config.yaml in the working tree is carried out by itself. It is the mandate to write services, lifecycle, image, resources and env of this spec as the file says. Defaults to false: the condition ConfigDrift tells, and `nexus workspace sync` carries it out.
 */
followConfig?: boolean
/**
 * Secret in the workspace's namespace with username and password (or token) for HTTPS, or ssh-privatekey for SSH.
 */
credentialsSecretRef?: {
/**
 * Name of the Secret.
 */
name: string
}
}
/**
 * Container image, any that holds a shell. Defaults to the server's workspace image. A change makes a new container on the same volume.
 */
image?: string
/**
 * Secret of type kubernetes.io/dockerconfigjson in the workspace's namespace with the login of the image's registry. For Docker and Podman.
 */
imagePullSecretRef?: {
/**
 * Name of the Secret.
 */
name: string
}
/**
 * What runs the workspace. Defaults to what the node offers. memory is for tests: nothing runs.
 */
driver?: ("docker" | "lxc" | "kubernetes" | "memory")
/**
 * Labels that a node must have to be given the workspace.
 */
nodeSelector?: {
[k: string]: string
}
/**
 * Taints of nodes that the workspace tolerates.
 */
tolerations?: {
/**
 * Taint key. Empty matches every key, with operator Exists.
 */
key?: string
/**
 * Equal compares the value, Exists does not. Defaults to Equal.
 */
operator?: ("Equal" | "Exists")
/**
 * Taint value to match, with operator Equal.
 */
value?: string
/**
 * Effect to match. Empty matches every effect.
 */
effect?: ("NoSchedule" | "PreferNoSchedule" | "NoExecute")
/**
 * With effect NoExecute: for how long the workspace stays once the taint is there. 0 or less: not at all. Absent: for good.
 */
tolerationSeconds?: number
}[]
/**
 * Limits of the container, also what is set aside on the node. Changed in place without a restart.
 */
resources?: {
/**
 * Processor cores, as a quantity: "2", "0.5", "500m".
 */
cpu?: string
/**
 * Memory, as a quantity in bytes: 512Mi, 4Gi. At least 32Mi.
 */
memory?: string
/**
 * Disk of the home volume, as a quantity in bytes: 20Gi. Enforced where the driver can, else only set aside.
 */
disk?: string
/**
 * Most processes and threads. Defaults to 4096.
 */
pids?: number
}
/**
 * Environment of services, lifecycle hooks and SSH sessions.
 */
env?: {
/**
 * Name of the variable.
 */
name: string
/**
 * Its value. Defaults to empty.
 */
value?: string
/**
 * Where to read the value from.
 */
valueFrom?: {
/**
 * A key of a Secret in the workspace's namespace.
 */
secretKeyRef: {
/**
 * Name of the Secret.
 */
name: string
/**
 * Key within the Secret.
 */
key: string
/**
 * Whether the workspace starts without the Secret or the key. Defaults to false.
 */
optional?: boolean
}
}
}[]
/**
 * Long-running processes, started in the order of their dependencies and restarted when they end.
 */
services?: {
/**
 * Name of the service.
 */
name: string
/**
 * Shell command that runs it in the foreground.
 */
command: string
/**
 * Folder to run in, absolute or relative to the repository. Defaults to the repository.
 */
workingDir?: string
/**
 * TCP port it listens on, forwarded from a port of the node. 22 is taken by SSH.
 */
port?: number
/**
 * Private: on the node's loopback, reached over SSH. Node: on the node's address. Defaults to Private.
 */
exposure?: ("Private" | "Node")
/**
 * Services that must be healthy (or running, without a health check) before this one is started.
 */
dependsOn?: string[]
/**
 * Environment of this service, over the workspace's.
 */
env?: {
/**
 * Name of the variable.
 */
name: string
/**
 * Its value. Defaults to empty.
 */
value?: string
/**
 * Where to read the value from.
 */
valueFrom?: {
/**
 * A key of a Secret in the workspace's namespace.
 */
secretKeyRef: {
/**
 * Name of the Secret.
 */
name: string
/**
 * Key within the Secret.
 */
key: string
/**
 * Whether the workspace starts without the Secret or the key. Defaults to false.
 */
optional?: boolean
}
}
}[]
/**
 * How to tell that the service works. Without one, a running process is enough.
 */
healthCheck?: {
/**
 * An HTTP GET that must answer 200 to 399.
 */
http?: {
/**
 * Path and query. Defaults to /.
 */
path?: string
/**
 * Defaults to the service's port.
 */
port?: number
}
/**
 * A TCP connection that must be accepted.
 */
tcp?: {
/**
 * Defaults to the service's port.
 */
port?: number
}
/**
 * A command that must exit 0.
 */
exec?: {
/**
 * The command and its arguments, run as the workspace's user without a shell.
 */
command: string[]
}
/**
 * Seconds between checks. Defaults to 10.
 */
intervalSeconds?: number
/**
 * Seconds after which a check has failed. Defaults to 5.
 */
timeoutSeconds?: number
/**
 * Failures in a row after which a service that was healthy is unhealthy and restarted. Defaults to 3.
 */
failureThreshold?: number
/**
 * Seconds after the start before failures count. Defaults to 0.
 */
initialDelaySeconds?: number
}
}[]
/**
 * Further ports to forward, beside those of services.
 */
ports?: {
/**
 * Name of the port.
 */
name: string
/**
 * TCP port in the workspace.
 */
port: number
/**
 * Private: on the node's loopback, reached over SSH. Node: on the node's address. Defaults to Private.
 */
exposure?: ("Private" | "Node")
}[]
/**
 * How people log in.
 */
ssh?: {
/**
 * Login user, uid 1000 with sudo. Defaults to dev. A change makes a new container.
 */
user?: string
/**
 * OpenSSH public keys that may log in, a line each. A change is live within seconds; connections by a key that is gone are ended.
 */
authorizedKeys?: string[]
/**
 * Names of Users who share the workspace: their keys log in, by way of the gateway too, and they may read it. A change is live within seconds.
 */
authorizedUsers?: string[]
}
/**
 * Shell commands run as the workspace's user in the repository.
 */
lifecycle?: {
/**
 * Before services are started, each time the container was started. Services wait for it. One that fails is tried again, ever more slowly (at most every 5 minutes), until it succeeds.
 */
preStart?: string
/**
 * After services are healthy, each time the container was started. One that fails is tried again as preStart is, beside what runs.
 */
postStart?: string
/**
 * Before the container is stopped; given 30 seconds.
 */
preStop?: string
}
/**
 * What becomes of it when its node is lost or drained. Wait: it stays there with its files and goes on when the node is back. Reschedule: it is moved and begins elsewhere with an empty home; what was on the node alone is lost to it. Defaults to Wait.
 */
onNodeLoss?: ("Wait" | "Reschedule")
/**
 * Whether the home volume is kept when the workspace is deleted. Defaults to false.
 */
retainVolume?: boolean
}

/**
 * What was observed. Written by the controller alone.
 */
export interface WorkspaceStatus {
/**
 * The generation of the spec that this status speaks of.
 */
observedGeneration?: number
/**
 * Summary of the conditions.
 */
phase?: ("Pending" | "Creating" | "Running" | "Degraded" | "Stopping" | "Stopped" | "Failed" | "Unknown" | "Deleting")
/**
 * The most important thing to know and what to do next.
 */
message?: string
/**
 * What holds, by type.
 */
conditions?: {
/**
 * CamelCase name of the condition.
 */
type: string
/**
 * Whether it holds.
 */
status: ("True" | "False" | "Unknown")
/**
 * The generation of the spec it was computed from.
 */
observedGeneration?: number
/**
 * When the status last changed.
 */
lastTransitionTime: string
/**
 * CamelCase reason from a documented list.
 */
reason: string
/**
 * A sentence that says what to do next.
 */
message: string
}[]
/**
 * The Node it is placed on.
 */
nodeName?: string
/**
 * That it is being moved to another node. Absent once it has arrived.
 */
move?: {
/**
 * The Node that it leaves.
 */
from: string
/**
 * Why it leaves.
 */
reason: ("Drain" | "Taint" | "NodeLoss")
}
/**
 * The Placement in the node's namespace.
 */
placementName?: string
/**
 * The image its container was made from.
 */
image?: string
/**
 * The restart mark (annotation nexus.dev/restarted-at) that was carried out last.
 */
restartedAt?: string
/**
 * The engine's id of its container.
 */
containerID?: string
/**
 * Services that are ready of those declared, as in 2/3.
 */
servicesReady?: string
/**
 * How to reach its SSH server.
 */
ssh?: {
/**
 * Host name or address of the node.
 */
host?: string
/**
 * Port on the node.
 */
port?: number
/**
 * Login user.
 */
user?: string
/**
 * host:port.
 */
endpoint?: string
/**
 * Public host keys, to be checked strictly.
 */
hostKeys?: string[]
}
/**
 * The services as observed.
 */
services?: {
/**
 * Name of the service.
 */
name: string
/**
 * Where its process is. Waiting: for a dependency or preStart. Backoff: it ended and waits to be restarted.
 */
state: ("Pending" | "Waiting" | "Starting" | "Running" | "Backoff" | "Stopped" | "Failed")
/**
 * What its health check says.
 */
health?: ("Healthy" | "Unhealthy" | "Unknown")
/**
 * How often it was restarted after ending by itself or being unhealthy.
 */
restarts?: number
/**
 * How its last process ended.
 */
exitCode?: number
/**
 * Port in the workspace.
 */
port?: number
/**
 * Port on the node.
 */
hostPort?: number
/**
 * Where the node serves it.
 */
url?: string
/**
 * Why it is not ready.
 */
message?: string
/**
 * When state or health last changed.
 */
since?: string
}[]
/**
 * The forwards as observed.
 */
ports?: {
/**
 * Name of the port or service.
 */
name: string
/**
 * Port in the workspace.
 */
port: number
/**
 * Port on the node.
 */
hostPort?: number
/**
 * Where on the node it listens.
 */
exposure?: ("Private" | "Node")
/**
 * Whether the node listens.
 */
state?: ("Open" | "Failed")
/**
 * Why it does not.
 */
message?: string
}[]
/**
 * The repository's .nexus/config.yaml as observed in the working tree. Absent: there is none.
 */
config?: {
/**
 * SHA-256 of its text, in hex.
 */
digest: string
/**
 * Fields of the spec that were not as the file says when it was first seen: they are the user's, and neither compared nor written.
 */
kept?: string[]
}
/**
 * The working tree as observed.
 */
repository?: {
/**
 * The origin's URL, without credentials.
 */
url?: string
/**
 * The ref that was asked for.
 */
ref?: string
/**
 * The commit that is checked out.
 */
commit?: string
/**
 * The branch that is checked out, empty when detached.
 */
branch?: string
/**
 * Whether there are changes or unpushed commits.
 */
dirty?: boolean
}
}

/** Workspace is a development environment that a person declares - a repository, services, ports - and that Nexus makes real on a node and keeps so. */
export interface Workspace extends KubeObject {
  apiVersion: 'nexus.dev/v1alpha1';
  kind: 'Workspace';
  spec: WorkspaceSpec;
  status?: WorkspaceStatus;
}

/**
 * What the node should run.
 */
export interface PlacementSpec {
/**
 * The workspace this is the placement of.
 */
workspace: {
/**
 * Its name.
 */
name: string
/**
 * Its namespace.
 */
namespace: string
/**
 * Its uid.
 */
uid: string
/**
 * The generation of its spec that was resolved.
 */
generation: number
}
/**
 * The Node it is placed on.
 */
nodeName: string
/**
 * What runs it.
 */
driver: ("docker" | "lxc" | "kubernetes" | "memory")
/**
 * Image to make the container from.
 */
image: string
/**
 * Whether the placement's Secret holds the login of the image's registry.
 */
imageLogin?: boolean
/**
 * Whether it should run; false keeps container and volume.
 */
running: boolean
/**
 * Secret in this namespace with the host keys (ssh_host_ed25519_key), Git credentials (git-username, git-password, git-ssh-privatekey), the login of the image's registry (image-login) and secret variables (env.<n>).
 */
secretName?: string
/**
 * Digest of that Secret's contents, so that a changed secret is a changed spec.
 */
secretHash?: string
/**
 * Limits, resolved to numbers.
 */
resources?: {
/**
 * Processor in thousandths of a core. Absent means no limit.
 */
cpuMillis?: number
/**
 * Memory in bytes. Absent means no limit.
 */
memoryBytes?: number
/**
 * Home volume in bytes. Absent means no limit.
 */
diskBytes?: number
/**
 * Most processes and threads.
 */
pids?: number
}
/**
 * Environment, in order; a later one of the same name wins.
 */
env?: {
/**
 * Name of the variable.
 */
name: string
/**
 * Its value.
 */
value?: string
/**
 * Key in the placement's Secret that holds the value.
 */
secretKey?: string
}[]
/**
 * The repository to clone once.
 */
repo?: {
/**
 * URL to clone from.
 */
url: string
/**
 * Branch, tag or commit. Absent means the default branch.
 */
ref?: string
/**
 * URL of the remote upstream.
 */
upstream?: string
/**
 * Who commits in the clone are by.
 */
author?: {
/**
 * Name of the author.
 */
name: string
/**
 * Mail address of the author.
 */
email: string
}
/**
 * Whether the placement's Secret has credentials for it.
 */
credentials?: boolean
}
/**
 * Services with their ports on the node.
 */
services?: {
/**
 * Name of the service.
 */
name: string
/**
 * Shell command.
 */
command: string
/**
 * Folder, absolute or relative to the repository.
 */
workingDir?: string
/**
 * Port in the workspace.
 */
port?: number
/**
 * Services that come first.
 */
dependsOn?: string[]
/**
 * Environment, in order; a later one of the same name wins.
 */
env?: {
/**
 * Name of the variable.
 */
name: string
/**
 * Its value.
 */
value?: string
/**
 * Key in the placement's Secret that holds the value.
 */
secretKey?: string
}[]
/**
 * How to tell that it works; exactly one of http, tcp, exec.
 */
healthCheck?: {
/**
 * HTTP GET.
 */
http?: {
/**
 * Path and query.
 */
path?: string
/**
 * Port in the workspace.
 */
port?: number
}
/**
 * TCP connection.
 */
tcp?: {
/**
 * Port in the workspace.
 */
port?: number
}
/**
 * Command.
 */
exec?: {
/**
 * Command and arguments.
 */
command?: string[]
}
/**
 * Seconds between checks.
 */
intervalSeconds?: number
/**
 * Seconds after which a check has failed.
 */
timeoutSeconds?: number
/**
 * Failures in a row that make it unhealthy.
 */
failureThreshold?: number
/**
 * Seconds before failures count.
 */
initialDelaySeconds?: number
}
}[]
/**
 * Ports of the node that lead into the workspace.
 */
forwards?: {
/**
 * Name of the service or port.
 */
name: string
/**
 * Port in the workspace.
 */
port: number
/**
 * Port on the node.
 */
hostPort: number
/**
 * Private: loopback. Node: the node's address.
 */
exposure: ("Private" | "Node")
}[]
/**
 * The SSH server.
 */
ssh: {
/**
 * Login user.
 */
user: string
/**
 * Port on the node, published by the engine.
 */
port: number
/**
 * Public keys that may log in.
 */
authorizedKeys?: string[]
}
/**
 * Shell commands run as the user.
 */
lifecycle?: {
/**
 * Before services.
 */
preStart?: string
/**
 * After services are healthy.
 */
postStart?: string
/**
 * Before the container is stopped.
 */
preStop?: string
}
/**
 * Opaque mark; a change restarts the container once. Copied from the workspace's annotation nexus.dev/restarted-at.
 */
restartedAt?: string
/**
 * Whether the volume outlives this placement.
 */
retainVolume?: boolean
/**
 * Reschedule: the workspace may be moved to another node, so that this one must not run it without having spoken to the server. Absent means Wait.
 */
onNodeLoss?: ("Wait" | "Reschedule")
/**
 * Since when the workspace may be moved: created for always, else a mark that changes each time it is allowed anew. Told back in the status once it holds on the node.
 */
fence?: string
/**
 * Why it must not run here although its workspace should run. Absent: it may.
 */
evictedBy?: ("Drain" | "Taint" | "NodeLoss")
}

/**
 * What the node's agent observed. Written by the agent alone.
 */
export interface PlacementStatus {
/**
 * The generation of the spec that this status speaks of.
 */
observedGeneration?: number
/**
 * The mark of the spec, once what runs here ends by itself when the node reaches no server.
 */
fence?: string
/**
 * The generation of the workspace's spec that this status speaks of.
 */
workspaceGeneration?: number
/**
 * The restart mark of the spec that was carried out last.
 */
restartedAt?: string
/**
 * ImageReady, ContainerReady, RepositoryReady, SSHReady, ServicesReady, PortsReady and Ready.
 */
conditions?: {
/**
 * CamelCase name of the condition.
 */
type: string
/**
 * Whether it holds.
 */
status: ("True" | "False" | "Unknown")
/**
 * The generation of the spec it was computed from.
 */
observedGeneration?: number
/**
 * When the status last changed.
 */
lastTransitionTime: string
/**
 * CamelCase reason from a documented list.
 */
reason: string
/**
 * A sentence that says what to do next.
 */
message: string
}[]
/**
 * The container as observed.
 */
container?: {
/**
 * The engine's id.
 */
id?: string
/**
 * Its state.
 */
state?: ("Missing" | "Created" | "Running" | "Stopped")
/**
 * The image as asked for.
 */
image?: string
/**
 * The image's content id.
 */
imageID?: string
/**
 * When it was started; where it is missing, when the last one was.
 */
startedAt?: string
}
/**
 * The SSH server as observed.
 */
ssh?: {
/**
 * Public host keys.
 */
hostKeys?: string[]
}
/**
 * The services as observed.
 */
services?: {
/**
 * Name of the service.
 */
name: string
/**
 * Where its process is.
 */
state: ("Pending" | "Waiting" | "Starting" | "Running" | "Backoff" | "Stopped" | "Failed")
/**
 * What its health check says.
 */
health?: ("Healthy" | "Unhealthy" | "Unknown")
/**
 * How often it was restarted.
 */
restarts?: number
/**
 * How its last process ended.
 */
exitCode?: number
/**
 * Why it is not ready.
 */
message?: string
/**
 * When state or health last changed.
 */
since?: string
}[]
/**
 * The forwards as observed.
 */
forwards?: {
/**
 * Name of the service or port.
 */
name: string
/**
 * Port in the workspace.
 */
port: number
/**
 * Port on the node.
 */
hostPort?: number
/**
 * Where on the node it listens.
 */
exposure?: ("Private" | "Node")
/**
 * Whether the node listens.
 */
state?: ("Open" | "Failed")
/**
 * Why it does not.
 */
message?: string
}[]
/**
 * Ports asked for in this spec that something else on the node holds.
 */
portConflicts?: number[]
/**
 * The working tree as observed.
 */
repository?: {
/**
 * The origin's URL, without credentials.
 */
url?: string
/**
 * The ref that was asked for.
 */
ref?: string
/**
 * The commit that is checked out.
 */
commit?: string
/**
 * The branch that is checked out.
 */
branch?: string
/**
 * Whether there are changes or unpushed commits.
 */
dirty?: boolean
/**
 * Its .nexus/config.yaml as it is in the working tree. Absent: there is none.
 */
config?: {
/**
 * SHA-256 of its text, in hex; empty when it is too large.
 */
digest: string
/**
 * Its text. Absent: it is larger than 16 KiB, and is not read.
 */
text?: string
}
}
}

/** Placement is a workspace on a node, fully resolved. It lives in the node's namespace; its spec is written by the controller, its status by the node's agent. */
export interface Placement extends KubeObject {
  apiVersion: 'nexus.dev/v1alpha1';
  kind: 'Placement';
  spec: PlacementSpec;
  status?: PlacementStatus;
}

/**
 * What an admin, or the join, says of the node.
 */
export interface NodeSpec {
/**
 * Host name or address at which people reach the node. Defaults to what the agent reports.
 */
address?: string
/**
 * Whether new workspaces are kept off. Defaults to false.
 */
unschedulable?: boolean
/**
 * That the node is to be emptied. New workspaces are kept off; those that may be moved (spec.onNodeLoss: Reschedule) are, the others are stopped and go on when this is taken away.
 */
drain?: {
/**
 * Workspaces that are stopped or moved at once; one that is moved counts until it runs elsewhere. Defaults to 1.
 */
maxConcurrent?: number
}
/**
 * Marks that keep off workspaces without a matching toleration. NoExecute also drives away those that are there, one by one: what may be moved is, the rest is stopped.
 */
taints?: {
/**
 * Key of the taint.
 */
key: string
/**
 * Value of the taint.
 */
value?: string
/**
 * What it does to workspaces that do not tolerate it.
 */
effect: ("NoSchedule" | "PreferNoSchedule" | "NoExecute")
/**
 * From when tolerationSeconds count, with effect NoExecute. Absent: from when the controller first saw it, which status.taintedSince tells.
 */
timeAdded?: string
}[]
/**
 * Public keys that the node's agent may log into the gateway with. The join writes them; one that is removed is shut out at once.
 */
agentKeys?: string[]
/**
 * Ranges of ports of the node that may be given out.
 */
ports?: {
/**
 * For SSH servers. Defaults to 2222-2299.
 */
ssh?: {
/**
 * First port.
 */
from: number
/**
 * Last port, inclusive.
 */
to: number
}
/**
 * For forwards. Defaults to 23000-30000.
 */
services?: {
/**
 * First port.
 */
from: number
/**
 * Last port, inclusive.
 */
to: number
}
}
}

/**
 * What was observed. Written by the agent, save allocated, taintedSince and the conditions Ready and Drained, which are the controller's.
 */
export interface NodeStatus {
/**
 * Host name or address at which people reach the node.
 */
address?: string
/**
 * What it can run.
 */
drivers?: {
/**
 * Name of the driver.
 */
name: ("docker" | "lxc" | "kubernetes" | "memory")
/**
 * Whether its engine answers.
 */
ready: boolean
/**
 * Name and version of the engine.
 */
version?: string
/**
 * Why it does not work.
 */
message?: string
}[]
/**
 * What the machine has.
 */
capacity?: {
/**
 * Processor cores, a quantity.
 */
cpu?: string
/**
 * Memory, a quantity.
 */
memory?: string
/**
 * Disk, a quantity.
 */
disk?: string
}
/**
 * What the machine has.
 */
allocatable?: {
/**
 * Processor cores, a quantity.
 */
cpu?: string
/**
 * Memory, a quantity.
 */
memory?: string
/**
 * Disk, a quantity.
 */
disk?: string
}
/**
 * What placements have set aside. Written by the controller.
 */
allocated?: {
/**
 * Processor cores, a quantity.
 */
cpu?: string
/**
 * Memory, a quantity.
 */
memory?: string
/**
 * Disk, a quantity.
 */
disk?: string
/**
 * Number of placements.
 */
workspaces?: number
}
/**
 * When the controller first saw taints with effect NoExecute that have no timeAdded. Written by the controller.
 */
taintedSince?: {
/**
 * Key of the taint.
 */
key: string
/**
 * Value of the taint.
 */
value?: string
/**
 * When it was first seen.
 */
since: string
}[]
/**
 * The controller's: Ready and, while it is drained, Drained. The agent's: DriversReady, WorkspacesIsolated.
 */
conditions?: {
/**
 * CamelCase name of the condition.
 */
type: string
/**
 * Whether it holds.
 */
status: ("True" | "False" | "Unknown")
/**
 * The generation of the spec it was computed from.
 */
observedGeneration?: number
/**
 * When the status last changed.
 */
lastTransitionTime: string
/**
 * CamelCase reason from a documented list.
 */
reason: string
/**
 * A sentence that says what to do next.
 */
message: string
}[]
/**
 * Images that are on the node, by name: at most 50, the largest. Workspaces that need one of them rather go there.
 */
images?: string[]
/**
 * Versions of what runs on the node.
 */
versions?: {
/**
 * Version of the agent.
 */
agent?: string
/**
 * Operating system.
 */
os?: string
/**
 * Kernel.
 */
kernel?: string
/**
 * Processor architecture.
 */
arch?: string
}
}

/** Node is a machine that runs workspaces. */
export interface Node extends KubeObject {
  apiVersion: 'nexus.dev/v1alpha1';
  kind: 'Node';
  spec?: NodeSpec;
  status?: NodeStatus;
}

/**
 * Who the person is and what they may do.
 */
export interface UserSpec {
/**
 * The person on GitHub.
 */
github?: {
/**
 * Login on GitHub.
 */
login: string
/**
 * Number of the account on GitHub, which stays when the login changes.
 */
id?: number
}
/**
 * admin: everything of Nexus. member: workspaces in the user's own namespace. viewer: sees workspaces there, and neither secrets nor shells. Defaults to member.
 */
role?: ("admin" | "member" | "viewer")
/**
 * How much the user may have at once, in the user's own namespace. Absent, no limit. What is there already stays.
 */
quota?: {
/**
 * Workspaces, running or not.
 */
workspaces?: number
}
/**
 * Whether the user is shut out: no rights, and no key logs in. Nothing of the user's is removed. Defaults to false.
 */
suspended?: boolean
/**
 * Public keys that log into the workspaces of the user, by way of the gateway too. A key belongs to one user. A change is live within seconds.
 */
sshKeys?: {
/**
 * Name of the key, such as that of the machine it is on.
 */
name: string
/**
 * Public key in OpenSSH's form: ed25519, ECDSA, RSA from 2048 bits, or one on a security key.
 */
key: string
}[]
}

/**
 * What the controller made of it.
 */
export interface UserStatus {
/**
 * The generation of the spec that this status is about.
 */
observedGeneration?: number
/**
 * Namespace of the user's workspaces.
 */
namespace?: string
/**
 * Number of keys that may log in.
 */
keys?: number
/**
 * The keys that may log in.
 */
sshKeys?: {
/**
 * Name of the key.
 */
name: string
/**
 * Type of the key, such as ssh-ed25519.
 */
type: string
/**
 * SHA-256 of the key as OpenSSH prints it, SHA256:…
 */
fingerprint: string
}[]
/**
 * Ready: namespace, rights and keys are as declared.
 */
conditions?: {
/**
 * CamelCase name of the condition.
 */
type: string
/**
 * Whether it holds.
 */
status: ("True" | "False" | "Unknown")
/**
 * The generation of the spec it was computed from.
 */
observedGeneration?: number
/**
 * When the status last changed.
 */
lastTransitionTime: string
/**
 * CamelCase reason from a documented list.
 */
reason: string
/**
 * A sentence that says what to do next.
 */
message: string
}[]
}

/** User is a person who may use Nexus. Towards the API it is the user of the object's name, in the group nexus:users. */
export interface User extends KubeObject {
  apiVersion: 'nexus.dev/v1alpha1';
  kind: 'User';
  spec: UserSpec;
  status?: UserStatus;
}

/**
 * What is to be done. Never changed.
 */
export interface NodeCommandSpec {
/**
 * info: what the agent and its engines are. health: whether they answer. restart-agent: the agent begins anew; workspaces go on. prune: what no workspace asks for any more is removed now.
 */
command: ("info" | "health" | "restart-agent" | "prune")
}

/**
 * What came of it. Written by the node's agent alone.
 */
export interface NodeCommandStatus {
/**
 * Where it is. Absent: not begun.
 */
phase?: ("Running" | "Succeeded" | "Failed")
/**
 * What it told; cut to 16 KiB.
 */
output?: string
/**
 * Why it failed.
 */
error?: string
/**
 * When it was begun.
 */
startedAt?: string
/**
 * When it ended.
 */
finishedAt?: string
/**
 * How long it took, in milliseconds.
 */
durationMs?: number
}

/** NodeCommand is something that a node's agent is to do once, by name. It lives in the node's namespace, is done within 10 minutes or not at all, and is forgotten an hour after it was asked for. */
export interface NodeCommand extends KubeObject {
  apiVersion: 'nexus.dev/v1alpha1';
  kind: 'NodeCommand';
  spec: NodeCommandSpec;
  status?: NodeCommandStatus;
}
