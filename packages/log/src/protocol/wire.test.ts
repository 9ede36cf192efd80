/**
 * Guards the bytes on the wire: a fixed message of every API, at every version and in both directions, hashed as it is encoded.
 *
 * Every one of these messages was read and written back, byte for byte, by the classes of Apache Kafka 3.9.1 or 4.1.1; ListOffsets 11, which neither has, is the
 * exception. Round trips alone would not notice an encoder and a decoder that are wrong in the same way.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import * as declarations from './apis/index.ts'
import { APIS, requestCodec, responseCodec, type ApiName } from './apis.ts'
import type { MessageCodec } from './codec.ts'
import { includesVersion, type ApiDeclaration, type Field, type Fields, type PrimitiveType } from './declaration.ts'
import { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

const HASHES: { readonly [api: string]: string } = {
  Produce: '9a024d09ce4a0ec8',
  Fetch: 'a561816fc749b57f',
  ListOffsets: '1659ff2b1f223b6b',
  Metadata: '4f63cb510799b4f1',
  LeaderAndIsr: '904efb9deea52e75',
  StopReplica: '1845f5fa78485145',
  UpdateMetadata: '4d3d815d02b29d31',
  ControlledShutdown: 'daf3657c345539d6',
  OffsetCommit: '23a86b4c4f9d23a0',
  OffsetFetch: 'bb7cb3d8716f27c0',
  FindCoordinator: '61189eebb80c7221',
  JoinGroup: '36ff1fe230b05784',
  Heartbeat: '4a3d18a142f24d34',
  LeaveGroup: '2f598fef4275c4c5',
  SyncGroup: 'f7645f52eb78d021',
  DescribeGroups: '2459c5daaca1dd6e',
  ListGroups: '2418e297ea99b985',
  SaslHandshake: '71a5f5db5e405a98',
  ApiVersions: '8507c369d6856d25',
  CreateTopics: '2b61c5c735f7fb87',
  DeleteTopics: '33852bbbde0cbc82',
  DeleteRecords: '116471aa670ceefb',
  InitProducerId: '26f7065b5ad2b701',
  OffsetForLeaderEpoch: '2ef67b7c7a7b7af4',
  AddPartitionsToTxn: '7be7056611500e2b',
  AddOffsetsToTxn: '8f051607944f09ef',
  EndTxn: 'befbb2b01e981b86',
  WriteTxnMarkers: '4f258b2b0471c4f2',
  TxnOffsetCommit: '3dc90ef0bee4e784',
  DescribeAcls: 'efca7cbf152eb8d9',
  CreateAcls: '3231b1bbebd2302d',
  DeleteAcls: '38b27fc6aa8ed94a',
  DescribeConfigs: 'e6e0bdb81ddae219',
  AlterConfigs: 'a43b0d12bc316fa5',
  AlterReplicaLogDirs: 'ffda13cbf1412d53',
  DescribeLogDirs: '715d7eeb6d575b20',
  SaslAuthenticate: '0321ba3fbee2cb61',
  CreatePartitions: 'fbd2e6b25f95b10f',
  DeleteGroups: '8fb07abb0ce12a4d',
  ElectLeaders: '767e91a9e6c7c770',
  IncrementalAlterConfigs: 'a2fe4f156bf2bd1c',
  AlterPartitionReassignments: '8ddf5beb4f57f5da',
  ListPartitionReassignments: 'ab131bac0cb7d2f1',
  OffsetDelete: '530e1f162271a552',
  DescribeClientQuotas: 'cdfc570308f2e04b',
  AlterClientQuotas: '2937e8e0f5f6c03e',
  DescribeUserScramCredentials: 'b9fc0ec4e6f8bb9d',
  AlterUserScramCredentials: 'c984c4fcfb46f92d',
  DescribeQuorum: '9590a25f607de231',
  AlterPartition: '9ba27941e86112d2',
  UpdateFeatures: '61b0f578e9ccd9fb',
  DescribeCluster: '8d5d0be25685d922',
  DescribeProducers: 'c0b6f9de6b4c721a',
  DescribeTransactions: '8b025a6edf47e19b',
  ListTransactions: 'a3aada48c9096da7',
  ConsumerGroupHeartbeat: '86b560431ab01dfe',
  ConsumerGroupDescribe: '96e2b078205cb077',
  ListConfigResources: '064741b0bc26e2af',
  DescribeTopicPartitions: 'f3356310d6871b20',
}

const INSTRUCTION =
  'The bytes of this API differ from those that Kafka reads. If only a new version was added, check that it is the only difference, have the bytes read and ' +
  'written back by the classes of the Kafka release that brings it, and enter the new hash here.'

const table: { readonly [N in ApiName]: ApiDeclaration } = declarations

/** Values that differ from every default, and grow with the place of the field so that swapped fields show. */
function primitive(type: PrimitiveType, place: number): unknown {
  switch (type) {
    case 'int8':
      return 100 + (place % 20)
    case 'int16':
    case 'uint16':
      return 0x1200 + place
    case 'int32':
    case 'uint32':
      return 0x1234_5600 + place
    case 'int64':
      return 0x0012_3456_789a_bc00 + place
    case 'float64':
      return 1.5 + place
    case 'bool':
      return true
    case 'string':
      return `field ${place}`
    case 'uuid':
      return Uint8Array.from({ length: 16 }, (_, index) => index + place)
    case 'bytes':
    case 'records':
      return Uint8Array.of(1, 2, 3, place)
  }
}

/** A message whose fields have values, except that in the second variant nullable ones are null and tagged ones have their default. */
function sample(fields: Fields, version: number, variant: 0 | 1): { readonly [name: string]: unknown } {
  const present = Object.entries(fields).filter(([, field]) => typeof field === 'string' || includesVersion(field.versions, version))
  return Object.fromEntries(
    present
      .filter(([, field]) => variant === 0 || typeof field === 'string' || field.tag === undefined)
      .map(([name, field], place) => [name, value(field, version, variant, place + 1)]),
  )
}

function value(field: Field, version: number, variant: 0 | 1, place: number): unknown {
  if (typeof field === 'string') return primitive(field, place)
  if (variant === 1 && field.nullable !== undefined && includesVersion(field.nullable, version)) return null
  if (field.type === 'struct') return sample(field.fields, version, variant)
  if (field.type !== 'array') return primitive(field.type, place)
  const { of } = field
  return [0, 1].map((index) => (typeof of === 'string' ? primitive(of, place + index) : sample(of, version, variant)))
}

/** Every sample of an API in hexadecimal digits, each behind its direction and version. */
export function samples(name: ApiName): string[] {
  const { minVersion, maxVersion } = APIS.find((api) => api.name === name)!
  const lines: string[] = []
  for (let version = minVersion; version <= maxVersion; version++) {
    for (const direction of ['request', 'response'] as const) {
      const codec = (direction === 'request' ? requestCodec(name, version) : responseCodec(name, version)) as unknown as MessageCodec<
        unknown,
        unknown
      >
      for (const variant of [0, 1] as const) {
        const writer = new ByteWriter()
        codec.encode(writer, sample(table[name][direction], version, variant))
        const bytes = Buffer.concat(writer.chunks())
        const reader = new ByteReader(bytes)
        codec.decode(reader)
        assert.equal(reader.remaining, 0)
        lines.push(`${direction} ${version} ${bytes.toString('hex')}`)
      }
    }
  }
  return lines
}

describe('bytes on the wire', () => {
  for (const { name } of APIS) {
    it(`of ${name} are those that Kafka reads`, () => {
      assert.equal(createHash('sha256').update(samples(name).join('\n')).digest('hex').slice(0, 16), HASHES[name], INSTRUCTION)
    })
  }
})
