import type { SeededRandom } from '@millrace/testkit'

/** Values at which lengths, counts and offsets turn. */
const edges32 = [0, -1, 1, 0x7fff_ffff, -0x8000_0000, 0x7fff, 0x00ff_ffff, 2_000_000, 0x1000_0000]
const varintEdges = [
  [0x00],
  [0x01],
  [0x7f],
  [0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xfe, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
]
const bytesMax = 4_096

type Mutation = (bytes: Buffer, random: SeededRandom, other: Uint8Array) => Buffer

function place(bytes: Uint8Array, random: SeededRandom): number {
  return random.between(0, Math.max(0, bytes.length - 1))
}

function spliced(bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)])
}

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    const at = place(bytes, random)
    if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << random.between(0, 7))
    return bytes
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes[place(bytes, random)] = random.pick([0x00, 0xff, 0x7f, 0x80, random.between(0, 255)])
    return bytes
  },
  (bytes, random) => {
    if (bytes.length >= 4) bytes.writeInt32BE(random.pick(edges32), random.between(0, bytes.length - 4))
    return bytes
  },
  (bytes, random) => spliced(bytes, place(bytes, random), 1, Buffer.from(random.pick(varintEdges))),
  (bytes, random) => bytes.subarray(0, random.between(0, bytes.length)),
  (bytes, random) => spliced(bytes, place(bytes, random), random.between(1, 8), new Uint8Array(0)),
  (bytes, random) => spliced(bytes, place(bytes, random), 0, random.bytes(random.between(1, 12))),
  (bytes, random) => {
    const at = place(bytes, random)
    return spliced(bytes, at, 0, bytes.subarray(at, at + random.between(1, 64)))
  },
  (bytes, random, other) => Buffer.concat([bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random))]),
]

/** A copy with a few things wrong. */
export function mutate(bytes: Uint8Array, random: SeededRandom, other: Uint8Array): Buffer {
  let mutated = Buffer.from(bytes)
  for (let count = random.pick([1, 1, 2, 3, 6]); count > 0; count--) mutated = Buffer.from(random.pick(mutations)(mutated, random, other))
  return mutated.subarray(0, bytesMax)
}
