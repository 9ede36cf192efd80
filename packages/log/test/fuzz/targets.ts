/** Every decoder of the log. */
import { SeededRandom } from '@millrace/testkit'
import { COMPRESSION_TYPES, decompress, compress } from '../../src/compression/index.ts'
import { decodeRequest, decodeResponse, FrameSplitter, readRequest } from '../../src/protocol/index.ts'
import { batches, buildBatch, crc32c, records, validateProduced, viewBatch, type ProduceRules } from '../../src/records/index.ts'
import { batchEndTransactionMarker, buildEndTransactionMarker } from '../../src/records/control-record.ts'
import { encodeAbortedTransactions, parseAbortedTransactions } from '../../src/storage/index/transaction-index.ts'
import type { ProducerEntry } from '../../src/storage/producers/producer-entry.ts'
import { encodeProducerSnapshot, parseProducerSnapshot } from '../../src/storage/producers/producer-snapshot.ts'
import { formatCheckpoint, parseCheckpoint } from '../../src/storage/checkpoints/text-checkpoint.ts'
import { parseProperties } from '../../src/storage/checkpoints/properties.ts'
import { parsePartitionDirectoryName, parseSegmentFileName } from '../../src/storage/names.ts'
import { groupRecordFormat } from '../../src/coordinators/groups/group-store.ts'
import { transactionFormat, transactionOf } from '../../src/coordinators/transactions/transaction-log.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../src/coordinators/groups/consumer/consumer-protocol.ts'
import * as clientProtocol from '../../src/client/groups/consumer-protocol.ts'
import { openRange } from '../../src/client/fetcher/fetched.ts'
import { readClientFinal, readClientFirst } from '../../src/broker/security/sasl/scram-messages.ts'
import { plainMechanism } from '../../src/broker/security/sasl/plain.ts'
import { capturedFrames, madeFrames, type Frame } from './messages.ts'
import { logDirectoryTarget } from './log-directory.ts'
import type { Target } from './target.ts'

const random = new SeededRandom(20)
const frames: readonly Frame[] = [...madeFrames(random), ...capturedFrames()]
const textEncoder = new TextEncoder()

function framesOf(direction: Frame['direction']): readonly Frame[] {
  return frames.filter((frame) => frame.direction === direction)
}

const requests: Target = {
  name: 'requests of every API and version',
  weight: 40,
  seeds: framesOf('request').map(({ bytes }) => bytes),
  decode(bytes) {
    const { api, version, isSupported, body } = readRequest(bytes)
    if (isSupported) decodeRequest(api.name, version, body)
  },
}

/** A response does not say what it is: its target picks one of those that there are. */
const responses: Target = (() => {
  const known = framesOf('response')
  return {
    name: 'responses of every API and version',
    weight: 40,
    // The last two bytes say which response it is.
    seeds: known.map(({ bytes }, index) => Buffer.concat([bytes, Buffer.from([index >> 8, index & 0xff])])),
    decode(bytes, by) {
      const index = bytes.length < 2 || by.chance(0.1) ? by.between(0, known.length - 1) : (bytes.at(-2)! << 8) | bytes.at(-1)!
      const { api, version } = known[index % known.length]!
      decodeResponse(api, version, bytes.subarray(0, -2))
    },
  }
})()

const stream: Target = {
  name: 'streams of frames',
  seeds: framesOf('request')
    .slice(0, 60)
    .map(({ bytes }) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(bytes.length)
      return Buffer.concat([size, bytes])
    }),
  decode(bytes, by) {
    const splitter = new FrameSplitter(1_000_000, { lent: true })
    for (let at = 0; at < bytes.length;) {
      const end = at + by.between(1, 700)
      splitter.push(bytes.subarray(at, end))
      while (splitter.next() !== undefined);
      at = end
    }
  },
}

function someBatches(): readonly Uint8Array[] {
  const built = COMPRESSION_TYPES.flatMap((compression) =>
    [1, 7].map((count) => {
      const toAppend = Array.from({ length: count }, (_, i) => ({
        key: i % 2 === 0 ? null : textEncoder.encode(`key-${i}`),
        value: textEncoder.encode(`value-${i} `.repeat(i * 3)),
        timestamp: 1_700_000_000_000 + i,
        headers: [{ key: 'name', value: random.bytes(3) }],
      }))
      return buildBatch(toAppend, { compression, producerId: 7, producerEpoch: 0, baseSequence: 0, transactional: count === 7 }).whole
    }),
  )
  const marker = buildEndTransactionMarker({ producerId: 7, producerEpoch: 0, coordinatorEpoch: 1, outcome: 'abort', timestamp: 5 }).whole
  const produced = capturedFrames().filter(({ api, direction }) => api === 'Produce' && direction === 'request')
  return [...built, marker, ...produced.map(({ bytes }) => bytes.subarray(firstBatchAt(bytes)))]
}

/** Where a batch begins in a frame of Produce: 16 bytes before its magic byte stands an offset of 0. */
function firstBatchAt(bytes: Uint8Array): number {
  for (let at = 0; at + 61 < bytes.length; at++) {
    const header = Buffer.from(bytes.buffer, bytes.byteOffset + at, 17)
    if (
      header.readBigInt64BE(0) === 0n &&
      header[16] === 2 &&
      header.readInt32BE(8) > 49 &&
      header.readInt32BE(8) + 12 <= bytes.length - at
    )
      return at
  }
  return 0
}

const batchSeeds = someBatches()
const crcAt = 17
const crcFrom = 21

/** Header fields that are not what the bytes say are found before the checksum is: fitted, the damage goes deeper. */
function fitBatch(bytes: Buffer): void {
  if (bytes.length < 61) return
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeUInt32BE(crc32c(bytes, crcFrom), crcAt)
}

const rules: ProduceRules = {
  batchBytesMax: 1_048_588,
  decompressedBytesMax: 8_388_608,
  keyRequired: false,
  timestampType: 'CreateTime',
  nowMs: 1_700_000_000_000,
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
}

function readBatches(bytes: Uint8Array): void {
  for (const batch of batches(bytes, { verifyCrc: true })) {
    for (const { key } of records(batch, 8_388_608)) void key
    if (batch.isControl) batchEndTransactionMarker(batch)
  }
}

const batchTargets: readonly Target[] = [
  { name: 'batches as they are', seeds: batchSeeds, decode: readBatches },
  { name: 'batches with a checksum that fits', weight: 30, seeds: batchSeeds, mend: fitBatch, decode: readBatches },
  {
    name: 'batches that are produced',
    weight: 20,
    seeds: batchSeeds,
    mend: fitBatch,
    decode: (bytes) => void validateProduced(bytes, rules),
  },
  {
    name: 'batches that a client fetched',
    seeds: batchSeeds,
    mend: fitBatch,
    decode(bytes) {
      const aborted = [{ producerId: 7, firstOffset: 0 }]
      const range = { topic: 't', partition: 0, offset: 0, highWatermark: 9, lastStableOffset: 9, broker: 'b' }
      openRange({ ...range, bytes, lent: false, release: () => undefined, aborted, readCommitted: true }).records.take(
        Number.POSITIVE_INFINITY,
      )
    },
  },
]

const compressionTargets: readonly Target[] = (['gzip', 'snappy', 'lz4', 'zstd'] as const).map((type) => ({
  name: `${type} data`,
  seeds: [0, 10, 300, 3_000].map((size) => compress(type, Buffer.alloc(size, 'abcabcd'))),
  decode: (bytes) => void decompress(type, bytes, 1_000_000),
}))

const producers: readonly ProducerEntry[] = [1, 2, 3].map((producerId) => ({
  producerId,
  producerEpoch: 0,
  coordinatorEpoch: 0,
  transactionFirstOffset: producerId === 2 ? 10 : undefined,
  lastTimestamp: 5,
  batches: [{ lastSequence: 4, lastOffset: 20, offsetDelta: 4, timestamp: 5 }],
}))

const storageTargets: readonly Target[] = [
  {
    name: 'producer snapshots',
    seeds: [encodeProducerSnapshot(producers), encodeProducerSnapshot([])],
    mend: (bytes) => void (bytes.length >= 6 && bytes.writeUInt32BE(crc32c(bytes, 6), 2)),
    decode: (bytes) => void parseProducerSnapshot(bytes, 'path'),
  },
  {
    name: 'transaction indexes',
    seeds: [encodeAbortedTransactions([{ producerId: 1, firstOffset: 2, lastOffset: 3, lastStableOffset: 4 }])],
    decode: (bytes) => void parseAbortedTransactions(bytes, 'path'),
  },
  {
    name: 'checkpoints',
    seeds: [formatCheckpoint(['topic 0 5', 'other 1 7']), formatCheckpoint([])],
    decode: (bytes) => void parseCheckpoint(bytes, 'path', 3),
  },
  {
    name: 'properties',
    seeds: [textEncoder.encode('version=1\nbroker.id=1\n# comment\ncluster.id=abc\n')],
    decode: (bytes) => void parseProperties(Buffer.from(bytes).toString()),
  },
  {
    name: 'names of files and folders',
    seeds: ['00000000000000000012.log', 'topic-name-12', 'topic.abc-delete', '00000000000000000012.timeindex.swap'].map((name) =>
      textEncoder.encode(name),
    ),
    decode(bytes) {
      parseSegmentFileName(Buffer.from(bytes).toString())
      parsePartitionDirectoryName(Buffer.from(bytes).toString())
    },
  },
]

/** Key and value of a record of an internal topic, told apart by a length. */
function pair(key: Uint8Array, value: Uint8Array | null): Uint8Array {
  return Buffer.concat([Buffer.from([key.length >> 8, key.length & 0xff]), key, value ?? new Uint8Array(0)])
}

function apart(bytes: Uint8Array): { readonly key: Uint8Array; readonly value: Uint8Array | null } {
  const size = bytes.length < 2 ? 0 : (bytes[0]! << 8) | bytes[1]!
  const value = bytes.subarray(2 + size)
  return { key: bytes.subarray(2, 2 + size), value: value.length === 0 ? null : value }
}

/** Every type of key, with values of every version that say little: mutation fills them. */
const groupSeeds = Array.from({ length: 17 }, (_, type) =>
  Buffer.concat([Buffer.from([0, type, 0, 1]), Buffer.from('g'), Buffer.from([0, 1, 0x74, 0, 0, 0, 0])]),
).flatMap((key) => [0, 1, 2, 3, 4].map((version) => pair(key, Buffer.concat([Buffer.from([0, version]), Buffer.alloc(40)]))))

const coordinatorTargets: readonly Target[] = [
  {
    name: 'records of __consumer_offsets',
    weight: 20,
    seeds: groupSeeds,
    decode(bytes) {
      const { key, value } = apart(bytes)
      groupRecordFormat.decode(key, value)
    },
  },
  {
    name: 'records of __transaction_state',
    seeds: [0, 1].map((version) =>
      pair(Buffer.from([0, 0, 0, 2, 0x69, 0x64]), Buffer.concat([Buffer.from([0, version]), Buffer.alloc(60)])),
    ),
    decode(bytes) {
      const { key, value } = apart(bytes)
      const record = transactionFormat.decode(key, value)
      if (record !== undefined) transactionOf(record)
    },
  },
  {
    name: 'subscriptions and assignments of members',
    seeds: [
      encodeSubscription({ topics: ['a', 'b'], userData: new Uint8Array(3), ownedPartitions: [], generationId: 1, rackId: null }, 3),
      encodeAssignment({ assignedPartitions: [], userData: null }, 3),
    ],
    decode(bytes, by) {
      const decoders = [
        decodeSubscription,
        decodeAssignment,
        clientProtocol.decodeSubscription.bind(null, 'g'),
        clientProtocol.decodeAssignment.bind(null, 'g'),
      ]
      by.pick(decoders)(bytes)
    },
  },
]

const saslTargets: readonly Target[] = [
  {
    name: 'SCRAM messages',
    seeds: ['n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL', 'c=biws,r=fyko3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts='].map((text) =>
      textEncoder.encode(text),
    ),
    decode(bytes) {
      readClientFirst(bytes)
      readClientFinal(bytes)
    },
  },
  {
    name: 'PLAIN tokens',
    seeds: [textEncoder.encode('\0user\0password')],
    decode: async (bytes) =>
      void (await plainMechanism(() => 'password')
        .start()
        .respond(bytes)),
  },
]

/** A batch whose bytes are whole is found again by its view. */
const viewTarget: Target = {
  name: 'views of one batch',
  seeds: batchSeeds,
  decode(bytes) {
    if (bytes.length >= 61) void viewBatch(bytes).lastOffset
  },
}

export const targets: readonly Target[] = [
  requests,
  responses,
  stream,
  ...batchTargets,
  viewTarget,
  ...compressionTargets,
  ...storageTargets,
  ...coordinatorTargets,
  ...saslTargets,
  logDirectoryTarget,
]
