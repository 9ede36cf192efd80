import type { Disk, MillraceError, Random, Clock } from '@millrace/core'
import type { LogConfig } from '../config.ts'
import type { TopicPartition } from '../names.ts'
import { FilePool } from '../segment/file-pool.ts'
import { IndexCache } from '../segment/index-cache.ts'
import type { LogHost } from './log-host.ts'
import { LogState } from './log-state.ts'
import { PartitionLog } from './partition-log.ts'

export interface UnreachableOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly error: MillraceError
}

/** Stands for the log of a partition that lies where nobody can look: it seems empty, and every operation fails with the error. */
export function unreachableLog(
  partition: TopicPartition,
  config: LogConfig,
  { disk, clock, random, error }: UnreachableOptions,
): PartitionLog {
  const fail = (): Promise<never> => Promise.reject(error)
  const host: LogHost = {
    path: '',
    disk,
    clock,
    random,
    files: new FilePool(disk, 0),
    indexes: new IndexCache(0),
    offline: error,
    failed: () => error,
    sync: fail,
    syncNames: fail,
    checkpointRecoveryPoints: fail,
    wrote: () => undefined,
    notice: () => undefined,
    failedInBackground: () => undefined,
  }
  return new PartitionLog(new LogState(host, partition, config))
}
