/** Markers where they belong: at the end of the partitions that a transaction has written to. */
import type { Clock } from '@millrace/core'
import type { MarkerToWrite } from '../../coordinators/framework/index.ts'
import { guardMarker, type MarkersRequest, type MarkersResponse } from '../../coordinators/transactions/index.ts'
import { ERROR_CODE } from '../../protocol/index.ts'
import { buildEndTransactionMarker } from '../../records/index.ts'
import { errorCodeOf } from '../error-code-of.ts'
import { OFFSETS_TOPIC } from '../topics/internal-topics.ts'
import type { Partition } from '../topics/partition.ts'
import type { Topics } from '../topics/topics.ts'

export interface PartitionMarkersOptions {
  readonly topics: Topics
  readonly clock: Clock
  /** Ends a transaction in a partition of the groups' offsets, whose coordinator puts its marker among its own records. */
  readonly writeOffsetsMarker: (partition: number, marker: MarkerToWrite) => Promise<void>
}

interface Marker extends MarkerToWrite {
  readonly transactionVersion: number
}

export class PartitionMarkers {
  readonly #options: PartitionMarkersOptions

  constructor(options: PartitionMarkersOptions) {
    this.#options = options
  }

  /** Writes all markers of a WriteTxnMarkers request, each partition for itself. Never rejects: what fails has its error code. */
  async write({ markers }: MarkersRequest): Promise<MarkersResponse> {
    const written = markers.map(
      async ({ producerId, producerEpoch, transactionResult, coordinatorEpoch, transactionVersion = 0, topics }) => {
        const marker = { producerId, producerEpoch, isCommit: transactionResult, coordinatorEpoch, transactionVersion }
        const inTopics = topics.map(async ({ name, partitionIndexes }) => {
          const results = partitionIndexes.map(async (partitionIndex) => {
            return { partitionIndex, errorCode: await this.#writeTo(name, partitionIndex, marker) }
          })
          return { name, partitions: await Promise.all(results) }
        })
        return { producerId, topics: await Promise.all(inTopics) }
      },
    )
    return { markers: await Promise.all(written) }
  }

  async #writeTo(topic: string, index: number, marker: Marker): Promise<number> {
    const partition = this.#options.topics.named(topic)?.partitions[index]
    if (partition === undefined) return ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
    try {
      if (topic === OFFSETS_TOPIC) await this.#writeToOffsets(partition, marker)
      else await this.#append(partition, marker)
      return ERROR_CODE.NONE
    } catch (error) {
      return errorCodeOf(error)
    }
  }

  async #append(partition: Partition, { isCommit, transactionVersion, ...marker }: Marker): Promise<void> {
    const outcome = isCommit ? 'commit' : 'abort'
    const { whole } = buildEndTransactionMarker({ ...marker, outcome, timestamp: this.#options.clock.now() })
    await partition.append(whole, { origin: 'coordinator', guard: guardMarker(marker.producerEpoch, transactionVersion) })
  }

  async #writeToOffsets({ index, log }: Partition, { transactionVersion, ...marker }: Marker): Promise<void> {
    guardMarker(marker.producerEpoch, transactionVersion)(log.producer(marker.producerId))
    await this.#options.writeOffsetsMarker(index, marker)
  }
}
