/** Names of files and folders in a log directory, as Kafka writes them. */

/** The files of one segment, and the producer snapshot taken at its base offset. */
export type SegmentFileKind = 'log' | 'index' | 'timeindex' | 'txnindex' | 'snapshot'

/** What a file is on its way to: `.cleaned` being written, `.swap` ready to replace, `.deleted` to be removed (numbered by us, as one offset may have several). */
export type FileSuffix = '' | '.cleaned' | '.swap' | '.deleted' | `.${number}.deleted`

export interface SegmentFileName {
  readonly baseOffset: number
  readonly kind: SegmentFileKind
  readonly suffix: FileSuffix
}

export function segmentFileName(baseOffset: number, kind: SegmentFileKind, suffix: FileSuffix = ''): string {
  return `${String(baseOffset).padStart(20, '0')}.${kind}${suffix}`
}

/** What a file name of a partition's folder says, or undefined if it is none of a segment. */
export function parseSegmentFileName(name: string): SegmentFileName | undefined {
  const match = /^(\d{20})\.(log|index|timeindex|txnindex|snapshot)(|\.cleaned|\.swap|\.deleted)$/.exec(name)
  if (match === null) return undefined
  const baseOffset = Number(match[1])
  if (!Number.isSafeInteger(baseOffset)) return undefined
  return { baseOffset, kind: match[2] as SegmentFileKind, suffix: match[3] as FileSuffix }
}

/** A partition by its topic's name and its number, from 0. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What a controller of Kafka's own keeps beside the logs of a broker; no partition of a topic. */
export const clusterMetadataTopic = '__cluster_metadata'

/** The name of the folder that holds its log: 'orders-3'. */
export function partitionDirectoryName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** The partition whose log a folder holds, or undefined if it holds none. */
export function parsePartitionDirectoryName(name: string): TopicPartition | undefined {
  const match = /^([a-zA-Z0-9._-]{1,249})-(\d{1,10})$/.exec(name)
  if (match === null || Number(match[2]) > 0x7fff_ffff) return undefined
  return { topic: match[1]!, partition: Number(match[2]) }
}

const directoryNameMax = 255

/** The name of a partition's folder while it waits for its removal; the topic is shortened where the name would be too long. */
export function deletedDirectoryName(partition: TopicPartition, id: string): string {
  const suffix = `-${partition.partition}.${id}-delete`
  return partition.topic.slice(0, directoryNameMax - suffix.length) + suffix
}

export function isDeletedDirectoryName(name: string): boolean {
  return /^.+-\d+\.[0-9a-zA-Z_-]+-delete$/.test(name)
}

/** The name of a partition's folder while it is on its way here from another log directory; undefined where the topic's name is too long for it. */
export function futureDirectoryName(partition: TopicPartition, id: string): string | undefined {
  const name = `${partitionDirectoryName(partition)}.${id}-future`
  return name.length <= directoryNameMax ? name : undefined
}

/** The partition that a folder is to hold one day, or undefined if it is none of these. */
export function parseFutureDirectoryName(name: string): TopicPartition | undefined {
  const match = /^(.+-\d+)\.[0-9a-zA-Z_-]+-future$/.exec(name)
  return match === null ? undefined : parsePartitionDirectoryName(match[1]!)
}
