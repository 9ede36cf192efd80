import type { Clock, Disk, MillraceError, Random } from '@millrace/core'
import type { FilePool } from '../segment/file-pool.ts'
import type { IndexCache } from '../segment/index-cache.ts'

/** Something an operator should know, that is no error of a call. */
export interface StorageNotice {
  readonly kind:
    | 'recovered'
    | 'truncated'
    | 'started-over'
    | 'index-rebuilt'
    | 'snapshot-ignored'
    | 'checkpoint-ignored'
    | 'full'
    | 'unavailable'
    | 'writable'
    | 'two-logs'
    | 'records-lost'
    | 'damaged'
    | 'gap'
    | 'offline'
    | 'background-failure'
  readonly path: string
  readonly problem: string
}

/** What a partition's log needs of the log directory it lies in. */
export interface LogHost {
  readonly path: string
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly files: FilePool
  readonly indexes: IndexCache
  /** Set once the directory can no longer be trusted: every operation fails with it from then on. */
  readonly offline: MillraceError | undefined
  /**
   * What a failed disk operation means to its caller. All but a full disk and a lack of descriptors takes the directory
   * offline. A failure that leaves the log in an unknown state (`isFatal`) always does: a failed sync above all, because what it
   * was to save may be lost whatever is tried next.
   */
  failed(error: unknown, path: string, isFatal?: boolean): MillraceError
  /** Runs a sync of records when its turn comes: so many at a time in the whole directory. */
  sync(work: () => Promise<void>): Promise<void>
  /** Makes the names of all folders durable; those who ask at the same time share one sync. */
  syncNames(): Promise<void>
  /** Writes the recovery points of all logs, durably. */
  checkpointRecoveryPoints(): Promise<void>
  /** Something has been written: what was refused before may be over. */
  wrote(): void
  notice(notice: StorageNotice): void
  /** What has failed without a caller to hear of it. */
  failedInBackground(error: unknown, path: string): void
}
