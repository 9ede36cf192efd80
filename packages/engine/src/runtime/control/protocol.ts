/**
 * What a command line and a running job say to each other over the job's socket, version 1: one JSON object a line. A client sends
 * `{"version":1,"id":1,"request":{"do":"status"}}`, and is answered `{"version":1,"id":1,"result":…}` or `{"version":1,"id":1,"error":{"code":…,"message":…}}`
 * with the same id, in whatever order requests come to their end.
 */
import type { OptionState } from '@millrace/core'
import { isCheckpointUrl } from '../../checkpoint/object-store/checkpoint-url.ts'
import type { CheckpointHistory, CompletedCheckpoint, JobMetrics, OperatorHotKeys } from '../job-types.ts'

export const CONTROL_VERSION = 1

/** A line may have so many bytes: more is no request. */
export const CONTROL_LINE_BYTES_MAX: number = 64 * 1024

/** What can be asked of a running job. */
export type ControlRequest =
  | { readonly do: 'status' }
  | { readonly do: 'checkpoints' }
  | { readonly do: 'config' }
  /** All of these options, or none; as texts of the command line. Answered with what holds then. */
  | { readonly do: 'configure'; readonly changes: { readonly [key: string]: string } }
  /** `dir`: absolute, or a URL of S3 or HDFS. */
  | { readonly do: 'savepoint'; readonly dir?: string }
  /** Answered when the job has ended. Without `savepoint` its final checkpoint is an ordinary one. */
  | { readonly do: 'stop'; readonly savepoint: boolean; readonly dir?: string; readonly drain: boolean }
  /** Answered when the job has ended. With `savepoint` one is taken first; if it fails the job goes on. */
  | { readonly do: 'cancel'; readonly savepoint: boolean; readonly dir?: string }

/** What each request is answered with. */
export interface ControlAnswers {
  readonly status: JobStatus
  readonly checkpoints: CheckpointHistory
  readonly config: readonly OptionState[]
  readonly configure: readonly OptionState[]
  readonly savepoint: CompletedCheckpoint
  readonly stop: StopAnswer
  readonly cancel: StopAnswer
}

/** How the job ended; null where there is no such checkpoint, or none that is kept. */
export interface StopAnswer {
  readonly state: 'finished' | 'stopped' | 'canceled' | 'failed'
  readonly savepoint: CompletedCheckpoint | null
  readonly lastCheckpoint: CompletedCheckpoint | null
}

export interface JobStatus {
  readonly job: string
  readonly state: JobMetrics['state']
  readonly pid: number
  /** File of the job's module; null: the job is run by a program of its own. */
  readonly module: string | null
  /** Wall clock, milliseconds since 1970: when the process began to run the job. */
  readonly startedMs: number
  readonly restarts: number
  readonly parallelism: number
  readonly lastCheckpoint: CompletedCheckpoint | null
  /** Absent: the job is of a release that does not tell. */
  readonly hotKeys?: readonly OperatorHotKeys[]
}

export interface ControlError {
  readonly code: string
  /** Who must act, where that is known. */
  readonly who?: 'user' | 'operator' | 'bug'
  readonly message: string
}

/** Why bytes are no request; undefined: they are one. */
export function requestProblem(request: unknown): string | undefined {
  if (typeof request !== 'object' || request === null) return 'it has no request'
  const { do: what, dir, savepoint, drain, changes } = request as { readonly [name: string]: unknown }
  if (typeof what !== 'string' || !names.has(what)) return `it asks for ${JSON.stringify(what)}`
  if (dir !== undefined && (typeof dir !== 'string' || !(dir.startsWith('/') || isCheckpointUrl(dir))))
    return 'dir is neither an absolute path nor a URL'
  if ((what === 'stop' || what === 'cancel') && typeof savepoint !== 'boolean') return 'savepoint is neither true nor false'
  if (what === 'configure' && !isTexts(changes)) return 'changes are no texts by option'
  if (what === 'stop' && typeof drain !== 'boolean') return 'drain is neither true nor false'
  return undefined
}

function isTexts(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((text) => typeof text === 'string')
  )
}

const names: ReadonlySet<string> = new Set([
  'status',
  'checkpoints',
  'config',
  'configure',
  'savepoint',
  'stop',
  'cancel',
] satisfies ControlRequest['do'][])
