/** What the broker reads of the consumer protocol's metadata, as far as its first version goes: version i16 · topics (i32 count, strings) · … */
import { ProtocolError } from '../../../errors.ts'
import { ByteReader } from '../../../protocol/reader.ts'

/** The topics a consumer is subscribed to; undefined where the bytes are not the consumer protocol's. */
export function subscribedTopics(metadata: Uint8Array): string[] | undefined {
  try {
    const reader = new ByteReader(metadata)
    reader.int16()
    const topics: string[] = []
    for (let left = reader.count(reader.int32(), 2); left > 0; left--) topics.push(reader.string(reader.int16()))
    return topics
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
