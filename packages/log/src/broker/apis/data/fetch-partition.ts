import type { ApiRequest } from '../../../protocol/index.ts'
import type { Partition } from '../../topics/partition.ts'

type Wanted = ApiRequest<'Fetch'>['topics'][number]['partitions'][number]

/** A partition as a client wants it fetched; in a session it lives as long as the session, and knows what was told last. */
export class FetchPartition {
  /** Tells it from others of the same request or session. */
  readonly key: string
  readonly topicId: Uint8Array
  /** Known from the request, or since the topic's id was first found. */
  topicName: string | undefined
  readonly index: number
  wanted: Wanted
  toldHighWatermark = -1
  toldLogStartOffset = -1
  /** As it was found last. */
  found: Partition | undefined

  constructor(key: string, topicName: string | undefined, topicId: Uint8Array, wanted: Wanted) {
    this.key = key
    this.topicName = topicName
    this.topicId = topicId
    this.index = wanted.partition
    this.wanted = wanted
  }

  /** Takes what a later request of the session says of it. */
  want({ wanted }: FetchPartition): void {
    this.wanted = wanted
  }
}

export function partitionKey(topicName: string, topicId: Uint8Array, usesTopicIds: boolean, index: number): string {
  return `${usesTopicIds ? Buffer.from(topicId).toString('latin1') : topicName}-${index}`
}
