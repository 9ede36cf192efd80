/** What processes agree on: the port, and its embedded form. */
export type {
  Coordination,
  CoordinationNode,
  CoordinationOperation,
  CoordinationSession,
  CreateOptions,
  NodeStat,
  OperationResult,
  WatchEvent,
  WatchOptions,
  WatchScope,
} from './coordination.ts'
export type { CoordinationErrorCode } from './errors.ts'
export { EmbeddedCoordination, type EmbeddedCoordinationOptions } from './embedded.ts'
export { makePath } from './make-path.ts'
export { childPath, parentPath } from './paths.ts'
