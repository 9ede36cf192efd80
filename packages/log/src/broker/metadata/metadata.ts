/** What a broker on its own remembers besides its logs. */
import { logError } from '../../errors.ts'

export interface TopicMetadata {
  readonly name: string
  /** Sixteen bytes in base64url, as Kafka prints it. */
  readonly id: string
  /** Of each partition, by its number. */
  readonly leaderEpochs: readonly number[]
  /** What was set for the topic, by Kafka's names; the rest are defaults. */
  readonly configs: Readonly<Record<string, string>>
}

export interface Metadata {
  /** Grows with every start. */
  readonly brokerEpoch: number
  /** Below it producer ids may have been given out. */
  readonly nextProducerId: number
  readonly topics: readonly TopicMetadata[]
  /** Topics whose logs are still to be removed. */
  readonly deleting: readonly TopicMetadata[]
}

export const emptyMetadata: Metadata = { brokerEpoch: 0, nextProducerId: 0, topics: [], deleting: [] }

const version = 1

export function formatMetadata(metadata: Metadata): string {
  return `${JSON.stringify({ version, ...metadata })}\n`
}

/** @throws `BROKER_METADATA_CORRUPT` */
export function parseMetadata(text: string, path: string): Metadata {
  const corrupt = (problem: string, cause?: unknown): Error => logError('BROKER_METADATA_CORRUPT', { path, problem }, cause)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw corrupt('it is no JSON', cause)
  }
  if (!isObject(parsed)) throw corrupt('it is no object')
  if (parsed['version'] !== version) throw corrupt(`version ${String(parsed['version'])}`)
  const { brokerEpoch, nextProducerId, topics, deleting } = parsed
  if (!isCount(brokerEpoch) || !isCount(nextProducerId)) throw corrupt('an epoch or a producer id is no number')
  if (!Array.isArray(topics) || !Array.isArray(deleting) || ![...topics, ...deleting].every(isTopic)) throw corrupt('a topic is malformed')
  return { brokerEpoch, nextProducerId, topics, deleting }
}

function isTopic(value: unknown): value is TopicMetadata {
  if (!isObject(value)) return false
  const { name, id, leaderEpochs, configs } = value
  return (
    typeof name === 'string' &&
    typeof id === 'string' &&
    Buffer.from(id, 'base64url').length === 16 &&
    Array.isArray(leaderEpochs) &&
    leaderEpochs.length > 0 &&
    leaderEpochs.every(isCount) &&
    isObject(configs) &&
    Object.values(configs).every((text) => typeof text === 'string')
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
