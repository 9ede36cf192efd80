import { engineError } from '../../errors.ts'
import { parseHiddenName, word, type PartName } from './names.ts'

/** A part file that is complete and durable under its hidden name. */
export interface PendingFile {
  readonly hidden: string
  readonly final: string
  readonly sizeBytes: number
}

/**
 * What a writer keeps in a checkpoint: all it has written and not yet published. Every writer gives exactly one at each checkpoint,
 * an empty one too: it says which files of its subtask count, so that all others may be removed.
 */
export interface FileSinkHandle {
  readonly kind: 'file-sink'
  readonly version: 1
  readonly dir: string
  readonly subtask: number
  readonly parallelism: number
  readonly files: readonly PendingFile[]
}

/** Throws `FILE_SINK_HANDLE_UNKNOWN` for anything else than handles. */
export function checkHandles(restored: readonly unknown[], stateId: string): readonly FileSinkHandle[] {
  for (const handle of restored as readonly Partial<FileSinkHandle>[]) {
    if (handle?.kind !== 'file-sink' || handle.version !== 1) throw engineError('FILE_SINK_HANDLE_UNKNOWN', { stateId })
  }
  return restored as readonly FileSinkHandle[]
}

export interface CleaningWriter {
  readonly jobName: string
  readonly stateId: string
  readonly subtask: number
  readonly parallelism: number
  readonly attempt: number
  readonly restoring: boolean | undefined
}

/**
 * Which of the names in the folder this writer may remove: parts of former attempts that no checkpoint will ever publish.
 *
 * A checkpoint holds one handle of each of its subtasks, so the writer that is given the handle of a subtask knows all of that subtask's
 * files that count. Subtasks that the checkpoint does not have (an attempt since then ran with more) fall to the writer that is given
 * the handle of subtask 0. Without a checkpoint nothing counts, and the writers share the subtasks out.
 */
export function leftovers(names: readonly string[], writer: CleaningWriter, restored: readonly FileSinkHandle[]): string[] {
  const job = word(writer.jobName)
  const stateId = word(writer.stateId)
  const counting = new Set(restored.flatMap(({ files }) => files.map(({ hidden }) => hidden)))
  return names.filter((name) => {
    const part = parseHiddenName(name)
    if (part === undefined || part.job !== job || part.stateId !== stateId || part.attempt >= writer.attempt) return false
    return !counting.has(name) && isResponsible(part, writer, restored)
  })
}

function isResponsible({ subtask }: PartName, writer: CleaningWriter, restored: readonly FileSinkHandle[]): boolean {
  if (restored.length === 0) return writer.restoring === false && subtask % writer.parallelism === writer.subtask
  return restored.some((handle) => handle.subtask === subtask || (handle.subtask === 0 && subtask >= handle.parallelism))
}
