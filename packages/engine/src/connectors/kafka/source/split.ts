import type { Split } from '../../source.ts'

/** What is still to be read of one partition. */
export interface KafkaSplit extends Split {
  readonly topic: string
  /** Hexadecimal; empty where the cluster does not tell. Another topic may come to have the same name. */
  readonly topicId: string
  readonly partition: number
  /** Of the next record to read. */
  readonly offset: number
  /** Of the leader that the record before came from: finds out whether it is still there after an election. -1 where it is not known. */
  readonly leaderEpoch: number
  /** The first that is not read; left out where reading never ends. */
  readonly endOffset?: number
}

/** What the enumerator tells a reader in the place of a split. Never part of a snapshot. */
export interface SplitOrder extends Split {
  /** The partition is not read any more. */
  readonly order: 'drop'
  readonly topic: string
  readonly partition: number
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export function splitId({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

export function isOrder(split: Split): split is SplitOrder {
  return 'order' in split
}

/** What the enumerator keeps in a checkpoint. */
export interface KafkaEnumeratorState {
  readonly topics: readonly KnownTopic[]
  readonly unassigned: readonly KafkaSplit[]
  /** Whether the splits have ends. */
  readonly bounded: boolean
}

/** A topic whose partitions have been given to readers. */
export interface KnownTopic {
  readonly name: string
  readonly id: string
  readonly partitions: number
}
