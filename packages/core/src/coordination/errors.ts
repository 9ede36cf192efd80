import { defineErrors, type ErrorDetails, type MillraceError } from '../errors.ts'

const coordinationErrors = {
  COORDINATION_NODE_EXISTS: { who: 'bug', retry: false, message: 'Coordination: the node {path} exists already' },
  COORDINATION_NO_NODE: { who: 'bug', retry: false, message: 'Coordination: there is no node {path}' },
  COORDINATION_BAD_VERSION: {
    who: 'bug',
    retry: false,
    message: 'Coordination: the node {path} is at version {version}, expected {expected}',
  },
  COORDINATION_NOT_EMPTY: { who: 'bug', retry: false, message: 'Coordination: the node {path} has children' },
  COORDINATION_EPHEMERAL_PARENT: { who: 'bug', retry: false, message: 'Coordination: the ephemeral node {path} can have no children' },
  COORDINATION_BAD_PATH: { who: 'bug', retry: false, message: 'Coordination: "{path}" is no path of a node: {problem}' },
  COORDINATION_TOO_LARGE: {
    who: 'user',
    retry: false,
    message: 'Coordination: {size} bytes are too many for the node {path}, {limit} at most',
  },
  COORDINATION_SESSION_EXPIRED: { who: 'operator', retry: false, message: 'Coordination: the session {session} has ended' },
  COORDINATION_UNAVAILABLE: { who: 'operator', retry: true, message: 'Coordination is not available: {problem}' },
  COORDINATION_CORRUPT: { who: 'operator', retry: false, message: 'The coordination journal {path} is corrupt at byte {at}: {problem}' },
} as const

/** The codes of errors that coordination throws, all of which begin with `COORDINATION_`. */
export type CoordinationErrorCode = keyof typeof coordinationErrors

export const coordinationError: (code: CoordinationErrorCode, details?: ErrorDetails, cause?: unknown) => MillraceError =
  defineErrors(coordinationErrors)
