/** What a coordinator needs of the partition it keeps its state in. */

/** What a partition knows of a producer that wrote transactions into it. */
export interface KnownProducer {
  readonly epoch: number
  /** Of the transaction coordinator that wrote its last marker; -1 before the first one. */
  readonly coordinatorEpoch: number
}

/**
 * One partition of an internal topic, as its leader sees it.
 *
 * Does not promise: that a rejected append left nothing behind (it may have been written and not acknowledged), nor that an append
 * behind a rejected one is rejected too. The caller has one append outstanding at a time, and reads the log again after a rejection.
 */
export interface CoordinatorLog {
  /** Of the leadership that this object stands for. */
  readonly leaderEpoch: number
  /** A batch larger than this is refused. */
  readonly batchBytesMax: number
  /** Appends whole batches, in this order; resolves when they are acknowledged by the partition's rule. The bytes belong to the log from then on. */
  append(batches: Uint8Array): Promise<void>
  /**
   * Everything from the log's start to its end, whole batches in order, in chunks of any size; the bytes are the reader's.
   * Ends only when all that it gave is acknowledged, so that nothing which can still be lost is built upon.
   */
  read(): AsyncIterable<Uint8Array>
  producer(producerId: number): KnownProducer | undefined
}
