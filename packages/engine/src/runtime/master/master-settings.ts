import type { CheckpointOptions } from '../../checkpoint/options.ts'
import type { EngineOptions } from '../../config/options.ts'
import type { SlotSettings } from '../deployment/deployment.ts'

/** Invocations of an asynchronous user function under way or waiting, for each operator instance. */
const ASYNC_CAPACITY = 100

/** The checkpoint options as the coordinator takes them. */
export function checkpointOptions({ checkpointing }: EngineOptions): CheckpointOptions {
  return {
    intervalMs: checkpointing.interval,
    mode: checkpointing.mode,
    minPauseMs: checkpointing.minPause,
    timeoutMs: checkpointing.timeout,
    maxConcurrent: checkpointing.maxConcurrent,
    tolerableFailures: checkpointing.tolerableFailures,
    numRetained: checkpointing.numRetained,
    retainOnCancel: checkpointing.retainOnCancel,
    unaligned: checkpointing.unaligned,
  }
}

export function slotSettings(options: EngineOptions): SlotSettings {
  return {
    bufferTimeoutMs: options.bufferTimeout,
    mode: options.checkpointing.mode,
    ...(options.checkpointing.unaligned
      ? { unaligned: { alignedTimeoutMs: options.checkpointing.alignedTimeout, bytesMax: options.checkpointing.inFlightLimit } }
      : {}),
    checkpoints: { intervalMs: options.checkpointing.interval, timeoutMs: options.checkpointing.timeout },
    maxRecordsPerSecond: options.sources.maxRecordsPerSecond,
    asynchronousSnapshots: options.checkpointing.asynchronous,
    compression: options.checkpointing.compression,
    incrementalSnapshots: options.checkpointing.incremental,
    development: options.development,
    asyncCapacity: ASYNC_CAPACITY,
  }
}
