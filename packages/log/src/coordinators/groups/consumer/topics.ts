/** What group coordination knows of the topics there are, and whether it has changed. */
import { xxh32OfShort } from '../../../compression/xxh32.ts'

export interface GroupTopic {
  readonly name: string
  /** Base64url of the sixteen bytes. */
  readonly id: string
  readonly partitionCount: number
}

/** The topics at this moment. */
export interface GroupTopics {
  /** Another one whenever a topic has come, gone or grown; also from one start of the broker to the next. */
  readonly version: number
  named(name: string): GroupTopic | undefined
  withId(id: string): GroupTopic | undefined
  all(): Iterable<GroupTopic>
}

/**
 * Tells whether the topics a group is subscribed to are still what they were: ids, names and partition counts of those that exist.
 * Sixty-four bits as a double that is never NaN, see `CONSUMER_GROUP_RECORDS`; 0 where there is no topic.
 */
export function metadataHash(names: Iterable<string>, topics: GroupTopics): number {
  const words = new Uint32Array(2)
  for (const name of [...names].sort()) {
    const topic = topics.named(name)
    if (topic === undefined) continue
    const text = Buffer.from(`${topic.id} ${topic.partitionCount} ${name}`)
    for (const index of [0, 1]) words[index] = chained(words[index]!, text, index)
  }
  if (words[0] === 0 && words[1] === 0) return 0
  const bytes = Buffer.alloc(8)
  // One bit of the exponent stays zero: no NaN, no infinity.
  bytes.writeUInt32BE((words[0]! & 0xbfff_ffff) >>> 0, 0)
  bytes.writeUInt32BE(words[1]!, 4)
  return bytes.readDoubleBE(0)
}

const BLOCK_BYTES = 9

/** A hash over `before`, `salt` and the text, block by block, as the hash below takes few bytes at a time. */
function chained(before: number, text: Uint8Array, salt: number): number {
  let hash = before
  for (let at = 0; at < text.length; at += BLOCK_BYTES) {
    const part = text.subarray(at, at + BLOCK_BYTES)
    const block = new Uint8Array(5 + part.length)
    new DataView(block.buffer).setUint32(0, hash)
    block[4] = salt
    block.set(part, 5)
    hash = xxh32OfShort(block, 0, block.length)
  }
  return hash
}
